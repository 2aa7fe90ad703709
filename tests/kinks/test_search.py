"""Does a search from random points find the wrong gradients of hand-written losses?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from absnormal import gallery
from absnormal.kinks.search import SLOPES, search


def elu(x: Any) -> Any:
    """relu(x) + exp(-relu(-x)) - 1."""
    return np.sum(np.maximum(x, 0) + np.exp(-np.maximum(-x, 0)) - 1)


CASES: list[tuple[Callable[[Any], Any], int, set[Any]]] = [
    (gallery.stable_cross_entropy, 1, {"jax"}),
    (gallery.stable_cross_entropy_swapped, 1, {"jax", -1.0, 1.0}),
    (elu, 3, {-1.0, 1.0}),
    (gallery.maxmin_swapped, 4, {-1.0, 1.0}),
    (gallery.cyclic_relu, 3, {-1.0, 1.0}),
    (gallery.hinge_loss, 2, set()),
    (gallery.coupled_abs, 2, set()),
]


@pytest.mark.parametrize(("f", "n", "wrong"), CASES, ids=lambda value: getattr(value, "name", None))
def test_the_slopes_that_are_wrong_are_found(f: Callable[[Any], Any], n: int, wrong: set[Any]) -> None:
    found = list(search(f, np.full(n, 0.3), trials=20, seed=0, radius=2.0))
    assert found
    faults = {
        slope for one in found for slope, record in zip(SLOPES, one.records, strict=True)
        if record.verdict == "NOT_CLARKE"
    }  # fmt: skip
    assert faults == wrong


def test_points_where_kinks_meet_are_found() -> None:
    found = list(search(gallery.coupled_abs, np.array([0.3, 0.2]), trials=30))
    assert max(len(one.switches) for one in found) == 3


def test_a_branch_that_cannot_be_analysed_is_reported() -> None:
    found = list(search(lambda x: np.where(x[0] > 0, x[0] + 1, x[0]), np.array([0.5]), trials=5))
    assert {one.records[0].verdict for one in found} == {"ERROR"}
    assert all(one.x[0] == 0 for one in found)
