"""A gradient of which rounding of the values leaves no digit is proved by nothing, whoever computed it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.judgement import digits
from absnormal.judgement.digits import lost, why_far
from absnormal.judgement.tolerances import DOUBLE_PRECISION, machine_epsilon, relative
from absnormal.sweeps.table import Sweeps

F = torch.nn.functional
W = np.random.default_rng(0).normal(size=(4, 6))


def kurtosis(x: Any) -> Any:
    d = x - x.mean()
    return (d**4).mean() / ((d**2).mean()) ** 2


def skewness(x: Any) -> Any:
    d = x - x.sum() / len(x)
    return (d**3).mean() / ((d**2).mean()) ** 1.5


def versine(x: Any) -> Any:
    return ((1 - (torch if isinstance(x, torch.Tensor) else np).cos(x)) / x**2).sum()


def exact(f: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    """The gradient in more digits, of the numbers as they are."""
    mp = pytest.importorskip("mpmath")
    with mp.workdps(60):
        if f is versine:
            return np.array([float(mp.sin(t) / t**2 - 2 * (1 - mp.cos(t)) / t**3) for t in map(mp.mpf, x.tolist())])
        own = [mp.mpf(t) for t in x.tolist()]
        d = [t - mp.fsum(own) / len(own) for t in own]
        m = {k: mp.fsum(t**k for t in d) / len(d) for k in (2, 3, 4)}
        k = 4 if f is kurtosis else 3
        below = m[3] if k == 4 else m[2]
        return np.array([
            float(k * (t ** (k - 1) - below) / len(d) / m[2] ** (k / mp.mpf(2)) - k * m[k] * t / len(d)
                  / m[2] ** (k / mp.mpf(2) + 1)) for t in d
        ])  # fmt: skip


def constant(ulps: int, base: float = 1.0, n: int = 20) -> np.ndarray:
    """Numbers that are a few units apart."""
    steps = ulps * np.spacing(np.float32(base)) * np.random.default_rng(n).integers(-3, 4, n)
    return np.asarray((base + steps).astype(np.float32))


SINGLE = [
    *((f, constant(ulps, base)) for f in (kurtosis, skewness) for ulps in (1, 3, 300) for base in (0.1, 1.0, 1000.0)),
    *((versine, np.array([x], np.float32)) for x in (1e-8, 1e-4, 0.5)),
]
DOUBLE = [(versine, np.array([x])) for x in (1e-8, 1e-1, 0.5)]


@pytest.mark.parametrize(("f", "x"), [*SINGLE, *DOUBLE])
def test_an_own_vector_is_judged_as_the_same_vector_given(f: Callable[[Any], Any], x: np.ndarray) -> None:
    report = an.verify(f, torch.tensor(x))
    given = an.verify(f, torch.tensor(x), gradient=report.gradient)
    assert report.verdict is given.verdict is not an.Verdict.NOT_CLARKE
    true = exact(f, x.astype(float))
    apart = np.abs(np.asarray(report.gradient) - true).max() / np.abs(true).max()
    allowed = relative(machine_epsilon(x.dtype))
    if apart > allowed:
        assert not report and "ill-conditioned" in report.proof.reason
    elif apart < allowed / 10:
        assert report


@pytest.mark.parametrize("x", [1e-8, 1e-7, 1e-6, 1e-4, 1e-1])
def test_backward_mode_of_numpy_is_a_tool_like_others(x: float) -> None:
    report = an.verify(versine, [x])
    assert bool(report) == (x == 1e-1)
    assert an.verify(versine, [x], gradient=report.gradient).verdict is report.verdict


def test_a_saturated_classifier_and_a_minimizer_are_no_loss_of_digits() -> None:
    """Their gradients are sums that cancel."""
    logits = torch.tensor([[18.0, 0.0, 1.0], [0.5, 17.0, 0.0]])
    assert an.verify(lambda z: F.cross_entropy(z, torch.tensor([0, 1])), logits)
    rng = np.random.default_rng(0)
    A = torch.tensor(rng.standard_normal((30, 4)), dtype=torch.float32)
    y = torch.tensor(rng.standard_normal(30), dtype=torch.float32)
    best = torch.linalg.lstsq(A.double(), y.double()).solution.float()
    assert an.verify(lambda w: ((A @ w - y) ** 2).mean(), best)
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        ones, many = torch.ones(6, dtype=dtype), torch.linspace(-3, 3, 9, dtype=dtype)
        assert an.verify(lambda z: (100 * (z[1:] - z[:-1] ** 2) ** 2 + (1 - z[:-1]) ** 2).sum(), ones)
        assert an.verify(lambda z, at=many: ((z - at) ** 2).mean(), many)
    assert an.verify(lambda z: (100 * (z[1:] - z[:-1] ** 2) ** 2 + (1 - z[:-1]) ** 2).sum(), np.ones(6))


@pytest.mark.parametrize("x", [1e-8, 1e-7])
def test_a_gradient_far_smaller_than_its_terms_and_a_weight_that_is_rounding_prove_nothing(x: float) -> None:
    report = an.verify(versine, torch.tensor([x], dtype=torch.float64))
    assert report.verdict is an.Verdict.UNDECIDED

    def f(x: Any) -> Any:
        return np.maximum(x[1], 0) - 8 * versine(x[:1]) * np.maximum(-x[1], 0)

    assert not an.verify(f, [x, 0.0], slope=-1)


@pytest.mark.parametrize(("x", "drawn"), [(2.0, False), (1e-8, True)])
def test_roundings_are_drawn_where_they_may_count(x: float, drawn: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[bool] = []
    beyond = digits.beyond_values
    monkeypatch.setattr(digits, "beyond_values", lambda *a, **k: (calls.append(True), beyond(*a, **k))[1])
    an.verify(versine, torch.tensor([x], dtype=torch.float64))
    assert bool(calls) is drawn


def test_what_is_exact_loses_nothing() -> None:
    program = an.trace(lambda x: np.abs(x + 1e16 - 1e16).sum(), np.zeros(2))
    sweeps = Sweeps(program, [np.zeros(2)])
    sigma = sweeps.signature(0.0)
    assert not lost(sweeps, sigma, DOUBLE_PRECISION) and not why_far(sweeps, sigma, [np.ones(2)], DOUBLE_PRECISION)


@pytest.mark.parametrize("power", [1, 2, 3])
def test_a_product_of_zeros_loses_no_digits(power: int) -> None:
    """Rounding moves each factor off 0, and the gradient is 0 all the same."""

    def f(x: Any) -> Any:
        return (np.exp(x[0]) - np.exp(x[1])) ** power * (np.exp(2 * x[0]) - np.exp(2 * x[1]))

    report = an.verify(f, [0.3, 0.3])
    assert report.method == "smooth" and not report.gradient.any()


@pytest.mark.parametrize("f", [
    lambda x: np.sum(np.tanh(W @ x)) + np.abs(x).sum(),
    lambda x: np.sum(np.exp(-np.square(x))) * np.maximum(x[0], x[1]),
    lambda x: np.log(1 + np.sum(np.square(x))),
], ids=["a layer", "a product", "a logarithm"])
def test_no_roundings_are_drawn_where_f_depends_on_its_inputs_most(f: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "why_far", lambda *_: pytest.fail("roundings were drawn"))
    for x in (np.linspace(-1, 2, 6), np.linspace(0, 0.1, 6)):
        assert an.verify(f, x) and an.verify(an.trace(f, x), x)


@pytest.mark.parametrize("idle", [True, False])
def test_weights_of_kinks_that_change_nothing_need_no_digits(idle: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest entry that a softmax subtracts changes nothing, that of a hinge does."""

    def f(x: Any) -> Any:
        z = W.T @ x
        shifted = z - z.max()
        return np.log(np.exp(shifted).sum()) - shifted[0] + (0 if idle else np.maximum(z[1], 0))

    asked: list[bool] = []
    between = digits.between
    monkeypatch.setattr(digits, "between", lambda sweeps: (asked.append(True), between(sweeps))[1])
    report = an.verify(f, np.zeros(4))
    assert report and report.method == "regular" and bool(asked) is not idle
