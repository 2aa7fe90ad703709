"""Every entry of a framework's gradient is compared: where it leaves the modelled one, wherever that is, it is seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import absnormal as an
from absnormal.clarke.budget import Budget
from absnormal.frontends.torch.capture import capture
from absnormal.frontends.traced_call import TracedCall
from absnormal.judgement import comparison as module
from absnormal.judgement.comparison import Comparison, compared, tolerance_of
from absnormal.sweeps.gradients import largest
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.problem import Problem

Case = tuple[Callable[[Any], Any], Any]


def normal(*shape: int, dtype: Any = torch.float32, seed: int = 0) -> Any:
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def network() -> Case:
    """Inputs that are 0 in the whole batch, and units that are."""
    X = normal(6, 5)
    X[:, 1], X[2] = 0, 0
    target = torch.tensor([0, 1, 2, 0, 1, 2])
    x = {"W": normal(4, 5, seed=1), "b": normal(4, seed=2), "V": normal(3, 4, seed=3), "c": normal(3, seed=4)}
    x["W"][3], x["b"][3] = 0, -1.0

    def f(p: Any) -> Any:
        hidden = torch.relu(F.linear(X, p["W"], p["b"]))
        return F.cross_entropy(F.linear(hidden, p["V"], p["c"]), target)

    return f, x


def shared() -> Case:
    X = normal(3, 4)
    return lambda w: (torch.tanh(torch.relu(X @ w) @ w)).sum(), normal(4, 4, seed=1)


def parts() -> Case:
    """Rows that are used apart, one that is not used, and a number."""
    return lambda p: (p["w"][0] * p["w"][1] * p["s"]).sum() + p["w"][3, 1], {"w": normal(4, 3), "s": normal()}


def convolution() -> Case:
    X = normal(2, 3, 5, 5)
    X[:, 1] = 0
    return lambda w: torch.relu(F.conv2d(X, w)).square().sum(), normal(4, 3, 2, 2, seed=1)


def layouts() -> Case:
    """Weights, and so their gradients, whose memory is not in the order of their axes."""
    X, Y = normal(2, 3, 4, 4), normal(5, 3, seed=1)
    x = {"w": normal(2, 3, 2, 2, seed=2).to(memory_format=torch.channels_last), "v": normal(4, 3, seed=3).t()}
    return lambda p: F.conv2d(X, p["w"]).square().sum() + torch.relu(Y @ p["v"]).sum() + p["v"].reshape(-1)[2], x


def products() -> Case:
    return lambda p: torch.relu(p["a"] @ p["b"]).sum(), {"a": normal(2, 3, 4), "b": normal(2, 4, 3, seed=1)}


def lone() -> Case:
    return lambda w: torch.relu(1 - normal(1, 7) @ w.t()).square().sum(), normal(3, 7, seed=1)


CASES = {"network": network, "shared": shared, "parts": parts, "convolution": convolution, "layouts": layouts,
         "products": products, "lone": lone}  # fmt: skip


def comparison(captured: TracedCall) -> Comparison:
    sweeps = Sweeps(captured.program, None, values=captured.values, own=captured.own)
    problem = Problem(sweeps, captured.slopes[sweeps.alpha], Budget(), tolerance_of(captured))
    return compared(captured, problem)


@pytest.mark.parametrize("name", CASES)
def test_a_gradient_is_its_own_and_a_changed_entry_is_another(name: str) -> None:
    f, x = CASES[name]()
    captured = replace(capture(f, x), other_precision=None)
    found = comparison(captured)
    assert found.close and found.largest <= 1e-5 * np.abs(captured.gradient).max() and not found.cancelled
    for place, leaf in enumerate(captured.leaves):
        size = np.abs(leaf).max()
        assert size > 0
        # rtol of float32 is 8 sqrt(2^-23) = 0.00276: one change is inside of it, the other outside.
        for change, close in ((np.float32(0.002 * size), True), (np.float32(0.004 * size), False)):
            for index in np.ndindex(leaf.shape):
                leaves = [part.copy() for part in captured.leaves]
                leaves[place][index] += change
                found = comparison(replace(captured, leaves=leaves))
                assert found.close is close and 0.9 * change <= found.largest <= 1.1 * change


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_no_bound_is_above_what_is_not_finite(bad: float) -> None:
    for name in ("network", "parts"):
        f, x = CASES[name]()
        captured = replace(capture(f, x), other_precision=None)
        leaves = [part.copy() for part in captured.leaves]
        leaves[0].reshape(-1)[-1] = bad
        found = comparison(replace(captured, leaves=leaves))
        assert found.largest == float("inf") and not found.close


@pytest.mark.parametrize("f, x, change", [
    (lambda w: (torch.full((2, 3), 1e25) @ w * 1e-10).sum(), normal(3, 2), 1e13),
    (lambda b: (torch.tensor([3e38, -3e38]) * b).sum(), torch.zeros(1), 1e36),
])  # fmt: skip
def test_a_bound_that_overflows_proves_nothing(f: Callable[[Any], Any], x: Any, change: float) -> None:
    captured = replace(capture(f, x), other_precision=None)
    assert comparison(captured).close
    leaves = [captured.leaves[0] + np.float32(change)]
    assert not comparison(replace(captured, leaves=leaves)).close


def test_a_layer_of_zeros_is_no_gradient_that_cancels() -> None:
    f, x = network()
    captured = replace(capture(f, x), other_precision=None)
    for place, leaf in enumerate(captured.leaves):
        leaves = [part.copy() for part in captured.leaves]
        leaves[place] = np.zeros_like(leaf)
        assert not comparison(replace(captured, leaves=leaves)).close


def test_a_bias_before_a_batch_norm_is_zero_up_to_cancellation() -> None:
    X = normal(64, 5)

    def f(p: Any) -> Any:
        return (F.batch_norm(X @ p["w"] + p["b"], None, None, training=True) * normal(64, 3, seed=2)).sum()

    captured = replace(capture(f, {"w": normal(5, 3, seed=1), "b": normal(3, seed=3)}), other_precision=None)
    found = comparison(captured)
    assert found.close and np.abs(captured.leaves[1]).max() < 1e-5
    # A bias of the size of the other gradients is no rounding.
    assert not comparison(replace(captured, leaves=[captured.leaves[0], np.float32([0, 0, 0.1])])).close


@pytest.mark.parametrize("change", [0.0, 1e-7, 1e-6, 3e-6, 1e-5, 0.1])
def test_one_leaf_in_double_precision_is_compared_like_all_leaves(change: float) -> None:
    """Where one leaf is beyond its bound in single precision, what is said of it is what a comparison of all says."""
    X = normal(512, 5)

    def f(p: Any) -> Any:
        return (F.batch_norm(X @ p["w"] + p["b"], None, None, training=True) * normal(512, 3, seed=2)).sum()

    captured = capture(f, {"w": normal(5, 3, seed=1), "b": normal(3, seed=3)})
    captured = replace(captured, leaves=[captured.leaves[0], captured.leaves[1] + np.float32(change)])
    sweeps = Sweeps(captured.program, None, values=captured.values, own=captured.own)
    problem, tolerance = Problem(sweeps, captured.slopes[sweeps.alpha], Budget()), tolerance_of(captured)
    steps = Sweeps(captured.program, None, 0.0, captured.working).last_steps(np.zeros(0, np.float32), captured.leaves)
    found = module._in_double_precision(captured, problem, tolerance, steps, {1})[1]
    whole = compared(replace(captured, working=None), problem, tolerance)
    assert found.apart == pytest.approx(whole.apart[1], rel=1e-6)
    # What rounding does is drawn by the two sums, whose order is the processor's.
    assert found.allowed == pytest.approx(whole.allowed[1], rel=0.3)
    assert found.lost == (1 in whole.cancelled)
    assert compared(captured, problem, tolerance).close == whole.close


def test_differences_of_long_leaves_are_made_in_parts() -> None:
    a = np.arange(200_000, dtype=np.float32)
    for place, wrong in ((0, 5.0), (150_000, -7.0), (199_999, np.nan)):
        b = a.copy()
        b[place] += wrong
        expected = pytest.approx(abs(wrong) if np.isfinite(wrong) else np.inf)
        assert module._apart(a.copy(), b) == expected
        matrix, other = (v.reshape(400, 500) for v in (a, b))
        assert module._apart(matrix.copy().T, other.T) == expected
        assert module._apart(np.asfortranarray(matrix), other) == expected


def test_what_foreign_code_made_of_terms_that_cancel_is_no_rounding() -> None:
    captured = capture(lambda b: (1000 * b).sum() - (999.99 * b).sum(), torch.ones(2))
    zeros = replace(captured, leaves=[np.zeros_like(captured.leaves[0])], other_precision=None)
    assert comparison(zeros).close
    assert not comparison(replace(zeros, foreign=("a tensor hook",))).close
    assert comparison(replace(captured, foreign=("a tensor hook",), other_precision=None)).close


def test_a_hook_on_one_weight_is_seen() -> None:
    f, x = network()
    model = nn.ParameterDict({key: nn.Parameter(leaf) for key, leaf in x.items()})
    assert an.torch.verify(model, lambda: f(model)).given is False

    def hook(gradient: Any) -> Any:
        changed = gradient.clone()
        changed[3, 1] = 0.01 * gradient.abs().max()
        return changed

    model["W"].register_hook(hook)
    assert an.torch.verify(model, lambda: f(model)).verdict is not an.Verdict.CLARKE
    assert an.torch.verify(model, lambda: f(model), rtol=0.02).verdict is an.Verdict.CLARKE


def test_what_is_known_of_the_largest_entries_is_below_them() -> None:
    """Whatever the vector is, as long as its distance is known."""
    X, V = normal(6, 5, dtype=torch.float64), normal(4, 3, dtype=torch.float64, seed=1)
    x = {"w": normal(5, 4, dtype=torch.float64, seed=2), "b": torch.zeros(4, dtype=torch.float64)}
    captured = replace(capture(lambda p: torch.relu((X @ p["w"]).tanh() + p["b"] @ V @ V.T).sum(), x),
                       other_precision=None)
    sweeps = Sweeps(captured.program, None, values=captured.values, own=captured.own)
    true = largest(sweeps, sweeps.gradient(sweeps.signature(captured.slopes[sweeps.alpha])))
    for factor in (1.0, 0.5, 3.0, -100.0):
        leaves = [factor * leaf for leaf in captured.leaves]
        found = comparison(replace(captured, leaves=leaves)).sizes(leaves)
        assert (found <= true).all() and ((found > true / 3).all() or factor != 1)
