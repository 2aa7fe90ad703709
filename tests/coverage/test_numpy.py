"""Is NumPy code as people write it followed, with NumPy's values and the right gradients?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.arrays import Array
from absnormal.frontends.numpy.traced import traced
from absnormal.sweeps.table import Sweeps
from tests.coverage.numpy_states import FOLLOWED, JUMPS, MODULES, REFUSED, SNIPPETS, X


def difference(f: Callable[[Any], Any], step: Array) -> Array:
    """The central difference of all results along a step."""
    up, down = (np.asarray(f(X + sign * step), float) for sign in (1.0, -1.0))
    return (up - down).reshape(-1) / 2


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("module", MODULES)
def test_what_is_followed_has_numpys_values_and_the_right_derivative(module: str) -> None:
    for name in FOLLOWED:
        if not name.startswith(f"{module}: "):
            continue
        f = SNIPPETS[name]
        expected = np.asarray(f(X.copy()), float)
        call = traced(f, X)
        program, values = call.program, call.values
        np.testing.assert_allclose(values[program.output], expected, 1e-10, 1e-12, err_msg=name)
        sweeps = Sweeps(program, X, 0.0, values)
        _, rows = sweeps.push(sweeps.signs, np.eye(6))
        for place, row in enumerate(rows):
            step = 1e-6 * np.eye(6)[place]
            np.testing.assert_allclose(row * 1e-6, difference(f, step), 2e-5, 1e-11, err_msg=name)
        weights = np.cos(np.arange(program.m))
        back, _ = sweeps.pull(sweeps.signs, None, weights[None])
        np.testing.assert_allclose(back[0], rows @ weights, 1e-9, 1e-9, err_msg=name)


@pytest.mark.filterwarnings("ignore")
def test_what_is_refused_is_refused_by_name_at_its_line() -> None:
    for name, operation in (JUMPS | REFUSED).items():
        with pytest.raises(an.TraceError) as caught:
            an.trace(SNIPPETS[name], X)
        assert caught.value.operation.startswith(operation), (name, caught.value)
        assert caught.value.fix and caught.value.source is not None, name


def test_most_are_followed() -> None:
    assert len(SNIPPETS) >= 400
    assert len(FOLLOWED) >= 0.9 * len(SNIPPETS)
