"""CLARKE is about f itself: formulas that lose digits are left open, minimizers and saturated losses are not."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.judgement.tolerances import machine_epsilon, relative

F = torch.nn.functional
mp = pytest.importorskip("mpmath")

#: What the formulas are written with, for 60 digits.
PRECISE = SimpleNamespace(
    **{name: np.frompyfunc(getattr(mp, name), 1, 1)
       for name in ("cos", "cosh", "sin", "sinh", "tan", "exp", "log", "sqrt", "tanh")}
)


def second(x: Any) -> Any:
    """The variance as a difference of moments."""
    return (x * x).mean() - x.mean() ** 2


def cosine(x: Any, m: Any) -> Any:
    a, b = x[: len(x) // 2], x[len(x) // 2 :]
    return (a * b).sum() / m.sqrt((a * a).sum() * (b * b).sum())


#: Formulas of one number, and points.
SCALAR: dict[str, tuple[Callable[[Any, Any], Any], list[float]]] = {
    "versine": (lambda m, x: (1 - m.cos(x)) / x**2, [0.5, 1e-2, 1e-3, 1e-4, 1e-6, 1e-8]),
    "exp": (lambda m, x: (m.exp(x) - 1) / x, [0.5, 1e-3, 1e-4, 1e-6]),
    "sine": (lambda m, x: (x - m.sin(x)) / x**3, [1.0, 0.1, 1e-2, 1e-3, 1e-5]),
    "roots": (lambda m, x: x * (m.sqrt(x + 1) - m.sqrt(x)), [10.0, 1e5, 1e8]),
    "log": (lambda m, x: m.log(1 + x) / x, [0.5, 1e-2, 1e-4, 1e-6]),
    "langevin": (lambda m, x: 1 / m.tanh(x) - 1 / x, [1.0, 0.1, 1e-2, 1e-3]),
    "kinetic": (lambda m, x: (1 / m.sqrt(1 - x * x) - 1) / x**2, [0.5, 1e-2, 1e-3]),
}
WITH: dict[str, Callable[[Callable[[Any, Any], Any], Any, Any], Any]] = {
    "alone": lambda f, m, x: f(m, x).sum(),
    "squared": lambda f, m, x: ((f(m, x) - 0.3) ** 2).sum(),
    "beside": lambda f, m, x: f(m, x[:1]).sum() + 100 * m.sin(x[:1] / x[:1] + x[1:]).sum(),
}
#: Formulas of several.
ROWS: dict[str, Callable[[Any, Any], Any]] = {
    "variance": lambda m, x: second(x),
    "deviation": lambda m, x: m.sqrt(second(x)),
    "log of variance": lambda m, x: m.log(second(x)),
    "variance of a target": lambda m, x: (second(x) - 0.5) ** 2,
    "cosine": lambda m, x: m.log(1 - cosine(x, m)),
    "angle": lambda m, x: m.sqrt(1 - cosine(x, m) ** 2),
}
NOISE = np.random.default_rng(0).standard_normal(6)
POINTS = [mean + NOISE for mean in (0.0, 10.0, 1e3, 1e4)]


def true(f: Callable[[Any, Any], Any], x: np.ndarray) -> np.ndarray:
    """The gradient at the numbers as they are."""
    with mp.workdps(60):
        own, h = np.array([mp.mpf(float(t)) for t in x], dtype=object), mp.mpf(10) ** -20
        steps = [[own + sign * h * np.eye(len(x), dtype=int)[i] for sign in (1, -1)] for i in range(len(x))]
        return np.array([float((f(PRECISE, above) - f(PRECISE, below)) / (2 * h)) for above, below in steps])


def reported(f: Callable[[Any, Any], Any], x: np.ndarray, front: str) -> an.Report:
    """The report by a front end."""
    if front == "numpy":
        return an.verify(lambda z: f(np, z), x.astype(float))
    if front == "jax":
        jnp = pytest.importorskip("jax.numpy")
        return an.verify(lambda z: f(jnp, z), jnp.asarray(x, jnp.float32))
    return an.verify(lambda z: f(torch, z), torch.tensor(x))


def holds(f: Callable[[Any, Any], Any], x: np.ndarray, front: str) -> bool:
    """Whether a gradient that is called Clarke is as near to the true one as reports say; and whether it is called so
    where it is much nearer."""
    try:
        report = reported(f, x, front)
    except (an.DomainError, an.TraceError):  # A difference that is 0 or negative by rounding.
        return False
    expected = true(f, x)
    apart = np.abs(np.asarray(report.gradient, dtype=float) - expected).max() / np.abs(expected).max()
    allowed = relative(machine_epsilon(np.float32 if front == "jax" else x.dtype))
    assert report.verdict is not an.Verdict.NOT_CLARKE
    assert not report or apart <= allowed, f"{apart:.3g} of the gradient"
    return bool(report)


#: In float32 each is open at some of its points.
FRONTS = [("torch", np.float32), ("torch", np.float64), ("numpy", np.float64), ("jax", np.float32)]


@pytest.mark.parametrize(("front", "dtype"), FRONTS)
@pytest.mark.parametrize("how", WITH)
@pytest.mark.parametrize("name", SCALAR)
def test_what_is_called_clarke_is_the_gradient_of_f(name: str, how: str, front: str, dtype: Any) -> None:
    f, points = SCALAR[name]
    if front == "jax" and how != "alone":
        return
    called = [holds(lambda m, x: WITH[how](f, m, x), np.array([x, 0.7 * x], dtype), front) for x in points]
    assert called[0] and not (how == "alone" and dtype is np.float32 and all(called))


@pytest.mark.parametrize("x", [0.1, 0.05, 0.03, 1e-2])
@pytest.mark.parametrize("name", ["sine", "hyperbolic sine", "versine"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_thousand_units_of_half_precision_are_no_digits(dtype: str, name: str, x: float) -> None:
    """f is 0 or several times itself there, so that it allows no change of its gradient."""
    jnp = pytest.importorskip("jax.numpy")
    sinh = {"hyperbolic sine": lambda m, x: ((m.exp(x) - m.exp(-x)) / 2 - x) / x**3}
    f = {**sinh, **{other: row[0] for other, row in SCALAR.items()}}[name]
    tensor = torch.tensor([x], dtype=getattr(torch, dtype))
    expected = true(lambda m, z: f(m, z).sum(), tensor.double().numpy())
    array = jnp.asarray(tensor.float().numpy()).astype(dtype)
    for report in (an.verify(lambda z: f(torch, z).sum(), tensor), an.verify(lambda z: f(jnp, z).sum(), array)):
        assert not report or abs(float(report.gradient[0]) - expected[0]) <= 0.05 * abs(expected[0])


NEAR_ZERO: dict[str, Any] = {
    "sinh": lambda m, x: (m.sinh(x) - x) / x**3,
    "tan": lambda m, x: (m.tan(x) - x) / x**3,
    "sin": lambda m, x: (x - m.sin(x)) / x**3,
    "log cosh": lambda m, x: m.log(m.cosh(x)) / x**2,
    "versine": lambda m, x: (1 - m.cos(x)) / x**2,
    "expm1": lambda m, x: (m.exp(x) - 1 - x) / x**2,
}


@pytest.mark.parametrize("x", [1e-10, 1e-8, 1e-7, -1e-7, 3e-7])
@pytest.mark.parametrize("name", NEAR_ZERO)
@pytest.mark.parametrize("front", ["torch", "numpy"])
def test_what_is_all_rounding_is_no_function_that_is_zero(front: str, name: str, x: float) -> None:
    """Where all of f is rounding it is no larger than that, as a sum is that is zero by symmetry."""
    for how in ("alone", "squared"):
        assert not holds(lambda m, z: WITH[how](NEAR_ZERO[name], m, z), np.array([x, 0.7 * x]), front)


@pytest.mark.parametrize("size", [1e-3, 1.0, 30.0])
def test_a_sum_that_is_zero_by_symmetry_is_not_left_open(size: float) -> None:
    x = size * np.random.default_rng(2).uniform(0.5, 1.5, 9)
    for f in (lambda x: (np.exp(x - x.max()) / np.exp(x - x.max()).sum()).sum() - 1,
              lambda x: ((x - x.mean()) / np.sqrt(((x - x.mean()) ** 2).mean())).sum()):
        assert an.verify(f, x)


@pytest.mark.parametrize("x", [1e-6, 1e-4])
@pytest.mark.parametrize("name", ["log", "exp", "langevin"])
def test_large_entries_of_the_same_leaf_hide_nothing(name: str, x: float) -> None:
    def f(m: Any, z: Any) -> Any:
        return SCALAR[name][0](m, z[:1]).sum() + 100 * m.sin(z[1:] + 0.3).sum()

    assert not holds(f, np.array([x, 0.4], np.float32), "torch")


@pytest.mark.parametrize(("front", "dtype"), FRONTS)
@pytest.mark.parametrize("name", ROWS)
def test_rows_of_a_large_mean(name: str, front: str, dtype: Any) -> None:
    called = [holds(ROWS[name], x.astype(dtype), front) for x in POINTS]
    assert called[0]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("noise", [0.0, 1e-6, 1.0])
def test_a_least_squares_fit_is_not_left_open(noise: float, dtype: Any) -> None:
    rng = np.random.default_rng(1)
    A, w = rng.standard_normal((40, 4)), rng.standard_normal(4)
    y = A @ w + noise * rng.standard_normal(40)
    best = np.linalg.lstsq(A, y, rcond=None)[0]
    matrix, target = torch.tensor(A, dtype=dtype), torch.tensor(y, dtype=dtype)
    assert an.verify(lambda w: ((matrix @ w - target) ** 2).mean(), torch.tensor(best, dtype=dtype))
    assert an.verify(lambda w: ((A @ w - y) ** 2).mean(), best)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_other_minimizers_are_not_left_open(dtype: Any) -> None:
    """One whose gradients vanish far away, and one at 0."""
    rng = np.random.default_rng(1)
    matrix, w = torch.tensor(rng.standard_normal((6, 3)), dtype=dtype), torch.tensor([1.0, -2.0, 0.5], dtype=dtype)
    y = matrix @ w

    def biweight(w: Any) -> Any:
        r = matrix @ w - y - 1e-7
        return torch.where(r.abs() <= 1, (1 - (1 - r**2) ** 3) / 6, torch.full_like(y, 1 / 6)).sum()

    best = torch.linalg.lstsq(matrix.double(), y.double() + 1e-7).solution.to(dtype)
    assert an.verify(biweight, best)
    assert an.verify(lambda z: (torch.softmax(z, 0) * F.log_softmax(z, 0)).sum(), torch.zeros(5, dtype=dtype))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("size", [10.0, 18.0, 40.0])
def test_a_saturated_loss_is_not_left_open(size: float, dtype: Any) -> None:
    logits = torch.eye(4, dtype=dtype) * size + torch.linspace(0, 0.4, 4, dtype=dtype)
    assert an.verify(lambda z: F.cross_entropy(z, torch.arange(4)), logits)
    assert an.verify(lambda z: (torch.logsumexp(z, 1) - z.diagonal()).mean(), logits)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_a_bias_that_changes_nothing_is_not_left_open(dtype: Any) -> None:
    u = torch.tensor(np.random.default_rng(2).standard_normal((32, 5)), dtype=dtype)
    weights = torch.arange(1, 6, dtype=dtype)
    for bias in (0.0, 1.0):
        at = torch.full((5,), bias, dtype=dtype)
        assert an.verify(lambda c: (F.batch_norm(u + c, None, None, training=True).relu() * weights).sum(), at)
        # A loss of a trained network is small, and so are all gradients but that of the rest elsewhere.
        assert an.verify(lambda c: 1e-9 * (F.batch_norm(u + c, None, None, training=True).relu() * weights).sum(), at)


def test_a_value_that_float64_has_not_is_left_open() -> None:
    """In float32 the variance by moments of 0.1 is positive, and in float64 it is negative."""
    x = torch.full((7,), 0.1, dtype=torch.float32)
    for number in (3, 5, 6, 7):
        first = x[:number]
        report = an.verify(lambda x: torch.log((x**2).mean() - x.mean() ** 2 + 5e-9), first)
        assert report.verdict is an.Verdict.UNDECIDED or report.method == "smooth"
