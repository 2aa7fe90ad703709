"""What does the tape follow, note or refuse?  In-place operations, views, branches, custom backwards, lines."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

import absnormal as an
from absnormal.frontends.torch.capture import capture
from absnormal.sweeps.table import Sweeps

D = torch.float64


def agree(f: Any, x: Any) -> None:
    captured = capture(f, x)
    sweeps = Sweeps(captured.program, None, values=captured.values)
    found = sweeps.gradient(sweeps.signature(captured.slopes[sweeps.alpha]))
    np.testing.assert_allclose(found, captured.gradient, rtol=1e-10, atol=1e-12)


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g


def test_a_straight_through_estimator_is_judged_as_the_vector_that_it_is() -> None:
    report = an.verify(lambda z: Square.apply(z).sum(), torch.tensor([3.0], dtype=D))
    assert report.verdict is an.Verdict.NOT_CLARKE and report.gradient.tolist() == [1.0]
    assert "a straight-through estimator: Square" in report.notes[-1] and report.clarke_gradient.tolist() == [6.0]


def test_a_hook_is_seen() -> None:
    def f(z: Any) -> Any:
        y = z * z
        y.register_hook(lambda g: 2 * g)
        return y.sum()

    report = an.verify(f, torch.tensor([3.0], dtype=D))
    assert report.verdict is an.Verdict.NOT_CLARKE and report.gradient.tolist() == [12.0]


def test_nan_is_in_no_generalized_gradient() -> None:
    def f(z: Any) -> Any:
        z.register_hook(lambda g: g * float("nan"))
        return torch.relu(z).sum()

    assert an.verify(f, torch.zeros(1, dtype=D)).method == "nonfinite"


@pytest.mark.parametrize("build", [
    lambda x: (b := torch.zeros(6, dtype=D), b.__setitem__(slice(0, 3), x), b.mul_(2), b.view(2, 3)[1].add_(b[:3]),
        b)[-1],
    lambda x: (b := x.clone(), b[1:].add_(b[:-1].clone()), b.relu_(), b)[-1],
    lambda x: (b := 2 * x, v := b.view(3, 1).t(), v.add_(1), b + v[0])[-1],
    lambda x: (b := x * 1, b.unsqueeze_(0), b.t_(), b.squeeze_(), b)[-1],
    lambda x: (b := x.repeat(2, 1), b[0].fill_(3.0), b[1, 1:].copy_(b[0, 1:].clone() + x[1:]), b)[-1] * 2,
    lambda x: (b := x.clone(), b.index_put_((torch.tensor([0, 2]),), x[:2] * 3), b)[-1],
    lambda x: (b := x.clone(), b.masked_fill_(torch.tensor([True, False, False]), 5.0), b)[-1],
])  # fmt: skip
def test_views_and_in_place_operations(build: Any) -> None:
    agree(lambda x: (build(x).clone() ** 2).sum(), torch.tensor([0.5, -1.5, 2.0], dtype=D))


STEPS = {
    "scale": lambda b, x: b.mul_(1.5), "half": lambda b, x: b[:3].add_(x),
    "even": lambda b, x: b[::2].mul_(b[1::2].clone()),
    "relu": lambda b, x: b.relu_(), "set": lambda b, x: b.__setitem__(slice(1, 4), 2 * x),
    "square": lambda b, x: b.view(2, 3).t().pow_(2),
    "row": lambda b, x: b.view(2, 3)[0].sub_(b.view(2, 3)[1].clone()), "fill": lambda b, x: b[4:5].fill_(1.0),
}  # fmt: skip


@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=6))
@settings(max_examples=25, deadline=None)
def test_any_order_of_writes_into_a_buffer(names: list[str]) -> None:
    def f(x: Any) -> Any:
        b = torch.linspace(-1.0, 1.2, 6, dtype=D) * 1
        for name in names:
            STEPS[name](b, x)
        return (b * torch.arange(1.0, 7, dtype=D)).sum() + x.sum()

    x = torch.tensor([0.31, -0.73, 1.17], dtype=D, requires_grad=True)
    try:
        f(x).backward()
    except RuntimeError:
        assume(False)
    agree(f, x)


def test_no_grad_and_detach_are_constants() -> None:
    def f(x: Any) -> Any:
        with torch.no_grad():
            scale = x.norm()
        return (x / scale).abs().sum() + (x.detach() * x).sum()

    agree(f, torch.tensor([3.0, -4.0], dtype=D))


def test_what_is_detached_in_place_is_a_constant_from_then_on() -> None:
    def f(x: Any) -> Any:
        before = x.exp() * 1
        y = before * 2
        torch.detach_(before) if x.ndim else before.detach_()
        return (before.mul_(3) * x + y).sum()

    for x in (torch.tensor([0.5, 1.0], dtype=D), torch.tensor(0.5, dtype=D)):
        report = an.verify(f, x)
        assert report and torch.allclose(report.gradient, 5 * x.exp())


def test_a_branch_is_followed_away_from_its_tie_and_refused_at_it() -> None:
    def f(x: Any) -> Any:
        return x.sum() if x[0] > 0 else -x.sum()

    assert an.verify(f, torch.tensor([1.0], dtype=D)).gradient.tolist() == [1.0]
    with pytest.raises(an.TraceError, match=r"tied at this point and was branched on"):
        an.verify(f, torch.tensor([0.0], dtype=D))
    near = an.verify(lambda x: x.sum() if x[0] * 3 > 0.3 else -x.sum(), torch.tensor([0.1], dtype=D))
    assert any("within rounding" in note for note in near.notes)


def test_a_number_that_was_read_is_noted() -> None:
    report = an.verify(lambda x: x.sum() * float(x[0]), torch.tensor([2.0], dtype=D))
    assert any("a number was read" in note for note in report.notes)


@pytest.mark.parametrize("dtype", [D, torch.float32])
@pytest.mark.parametrize("value", [[0.0], [2.0, -1.0]])
def test_what_is_printed_is_read_by_people(value: list[float], dtype: Any) -> None:
    def loss(x: Any) -> Any:
        y = x.relu()
        logged.append(f"{y.sum():.3f} {y} {y.sum()} {x.detach().norm():g} {(x > 0).sum():d}")
        logged.append("%s %r" % (y, x[0]))  # noqa: UP031
        return (y * y).sum()

    logged: list[str] = []
    report = an.verify(loss, torch.tensor(value, dtype=dtype))
    assert report and "read" not in str(report) and logged[0].startswith(f"{max(value[0], 0):.3f}")
    assert not an.trace(loss, torch.tensor(value, dtype=dtype)).guards


def test_a_mask_at_its_tie_is_a_kink_only_where_its_branches_meet() -> None:
    zero = torch.zeros(1, dtype=D)
    assert an.verify(lambda x: torch.where(x > 0, x, 0.0).sum(), zero).gradient.tolist() == [0.0]
    with pytest.raises(an.TraceError, match="tied at this point"):
        an.verify(lambda x: torch.where(x > 0, x + 1, x).sum(), zero)
    with pytest.raises(an.TraceError, match="tied at this point"):
        an.verify(lambda x: (torch.cos(x) * (x > 0).to(D)).sum(), zero)


def test_a_mask_of_detached_values_is_a_kink_all_the_same() -> None:
    with pytest.raises(an.TraceError, match="tied at this point"):
        an.verify(lambda x: (x.detach() > 0).to(D).sum() * (x + 1).sum(), torch.zeros(1, dtype=D))
    assert an.verify(lambda x: (x.detach() > 0).to(D).sum() * x.sum(), torch.zeros(1, dtype=D))
    assert an.verify(lambda x: torch.where(x.detach() > 0, x, 0.0).sum(), torch.zeros(1, dtype=D))


@pytest.mark.parametrize(("mask", "slope"), [(torch.lt, 3.0), (torch.gt, 3.0), (torch.le, 5.0), (torch.ge, 5.0)])
def test_a_mask_of_two_sides_that_are_one_number_everywhere_is_constant(mask: Any, slope: float) -> None:
    report = an.verify(lambda x: torch.where(mask(x - x, 0 * x), 5 * x, 3 * x).sum(), torch.zeros(2))
    assert report.verdict is an.Verdict.CLARKE and report.gradient.tolist() == [slope, slope]
    assert an.generalized_gradient(lambda x: torch.where(mask(x - x, 0 * x), 5 * x, 3 * x).sum(),
                                   torch.zeros(2)).vertices.tolist() == [[slope, slope]]


def test_what_is_not_supported_is_listed_at_once_with_its_lines() -> None:
    with pytest.raises(an.TraceError) as error:
        an.verify(lambda z: torch.renorm(z, 2, 0, 1.0).sum() + torch.linalg.eigvals(z).real.sum(), torch.ones(2, 2))
    assert "renorm" in str(error.value) and "linalg_eig" in str(error.value)
    assert "test_torch_capture.py:" in str(error.value)


@pytest.mark.parametrize("f", [
    lambda x: torch.sqrt(x.abs()).sum(), lambda x: torch.sign(x).sum() + x.sum(), lambda x: F_hardshrink(x),
])
def test_what_no_absolute_value_expresses_is_refused(f: Any) -> None:
    with pytest.raises(an.TraceError, match=r"test_torch_capture\.py"):
        an.verify(f, torch.zeros(2, dtype=D))


def F_hardshrink(x: Any) -> Any:
    return nn.functional.hardshrink(x + 0.5).sum()


@pytest.mark.parametrize("result", [1.0, "a", None, ["a"]])
def test_a_result_that_is_no_tensor_is_refused(result: Any) -> None:
    with pytest.raises(an.TraceError, match=r"must return a tensor.*Fix: "):
        an.verify(lambda x: result, torch.zeros(2))


@pytest.mark.parametrize(("f", "x", "what"), [
    (lambda x: x.sum(), torch.zeros(2, dtype=torch.long), "floating-point"),
    (lambda x: x["a"].sum(), {"a": torch.zeros(2), "b": 3}, "floating-point"),
])  # fmt: skip
def test_bad_input_is_named(f: Any, x: Any, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        an.verify(f, x)


def test_domains() -> None:
    with pytest.raises(an.DomainError):
        an.verify(lambda x: torch.log(x).sum(), torch.zeros(1, dtype=D))
    with pytest.raises(an.DomainError, match="the point"):
        an.verify(lambda x: x.sum(), torch.tensor([float("nan")]))
    with pytest.raises(an.TraceError, match="requires no gradient"):
        an.verify(lambda x: (x > 0).sum().double(), torch.zeros(1, dtype=D))
    with pytest.raises(an.TraceError, match="leave backward"):
        an.verify(lambda x: (loss := (x * x).sum(), loss.backward())[0], torch.zeros(1, dtype=D))


def test_trees_of_tensors() -> None:
    x = {"w": torch.zeros(2, 2, dtype=D), "b": [torch.ones(2, dtype=D), torch.zeros(1)]}
    report = an.verify(lambda x: (x["w"] @ x["b"][0] + x["b"][1]).relu().sum(), x)
    assert report and report.gradient["b"][1].dtype == torch.float32
    assert not an.verify(lambda x: (x["w"] @ x["b"][0] + x["b"][1]).relu().sum(), x, gradient={
        "w": torch.ones(2, 2, dtype=D), "b": [torch.zeros(2, dtype=D), torch.full((1,), 5.0)]})


def test_slopes_can_be_supposed() -> None:
    x = torch.zeros(1, dtype=D)
    f = lambda x: (torch.relu(x) - torch.relu(-x)).sum()  # noqa: E731
    assert not an.verify(f, x) and an.verify(f, x, slope=0.0).gradient.tolist() == [1.0]
    assert an.verify(f, x, exact=True).verdict is an.Verdict.NOT_CLARKE


def test_programs_and_reports_pickle() -> None:
    report = an.verify(lambda x: torch.relu(x @ torch.ones(2, dtype=D)), torch.zeros(2, dtype=D))
    again = pickle.loads(pickle.dumps(report))
    assert again.verdict is report.verdict and again.gradient.tolist() == report.gradient.tolist()
    assert again.certificate.check() and str(again) == str(report)


def test_exact_program_evaluates_elsewhere() -> None:
    captured = capture(lambda x: torch.relu(x * 2 - 1).sum(), torch.tensor([0.5, 3.0], dtype=D))
    assert captured.program(np.array([1.0, 1.0])) == 2.0


def test_a_set_needs_no_backward() -> None:
    def f(x: Any) -> Any:
        y = torch.exp(x)
        z = y.sum() + torch.relu(x[0])
        y.add_(1)
        return z

    x = torch.tensor([0.0, 1.0], dtype=torch.float64)
    with pytest.raises(an.TraceError, match="modified by an inplace operation"):
        an.verify(f, x)
    G = an.generalized_gradient(f, x)
    assert G.complete and G.exact
    assert all(G.contains([1 + share, np.e]) for share in (0.0, 0.5, 1.0)) and not G.contains([2.1, np.e])
