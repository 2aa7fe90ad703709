"""Weights in the order of values that tie: where all weights are equal no order of them counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.errors import TraceError

torch = pytest.importorskip("torch", reason="needs absnormal[torch]")
jnp = pytest.importorskip("jax.numpy", reason="needs absnormal[jax]")
X = [0.0, 0.0, 1.0, 0.0, 1.0]
EQUAL, APART = [0.25] * 5, [0.1, 0.3, 0.2, 0.2, 0.2]


def in_numpy(weights: Any) -> Any:
    weights = np.array(weights)
    return lambda x: (np.sort(x) * np.cumsum(np.take_along_axis(weights, np.argsort(x), 0))).sum()


def in_torch(weights: Any) -> Any:
    weights = torch.tensor(weights, dtype=torch.float64)

    def f(x: Any) -> Any:
        values, order = torch.sort(x)
        return (values * torch.cumsum(weights[order], 0)).sum()

    return f


def in_jax(weights: Any) -> Any:
    weights = jnp.array(weights)
    return lambda x: (jnp.sort(x) * jnp.cumsum(weights[jnp.argsort(x)])).sum()


FRONT_ENDS = {
    "numpy": (in_numpy, np.array), "jax": (in_jax, jnp.array),
    "torch": (in_torch, lambda x: torch.tensor(x, dtype=torch.float64)),
}


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_equal_weights_in_the_order_of_ties_are_constants(name: str) -> None:
    make, point = FRONT_ENDS[name]
    report = an.verify(make(EQUAL), point(X))
    expected = an.verify(lambda x: (np.sort(x) * np.cumsum(EQUAL)).sum(), X)
    assert report.verdict is expected.verdict is an.Verdict.CLARKE
    # Which of the tied entries comes first is the framework's choice; that they get these numbers is not.
    np.testing.assert_allclose(np.sort(np.asarray(report.gradient)), np.cumsum(EQUAL), rtol=1e-6)


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_other_weights_jump(name: str) -> None:
    make, point = FRONT_ENDS[name]
    with pytest.raises(TraceError):
        an.verify(make(APART), point(X))


def test_as_many_equal_numbers_as_a_mask_picks_are_no_constants() -> None:
    weights = torch.full((3,), 0.5, dtype=torch.float64)
    x = torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64)
    with pytest.raises(TraceError):
        an.verify(lambda x: x.sum() * weights[x > 0].sum(), x)
