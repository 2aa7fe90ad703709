"""Just inside and just outside of every tolerance: a vector, a leaf, a precision, a deviation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.judgement.tolerances import DOUBLE, LARGEST, ROOT, Tolerance, cancelled, machine_epsilon, relative
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.problem import Problem
from absnormal.theorems.regular import regular

PRECISIONS = {np.float64: 2.0**-52, np.float32: 2.0**-23, np.float16: 2.0**-10}


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize(("factor", "verdict"), [(0.9, "CLARKE"), (1.1, "NOT_CLARKE")])
@pytest.mark.parametrize("kinked", [False, True])
def test_a_given_vector(dtype: Any, factor: float, verdict: str, kinked: bool) -> None:
    """3 x, and 3 |x| at its upper end: 3 (1 + d) is 3 as long as d is within the tolerance of the precision."""
    rtol = min(0.05, 8 * PRECISIONS[dtype] ** 0.5)
    assert relative(machine_epsilon(dtype)) == rtol
    g = np.array([3 * (1 + factor * rtol)], dtype=dtype)
    f, x = (lambda x: 3 * np.abs(x[0]), 0.0) if kinked else (lambda x: 3 * x[0], 1.0)
    assert an.verify(f, [x], gradient=g).verdict.name == verdict


@pytest.mark.parametrize("named", ["rtol", "atol_gradient"])
@pytest.mark.parametrize(("factor", "verdict"), [(0.9, "CLARKE"), (1.1, "NOT_CLARKE")])
def test_a_tolerance_that_the_caller_names(named: str, factor: float, verdict: str) -> None:
    size = 2.0 if named == "rtol" else 1.0
    given = {named: 1e-3}
    report = an.verify(lambda x: 2 * x[0], [1.0], gradient=[2 + factor * 1e-3 * size], **given)
    assert report.verdict.name == verdict


def test_a_tolerance_of_zero_allows_nothing() -> None:
    assert an.verify(lambda x: 2 * np.abs(x[0]), [0.0], gradient=[2.0], rtol=0.0)
    assert not an.verify(lambda x: 2 * np.abs(x[0]), [0.0], gradient=[2 + 1e-9], rtol=0.0)


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf"), "1"])
@pytest.mark.parametrize("name", ["rtol", "atol_gradient"])
def test_a_tolerance_is_a_finite_number(name: str, bad: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a finite number >= 0"):
        an.verify(lambda x: x[0], [0.0], gradient=[1.0], **{name: bad})


@pytest.mark.parametrize("bad", [True, False, np.True_])
@pytest.mark.parametrize("name", ["rtol", "atol_gradient", "atol", "slope", "seed"])
def test_a_truth_value_is_no_number(name: str, bad: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} must be "):
        an.verify(lambda x: abs(x[0]), [0.0], **{name: bad})


@pytest.mark.parametrize("off", ["small", "large"])
def test_every_leaf_has_a_scale_of_its_own(off: str) -> None:
    """1e9 a + b: a tenth of b is nothing next to the gradient by a, and wrong."""
    right = {"large": np.array([1e9]), "small": np.array([1.0])}
    x = {"large": np.array([1.0]), "small": np.array([1.0])}

    def f(x: Any) -> Any:
        return 1e9 * x["large"][0] + x["small"][0]

    assert an.verify(f, x, gradient=right)
    wrong = {**right, off: 1.1 * right[off]}
    assert an.verify(f, x, gradient=wrong).verdict.name == "NOT_CLARKE"


def test_the_coarsest_precision_of_each_leaf() -> None:
    double, single = DOUBLE, machine_epsilon(np.float32)
    found = Tolerance.of(np.float64).at_least([single, 0.0])
    assert found.eps == (single, double)
    np.testing.assert_allclose(found.leaves(np.array([1.0, 1.0])), [ROOT * single**0.5, ROOT * double**0.5])
    assert Tolerance.of(np.float32).at_least([0.0]).eps == (single,)


def test_a_precision_never_allows_more_than_a_twentieth() -> None:
    assert relative(machine_epsilon("bfloat16")) == LARGEST == 0.05 < ROOT * machine_epsilon("bfloat16") ** 0.5


@pytest.mark.parametrize("eps", [DOUBLE, 2.0**-23])
def test_a_leaf_that_cancels_has_the_rounding_of_its_terms(eps: float) -> None:
    """A leaf of zeros made of terms of size 1."""
    (allowed,) = Tolerance((eps,), 0.0).leaves(np.zeros(1), np.ones(1))
    assert allowed == cancelled(eps) < relative(eps)


@pytest.mark.parametrize(("size", "accepted"), [(1.0, True), (2.0**40, False)])
def test_what_a_proof_sets_aside_is_small_against_the_gradient(size: float, accepted: bool) -> None:
    """(L + 1/2 - (L + 1/2)) |x| + |y|: the first weight is 0 up to roundings of L, the gradient is of size 1."""

    def f(x: Any) -> Any:
        u = np.abs(x[0])
        return size * u + 0.5 * u - (size + 0.5) * u + np.abs(x[1])

    found = regular(Problem(Sweeps(an.trace(f, [0.0, 0.0]), np.zeros(2)), np.ones(2), an.Budget()))
    assert (found is not None) == accepted
    if found is not None:
        assert found.evidence.set_aside == [0] and 0 < found.deviation <= relative(DOUBLE)


@pytest.mark.parametrize(("dtype", "factor", "verdict"), [
    (torch.float32, 1.0, "CLARKE"), (torch.float32, 1.002, "CLARKE"), (torch.float32, 1.004, "NOT_CLARKE"),
    (torch.float64, 1.0, "CLARKE"), (torch.float64, 1.002, "NOT_CLARKE"), (torch.bfloat16, 1.04, "CLARKE"),
    (torch.bfloat16, 1.1, "NOT_CLARKE"),
])  # fmt: skip
def test_a_backward_that_is_off_by_a_factor(dtype: torch.dtype, factor: float, verdict: str) -> None:
    """A Function with a backward of its own, in each precision."""

    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 1

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * factor

    x = torch.ones(2, dtype=dtype)
    assert an.verify(lambda x: Scaled.apply(x).sum(), x).verdict.name == verdict


@pytest.mark.parametrize(("repaired", "verdict"), [(True, "CLARKE"), (False, "NOT_CLARKE")])
def test_what_a_hook_returns_is_judged_as_it_is(repaired: bool, verdict: str) -> None:
    """x + d (relu(x) - relu(-x)) is (1 + d) x: a hook adds the d that torch loses, which is less than the tolerance."""
    d = 0.01 * relative(2.0**-23)

    def f(x: Any) -> Any:
        y = 1 * x
        if repaired:
            y.register_hook(lambda g: g + d)
        return (y + d * (torch.relu(y) - torch.relu(-y))).sum()

    assert an.verify(f, torch.zeros(1)).verdict.name == verdict


@pytest.mark.parametrize(("x", "verdict"), [(1e-1, "CLARKE"), (1e-8, "UNDECIDED")])
def test_a_given_vector_without_a_digit_is_left_open(x: float, verdict: str) -> None:
    """The derivative of (1 - cos x) / x^2 is about -x / 12, and 1 / x in float64 where cos x is rounded to 1."""
    f = lambda x: (1 - np.cos(x[0])) / x[0] ** 2  # noqa: E731
    assert an.verify(f, [x], gradient=an.gradient(f, [x])).verdict.name == verdict
    assert not an.verify(f, [x], gradient=[1e8])


@pytest.mark.parametrize("kink", [lambda x: abs(x[1]), lambda x: np.maximum(x[1], 0) - np.maximum(-x[1], 0)])
@pytest.mark.parametrize(("x", "verdict"), [(1e-1, "CLARKE"), (1e-8, "UNDECIDED")])
def test_a_vector_without_a_digit_is_left_open_at_kinks(x: float, verdict: str, kink: Callable[..., Any]) -> None:
    f = lambda x: (1 - np.cos(x[0])) / x[0] ** 2 + kink(x)  # noqa: E731
    right = an.gradient(lambda x: (1 - np.cos(x)) / x**2, x)
    assert an.verify(f, [x, 0.0], gradient=[float(right), 1.0]).verdict.name == verdict


@pytest.mark.parametrize("largest", [lambda x: np.max(x), lambda x: np.maximum(x[0], x[1]), lambda x: np.abs(x[0])])
def test_kinks_of_the_variables_themselves_have_spreads(largest: Callable[..., Any]) -> None:
    """A wrong gradient of a function whose largest variable is taken first, smooth and at a tie."""
    f = lambda x: np.log(np.sum(np.exp(x - largest(x)))) * 3  # noqa: E731
    for x in ([0.3, -1.2, 0.7], [0.7, 0.7, -1.0]):
        assert an.verify(f, x, gradient=[0.1, 0.2, 9.0]).verdict.name == "NOT_CLARKE"


def _minimum(k: float, c: float) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        return c * x[1] - 2 * (torch if isinstance(x, torch.Tensor) else np).minimum(k * x[0], c * x[0])

    return f


def _limiter(k: float, c: float) -> Callable[[Any], Any]:
    """c x_1 - 2 c x_0, as a slope limiter has it."""

    def f(x: Any) -> Any:
        xp: Any = torch if isinstance(x, torch.Tensor) else np
        a, b = k * x[0], c * x[0]
        return c * x[1] - (xp.sign(a) + xp.sign(b)) * xp.minimum(abs(a), abs(b))

    return f


@pytest.mark.parametrize("c", [1.0, 1e-8])
@pytest.mark.parametrize("ratio", [1e4, 1e8, 1e12, 1e16, 1e20])
@pytest.mark.parametrize("made", [_minimum, _limiter])
def test_terms_of_sums_are_no_room_for_a_vector_that_has_a_size(
    made: Callable[[float, float], Callable[[Any], Any]], ratio: float, c: float
) -> None:
    """(0, c) is 2 c off from (-2 c, c), however large the terms are that other slopes of the program add up."""
    f, wrong, right = made(ratio * c, c), np.array([0.0, c]), np.array([-2 * c, c])
    for as_given in (np.array, torch.tensor):
        x = as_given([0.0, 2.0], dtype=as_given(wrong).dtype)
        assert an.verify(f, x, gradient=as_given(right)).verdict.name == "CLARKE"
        given = an.verify(f, x, gradient=as_given(wrong))
        assert given.verdict.name == "NOT_CLARKE" or (given.verdict.name == "UNDECIDED" and ratio > 1e7)
        if made is _limiter:
            assert an.verify(f, x).verdict.name == given.verdict.name


def test_a_leaf_that_cancels_is_no_room_for_another_leaf() -> None:
    """(0, 1) is 2 off from (-2, 1), whether the gradient by b, 0, is a sum that cancels or not."""
    x = {"a": np.array([0.0, 2.0]), "b": np.array([1.0])}

    def f(x: Any) -> Any:
        b = x["b"][0]
        return _minimum(1e16, 1.0)(x["a"]) + (1000 * b - 500 * b - 500 * b)

    right, wrong = ({"a": np.array([first, 1.0]), "b": np.zeros(1)} for first in (-2.0, 0.0))
    budget = an.Budget(seconds=2)
    assert an.verify(f, x, gradient=right, budget=budget)
    assert an.verify(f, x, gradient=wrong, budget=budget).verdict.name != "CLARKE"


def test_a_mean_is_rounded_as_the_gradients_that_have_a_weight_in_it() -> None:
    """The gradient (-2, 1) of each row is 2 off from (0, 1), however large those of other slopes of the program are
    that a search for a mean comes across."""
    x = np.tile([0.0, 2.0], (65, 1))

    def f(x: Any) -> Any:
        return np.sum(x[:, 1] - 2 * np.minimum(1e16 * x[:, 0], x[:, 0]))

    given = np.tile([0.0, 1.0], (65, 1))
    assert an.verify(f, x, gradient=given, budget=an.Budget(seconds=2)).verdict.name != "CLARKE"
    assert an.verify(f, x, gradient=np.tile([-2.0, 1.0], (65, 1)))
