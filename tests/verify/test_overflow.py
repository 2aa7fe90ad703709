"""A gradient that is 0 because something overflowed in half or single precision is no Clarke gradient for that."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import absnormal as an

SCALES = {torch.float16: 1e3, torch.bfloat16: 1e25, torch.float32: 1e25, torch.float64: 1e160}


def normalized(x: Any) -> Any:
    apart = x - x.mean()
    return apart / torch.sqrt(apart.square().mean() + 1e-5)


def by_root_mean_square(x: Any) -> Any:
    return x * torch.rsqrt((x * x).mean() + 1e-5)


FUNCTIONS = {"layer norm by hand": normalized, "root mean square by hand": by_root_mean_square}


def case(name: str, dtype: Any) -> tuple[Any, Any, Any]:
    """f, the point, and the gradient in float64 of the same at a scale of 1."""
    b, f = SCALES[dtype], FUNCTIONS[name]
    x = torch.tensor([1.0, 0.5, -1.0], dtype=torch.float64, requires_grad=True)
    torch.abs(f(x)).sum().backward()
    return lambda u: b * torch.abs(f(u)).sum(), (b * x.detach()).to(dtype), x.grad.numpy()


def says_so(report: Any) -> None:
    """Values in float64 decide, and nothing says that those of the framework did."""
    assert [note for note in report.notes if "decided by" in note] == [
        "an operation overflows in its precision: activity is decided by values in float64"]
    assert "decided by the float64 values" in str(report)


@pytest.mark.parametrize("dtype", SCALES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_squares_that_overflow_do_not_make_zero_a_clarke_gradient(name: str, dtype: Any) -> None:
    f, x, exact = case(name, dtype)
    if dtype == torch.float64:
        with pytest.raises(an.DomainError, match="overflows in its precision"):
            an.verify(f, x)
        return
    report = an.verify(f, x)
    assert not report.gradient.any()
    assert report.verdict is an.Verdict.UNDECIDED and "digits were lost" in str(report)
    says_so(report)
    np.testing.assert_allclose(report.clarke_gradient.double(), exact, rtol=0.02, atol=5e-3)
    assert an.verify(f, x, gradient=torch.zeros_like(x)).verdict is an.Verdict.NOT_CLARKE
    assert an.verify(f, x, gradient=report.clarke_gradient).verdict is an.Verdict.CLARKE


def test_under_autocast_it_is_seen_too() -> None:
    model = torch.nn.Linear(2, 2, bias=False)
    model.weight.data = 1000 * torch.eye(2)

    def loss() -> Any:
        with torch.autocast("cpu", dtype=torch.float16):
            y = model(torch.tensor([[1.0, 0.5]]))
            return 1000 * (y / torch.sqrt((y * y).mean() + 1e-5)).float().relu().sum()

    report = an.torch.verify(model, loss)
    assert report.verdict is an.Verdict.UNDECIDED and not report.flat_gradient.any()
    says_so(report)
    model.weight.data = torch.eye(2)
    loss().backward()
    np.testing.assert_allclose(report.flat_clarke_gradient, model.weight.grad.reshape(-1) / 1000, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_clarke_backward_fills_in_the_gradient_that_overflow_lost(dtype: Any) -> None:
    f, x, exact = case("layer norm by hand", dtype)
    x.requires_grad_()
    f(x).backward()
    assert not x.grad.any()
    x.grad = None
    an.torch.clarke_backward([x], lambda: f(x))
    np.testing.assert_allclose(x.grad.double(), exact, rtol=0.02, atol=5e-3)


@pytest.mark.parametrize("f, x, gradient", [
    (lambda x: torch.where(x.abs() > 1e19, x.abs(), x.square()).sum(), [1e20, 1.0, 0.0], [1.0, 2.0, 0.0]),
    (lambda x: torch.softmax(x.masked_fill(torch.tensor([True, False, False]), -torch.inf), 0).abs()[1],
     [5.0, 1.0, 1.0], [0.0, 0.25, -0.25]),
    (lambda x: torch.relu(x / torch.full((), torch.inf) + x).sum(), [1.0, -2.0, 3.0], [1.0, 0.0, 1.0]),
], ids=["a side that is not taken", "a mask", "an infinite constant"])  # fmt: skip
def test_what_is_infinite_and_does_not_count_is_no_overflow(f: Any, x: list[float], gradient: list[float]) -> None:
    report = an.verify(f, torch.tensor(x))
    assert report.verdict is an.Verdict.CLARKE
    np.testing.assert_allclose(report.gradient, gradient, atol=1e-6)


def test_a_gradient_that_overflow_made_nan_is_refuted_and_the_right_one_given() -> None:
    report = an.verify(lambda x: (x / (1 + torch.exp(-x))).abs().sum(), torch.tensor([-100.0, 1.0]))
    assert report.verdict is an.Verdict.NOT_CLARKE and report.gradient[0].isnan()
    np.testing.assert_allclose(report.clarke_gradient, [0.0, 0.9276705], atol=1e-6)


# -- JAX -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32])
def test_in_jax_too(dtype: Any) -> None:
    b = 1e3 if dtype == jnp.float16 else 1e25
    x = b * jnp.array([1.0, 0.5, -1.0]).astype(dtype)

    def f(u: Any) -> Any:
        apart = u - u.mean()
        return (b * jnp.abs(apart / jnp.sqrt(jnp.square(apart).mean() + 1e-5))).sum()

    assert not jax.grad(f)(x).any()
    _, _, exact = case("layer norm by hand", torch.float32)
    report = an.verify(f, x)
    assert report.verdict is an.Verdict.UNDECIDED and "digits were lost" in str(report)
    says_so(report)
    for found in (report.clarke_gradient, an.clarke_gradient(f, x)):
        np.testing.assert_allclose(np.asarray(found, float), exact, rtol=0.02, atol=5e-3)
    assert an.verify(f, x, gradient=jnp.zeros_like(x)).verdict is an.Verdict.NOT_CLARKE


def test_in_jax_another_point_after_one_that_overflows() -> None:
    """The trace of the first point is not used again with what overflowed there."""

    def f(x: Any) -> Any:
        return jnp.abs(x / jnp.sqrt((x * x).sum() + 1.0)).sum()

    for scale in (1.0, 1e25, 2.0, 1e25):
        report = an.verify(f, scale * jnp.array([3.0, 4.0]))
        assert scale > 1e20 or report.verdict is an.Verdict.CLARKE
        x = np.array([3.0, 4.0]) * scale
        r = np.sqrt(x @ x + 1.0)
        np.testing.assert_allclose(report.clarke_gradient, (1.0 - x.sum() * x / r / r) / r, rtol=1e-3, atol=1e-30)


def test_in_jax_a_gradient_that_overflow_made_nan_is_refuted() -> None:
    report = an.verify(lambda x: jnp.abs(x / (1 + jnp.exp(-x))).sum(), jnp.array([-100.0, 1.0]))
    assert report.verdict is an.Verdict.NOT_CLARKE and np.isnan(report.gradient[0])
    np.testing.assert_allclose(report.clarke_gradient, [0.0, 0.9276705], atol=1e-6)
