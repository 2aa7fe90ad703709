"""The logistic loss written by hand, at a head of zeros: every batch is tied, and f has no kink there.

relu(z) - z y + log1p(exp(-|z|)) is log(1 + exp(z)) - z y, whose gradient at z = 0 is 1/2 - y.  What tools return there
depends on the slopes that they take at relu and at |.|, which do not fit together in torch and in JAX.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import absnormal as an

SIZES = [2, 4, 8, 16, 17, 64, 300]


def data(batch: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(batch)
    return rng.standard_normal((batch, 3)), (rng.random(batch) > 0.4).astype(float)


def true(batch: int) -> Any:
    inputs, y = data(batch)
    return (0.5 - y) @ inputs / batch


def in_numpy(batch: int) -> Callable[[Any], Any]:
    inputs, y = data(batch)

    def loss(w: Any) -> Any:
        z = inputs @ w
        positive = np.where(z > 0, z, 0)
        return np.mean(positive - z * y + np.log1p(np.exp(-np.abs(z))))

    return loss


def in_torch(batch: int, dtype: Any = None) -> tuple[Callable[[Any], Any], Any]:
    import torch

    inputs, y = (torch.tensor(a, dtype=dtype or torch.float64) for a in data(batch))

    def loss(w: Any) -> Any:
        z = inputs @ w
        positive = torch.relu(z)
        return (positive - z * y + torch.log1p(torch.exp(-z.abs()))).mean()

    return loss, torch.zeros(3, dtype=inputs.dtype)


def check(report: Any, batch: int, first: str, second: str, fix: str, rounding: float = 1e-12) -> None:
    """Both lines, the fix, the true gradient, the certificate."""
    assert (report.verdict.name, report.method) == ("NOT_CLARKE", "separation")
    assert f"z0 and z{batch} kink on the same set: z{batch} = z0 ({first} at " in report.explanation
    assert f", {second} at test_logistic_by_hand.py:" in report.explanation and fix in report.explanation
    assert {culprit.operation for culprit in report.culprits} == {first, second}
    assert [culprit.count for culprit in report.culprits] == [batch, batch]
    np.testing.assert_allclose(np.asarray(report.clarke_gradient), true(batch), atol=rounding)
    assert report.certificate is not None and report.certificate.check()


@pytest.mark.parametrize("batch", SIZES)
def test_numpy(batch: int) -> None:
    f, w = in_numpy(batch), np.zeros(3)
    report = an.verify(f, w)
    check(report, batch, "np.where", "np.absolute", "write np.logaddexp(0, z)")
    assert "the slopes -1 and 0 cannot hold together" in report.explanation
    check(an.verify(f, w, gradient=an.gradient(f, w)), batch, "np.where", "np.absolute", "np.logaddexp(0, z)")
    assert an.verify(f, w, slope=-1) and an.verify(f, w, gradient=true(batch))


@pytest.mark.parametrize("batch", SIZES)
def test_torch(batch: int) -> None:
    import torch

    f, w = in_torch(batch)
    fix = "F.binary_cross_entropy_with_logits(z, y)"
    check(an.verify(f, w), batch, "torch.relu", "torch.abs", fix)
    returned = torch.func.grad(f)(w)
    check(an.verify(f, w, gradient=returned), batch, "torch.relu", "torch.abs", fix)
    assert an.verify(f, w, gradient=torch.tensor(true(batch)))


@pytest.mark.parametrize("name", ["float32", "float16"])
def test_torch_in_single_and_half_precision(name: str) -> None:
    import torch

    f, w = in_torch(20, getattr(torch, name))
    assert an.verify(f, w).verdict.name == "NOT_CLARKE"


@pytest.mark.slow
@pytest.mark.parametrize("batch", [2, 64])
def test_jax(batch: int) -> None:
    jax = pytest.importorskip("jax")
    jnp = jax.numpy
    inputs, y = data(batch)

    def f(w: Any) -> Any:
        z = inputs @ w
        positive = jax.nn.relu(z)
        return (positive - z * y + jnp.log1p(jnp.exp(-jnp.abs(z)))).mean()

    w = jnp.zeros(3)
    for options in ({}, {"gradient": jax.grad(f)(w)}):
        check(an.verify(f, w, **options), batch, "jax.nn.relu", "jnp.abs", "jax.nn.softplus(z)", 1e-6)


@pytest.mark.parametrize("batch", SIZES)
def test_the_set_is_one_gradient(batch: int) -> None:
    G = an.generalized_gradient(in_numpy(batch), np.zeros(3))
    assert G.complete and G.exact and len(G.vertices) == 1
    np.testing.assert_allclose(G.vertices[0], true(batch), atol=1e-12)
    assert G.contains(true(batch)) is True and G.contains(true(batch) + 1e-3) is False
    again = an.gradient(in_numpy(batch), np.zeros(3), slope=G.signatures[0].astype(float))
    np.testing.assert_allclose(again, true(batch), atol=1e-12)


@pytest.mark.parametrize(("k", "method"), [(0.5, "merging"), (2.0, "merging"), (-1.0, "separation")])
def test_a_kink_is_left_where_z_is_scaled_and_computed_anew_for_each_use(k: float, method: str) -> None:
    """relu(z / k): f is convex for |k| < 1 and concave for |k| > 1."""
    import torch

    inputs, y = (torch.tensor(a) for a in data(40))

    def f(w: Any) -> Any:
        return (torch.relu(inputs @ w / k) - inputs @ w * y - torch.nn.functional.logsigmoid((inputs @ w).abs())).mean()

    report = an.verify(f, torch.zeros(3, dtype=torch.float64))
    assert report.method == method and report.certificate.check()
    assert "kink on the same set" in report.explanation
    returned = torch.func.grad(f)(torch.zeros(3, dtype=torch.float64))
    given = an.verify(f, torch.zeros(3, dtype=torch.float64), gradient=returned)
    assert given.method == method and given.certificate.check()


@pytest.mark.parametrize("k", [2.0, 3.0])
def test_large_constants_that_are_made_anew_are_compared(k: float) -> None:
    """2 X and 2 X are one matrix, 2 X and 3 X are two: then nothing is known of kinks on one set."""
    import torch

    inputs, y = (torch.tensor(a) for a in data(2000))

    def f(w: Any) -> Any:
        z = (2 * inputs) @ w
        return (torch.relu(z) - z * y + torch.log1p(torch.exp(-((k * inputs) @ w).abs()))).mean()

    explanation = an.verify(f, torch.zeros(3, dtype=torch.float64)).explanation
    assert ("kink on the same set" in explanation) == (k == 2)
