"""A vector that is given is allowed the rounding of its own type, or of the precision in which f ran."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import absnormal as an

X = np.random.default_rng(0).standard_normal((10, 6))


def written(g: Any, name: str) -> list[Any]:
    """A gradient as the framework's own array, and as what remains of it elsewhere; then one with a wrong entry."""
    numbers = np.array(g.tolist())
    wrong = numbers * np.where(np.arange(6) == np.abs(numbers).argmax(), 1.3, 1.0)
    return [g, numbers, numbers.tolist(), numbers.astype("float16" if name == "bfloat16" else name), wrong]


def settled(f: Callable[[Any], Any], x: Any, given: list[Any]) -> None:
    *right, wrong = given
    for vector in right:
        report = an.verify(f, x, gradient=vector)
        assert report and report.certificate.check(), report
    assert not an.verify(f, x, gradient=wrong)


@pytest.mark.parametrize("name", ["bfloat16", "float16", "float32", "float64"])
def test_in_torch(name: str) -> None:
    dtype = getattr(torch, name)
    rows = torch.tensor(X, dtype=dtype)
    smooth, kinked = lambda w: torch.tanh(rows @ w).exp().sum(), lambda w: (rows @ w + torch.relu(w[:1] - 1)).sum()
    for f in (smooth, kinked):
        w = torch.ones(6, dtype=dtype, requires_grad=True)
        f(w).backward()
        settled(f, w.detach(), written(w.grad, name))


@pytest.mark.parametrize("name", ["bfloat16", "float32"])
def test_in_jax(name: str) -> None:
    rows, w = jnp.array(X, name), jnp.ones(6, name)

    def f(w: Any) -> Any:
        return jnp.exp(jnp.tanh(rows @ w)).sum()

    settled(f, w, written(jax.grad(f)(w), name))


def test_of_a_numpy_function() -> None:
    """f runs in double precision: what counts is the type of the vector."""
    third = torch.tensor([1 / 3], dtype=torch.bfloat16)
    for vector in (third, jnp.array([1 / 3], "bfloat16"), np.array([1 / 3], np.float16)):
        assert an.verify(lambda x: np.sum(x) / 3, [0.0], gradient=vector)
    assert an.verify(lambda x: np.sum(x) / 3, [0.0], gradient=third.double()).verdict is an.Verdict.NOT_CLARKE


def test_on_rationals_only_the_type_of_the_vector_counts() -> None:
    x, off = torch.ones(1), [2 + 1e-4]
    assert an.verify(lambda x: 2 * x.sum(), x, gradient=off)
    assert not an.verify(lambda x: 2 * x.sum(), x, gradient=off, exact=True)
    assert an.verify(lambda x: 2 * x.sum(), x, gradient=np.array(off, np.float32), exact=True)
