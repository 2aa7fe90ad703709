"""Entries that a tied mask picks in torch, as they are read, computed with, reduced and written; signs; orders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import absnormal as an

C = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)


def put_back(x: Any) -> Any:
    y, mask = x.clone(), x > 0
    y[mask] = y[mask] ** 2
    return (C * y).sum()


def in_place(x: Any) -> Any:
    y = x.clone()
    y[x < 0] *= 0.1
    return (C * y).sum()


def two_sides(x: Any) -> Any:
    y, mask = torch.zeros_like(x), x > 0
    y[mask] = 1 + x[mask]
    y[~mask] = torch.exp(x[~mask])
    return (C * y).sum()


def a_mask_that_changes(x: Any) -> Any:
    mask = x > 0
    mask &= x < 5
    mask |= x < -7
    return (x * mask).sum() + x[mask].sum()


def beside_constants(x: Any) -> Any:
    mask = x > C - 1
    return (x[mask] - (C - 1)[mask]).abs().sum() + (2 * (x[mask] - C[mask] + 1)).sum()


def a_loss(x: Any) -> Any:
    mask = x > 0
    return F.mse_loss(x[mask], 0 * C[mask], reduction="sum") + F.smooth_l1_loss(
        0.3 * x[mask], 0 * x[mask], reduction="none").sum()


def the_number_cancels(x: Any) -> Any:
    mask = x > 0
    return x[mask].mean() * mask.sum()


def boxes_that_touch(x: Any) -> Any:
    left, right = torch.maximum(x[:2], C[:2] - 1), torch.minimum(x[2:], C[2:] - 3)
    mask, area = (right > left) & (right + 1 > left), torch.zeros_like(left)
    area[mask] = (right[mask] - left[mask]) * (right[mask] + 1)
    return area.sum()


FOLLOWED: dict[str, Callable[[Any], Any]] = {
    one.__name__: one
    for one in (boxes_that_touch, put_back, in_place, two_sides, a_mask_that_changes, beside_constants, a_loss)
} | {
    "sum": lambda x: x[x > 0].sum(), "masked_select": lambda x: torch.masked_select(x, x >= 0).square().sum(),
    "relu twice": lambda x: F.relu(x)[F.relu(x) > 0].sum(), "a norm": lambda x: x[x > 0].norm(),
    "scattered": lambda x: torch.zeros_like(x).masked_scatter(x > 0, 2 * x[x > 0]).sum(),
    "copysign": lambda x: (torch.copysign(torch.ones_like(x), x) * x).sum(),
    "copysign of a size": lambda x: torch.copysign(x.abs(), x).sum(),
    "a view of a mask": lambda x: x[:2][(x > 0)[:2]].sum(),
    "kthvalue": lambda x: x.exp()[x.kthvalue(2).indices], "median": lambda x: 2 * x[x.median(0).indices],
    "medians": lambda x: x.reshape(2, 2).gather(1, x.reshape(2, 2).median(1, keepdim=True).indices).sum(),
}  # fmt: skip
#: x > 0 holds for one entry, for none, for all but one; several are tied.
POINTS = ([0.0, 1.0, -2.0, 3.0], [0.0, 0.0, -2.0, 1.0], [-1.0, -1.0, 0.0, 0.0], [1.0, 0.0, 2.0, 0.0])


def slopes_agree(f: Callable[[Any], Any], x: Any) -> None:
    """The slopes of the program against differences of values."""
    random, step, program = np.random.default_rng(0), 2.0**-22, an.trace(f, x)
    for d in (*np.eye(4), *-np.eye(4), *random.standard_normal((3, 4))):
        gap = float(f(x + step * torch.tensor(d)) - f(x)) / step
        assert float(an.directional_derivative(program, x, d)) == pytest.approx(gap, abs=1e-4)


@pytest.mark.parametrize("point", POINTS, ids=str)
@pytest.mark.parametrize("name", FOLLOWED)
def test_what_is_computed_from_picked_entries_has_the_slopes_of_its_values(name: str, point: list[float]) -> None:
    f, x = FOLLOWED[name], torch.tensor(point, dtype=torch.float64)
    if name == "a norm" and not (x > 0).any():
        return
    slopes_agree(f, x)
    report = an.verify(f, x)
    assert report.verdict is not an.Verdict.UNDECIDED
    leaf = x.clone().requires_grad_()
    np.testing.assert_array_equal(report.gradient, torch.autograd.grad(f(leaf), leaf)[0])


def test_a_mean_is_followed_where_the_number_of_entries_cancels() -> None:
    x = torch.tensor([0.0, 1.0, -2.0, 3.0], dtype=torch.float64)
    assert an.verify(the_number_cancels, x)
    slopes_agree(the_number_cancels, x)


def test_where_other_conditions_decide_all_may_be_computed_from_picked_entries() -> None:
    def f(x: Any) -> Any:
        picked = x[:2][(x[:2] > 0) & (x[2:] > 0)]
        return picked.cumsum(0).sum() + len(picked) * x[3]

    x = torch.tensor([0.0, 1.0, -1.0, 2.0], dtype=torch.float64)
    assert an.verify(f, x).method == "smooth"
    slopes_agree(f, x)


def test_a_sign_that_is_lost_is_found() -> None:
    x = torch.zeros(2, dtype=torch.float64)
    assert an.verify(FOLLOWED["copysign of a size"], x).verdict is an.Verdict.NOT_CLARKE


def of_a_size(x: Any) -> Any:
    return x[x > 0].sum() / x[x > 0].shape[0]


def of_a_length(x: Any) -> Any:
    return len(x[x > 0]) * x.sum()


def of_ones(x: Any) -> Any:
    return torch.ones_like(x[x > 0]).sum() * x.sum()


def of_constants(x: Any) -> Any:
    return torch.ones_like(C[x > 0]).sum() * x.sum()


def expanded(x: Any) -> Any:
    return x[3].expand_as(x[x > 0]).sum()


def a_batch_mean(x: Any) -> Any:
    picked = x[x > -1]
    return F.kl_div(picked, torch.ones_like(picked), reduction="batchmean") + x.sum()


def a_derivative(x: Any) -> Any:
    own = x if x.requires_grad else x.clone().requires_grad_()
    weight = own[3:] * 1.0
    (count,) = torch.autograd.grad((own[:3][own[:3] > 0].detach() + weight).sum(), weight, create_graph=True)
    return count.sum() * x.sum()


def a_mean(x: Any) -> Any:
    return F.relu(x)[F.relu(x) > 0].mean()


def another_mask(x: Any) -> Any:
    return (x[x > 0] * x[x <= 0]).sum()


def added(x: Any) -> Any:
    return (x[x > 0] + 1).sum()


def written_number(x: Any) -> Any:
    y = x.clone()
    y[x > 0] = 1.0
    return y.sum()


def changed_beside_itself(x: Any) -> Any:
    mask = x > 0
    view = mask[:2]
    mask ^= x > 1
    return (x[:2] + 1)[view].sum() + (x[2:] * mask[2:]).sum()


@pytest.mark.parametrize("f", [
    of_a_size, of_a_length, of_ones, of_constants, expanded, a_batch_mean, a_derivative, a_mean, added, written_number,
    changed_beside_itself,
], ids=lambda f: f.__name__)  # fmt: skip
def test_what_the_number_of_picked_entries_tells_is_refused(f: Callable[[Any], Any]) -> None:
    x = torch.tensor([0.0, -1.0, 0.5, 2.0], dtype=torch.float64)
    moved = f(x + 2.0**-30 * torch.tensor([1.0, 1.0, 0.0, 0.0], dtype=torch.float64))
    assert abs(float(moved - f(x))) > 1e-3
    with pytest.raises(an.TraceError, match="Fix: "):
        an.verify(f, x)


def constants_of_another_mask(x: Any) -> Any:
    return (x[x > 0] * torch.arange(1.0, 5.0, dtype=x.dtype)[x <= 0]).sum()


def by_a_mask_that_was_changed_through_a_view(x: Any) -> Any:
    mask = x > 0
    mask[:1].logical_not_()
    return x[mask].sum()


@pytest.mark.parametrize("f", [
    another_mask, constants_of_another_mask, by_a_mask_that_was_changed_through_a_view,
], ids=lambda f: f.__name__)  # fmt: skip
def test_entries_that_another_mask_picks_are_none_of_one(f: Callable[[Any], Any]) -> None:
    with pytest.raises(an.TraceError, match="Fix: "):
        an.verify(f, torch.tensor([0.0, 1.0, 2.0, -1.0], dtype=torch.float64))


def added_in_place(x: Any) -> Any:
    y = x.clone()
    mask = y > 0
    y[mask] += -1.0 * x[mask]
    return y


def scaled_in_place(x: Any) -> Any:
    y = x.clone()
    picked = y[y > 0]
    picked.mul_(0.0)
    y[y > 0] = picked
    return y


@pytest.mark.parametrize("f", [added_in_place, scaled_in_place], ids=lambda f: f.__name__)
def test_what_is_changed_in_place_is_the_picked_entries_alone(f: Callable[[Any], Any]) -> None:
    """f and f after f are min(x, 0): other entries keep their values, by which later kinks are judged."""
    x = torch.tensor([-1.0, 0.0, 2.0], dtype=torch.float64)
    for g in (f, lambda u: f(f(u))):
        report = an.verify(lambda u, g=g: g(u) @ torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64), x)
        assert report.verdict.name == "CLARKE" and report.gradient.tolist() == [1.0, 2.0, 0.0]
        assert report.problem.sweeps.values[0].tolist() == [-1.0, 0.0, 2.0]
        assert report.clarke_gradient[0] == 1.0 and report.clarke_gradient[2] == 0.0


def test_what_is_changed_in_place_is_changed_once_for_each_side() -> None:
    def f(x: Any) -> Any:
        sign = torch.sign(x.detach())
        sign.mul_(2.0)
        return (sign * x).sum() + (sign * (3 * x)).sum()

    x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    assert an.verify(f, x).verdict is an.Verdict.CLARKE
    assert sorted(np.ravel(an.generalized_gradient(f, x).vertices)) == [-8.0, 8.0]
