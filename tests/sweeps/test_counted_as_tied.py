"""Switches that count as tied, though they are not 0: does a direction choose its side, however a kink is written?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import absnormal as an

#: max(u, v, w), and the sum of the two largest of three.
_WRITTEN: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "a chain": (lambda u: np.maximum(np.maximum(u[0], u[1]), u[2]), lambda u: np.max(u)),
    "backwards": (lambda u: np.maximum(u[0], np.maximum(u[2], u[1])), lambda u: np.max(u)),
    "a minimum": (lambda u: -np.minimum(np.minimum(-u[0], -u[1]), -u[2]), lambda u: -np.min(-u)),
    "sorted": (lambda u: np.maximum(np.maximum(u[0], u[1]), u[2]), lambda u: np.sort(u)[2]),
    "clipped": (lambda u: np.maximum(u[0] - u[1], 0) + 0 * u[2], lambda u: np.clip(u[0] - u[1], 0, 9)),
    "two largest": (lambda u: np.sum(u) + np.maximum(np.maximum(-u[0], -u[1]), -u[2]), lambda u: np.sort(u)[1:].sum()),
}  # fmt: skip


@pytest.mark.slow
def test_slopes_and_sets_are_the_same_on_either_side_of_a_tie() -> None:
    rng = np.random.default_rng(0)
    for name, (plain, other) in _WRITTEN.items():
        for signs in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 2, 0), (2, 1, 0), (0, 1, 2), (0, 2, 1)):
            x = 1e-9 * np.array(signs)
            if name in ("clipped", "sorted", "two largest") and not any(signs):
                continue
            sets = [an.generalized_gradient(f, x, atol=1e-6) for f in (plain, other)]
            for d in rng.standard_normal((6, 3)):
                slopes = [an.directional_derivative(f, x, d, atol=1e-6) for f in (plain, other)]
                assert np.isclose(*slopes), (name, signs)
                assert np.isclose(*(G.support(d) for G in sets)), (name, signs)
                assert np.isclose(sets[0].support(d), plain(d)), (name, signs)
