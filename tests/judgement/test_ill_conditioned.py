"""The size of terms that cancel allows a deviation only where the terms have one: not in 1 / u for u all rounding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.frontends.torch.capture import of_closure
from absnormal.program.tree import Tree
from absnormal.sweeps.conditioning import is_sensitive, sensitivity, terms_have_sizes
from absnormal.sweeps.last_steps import length
from absnormal.sweeps.table import Sweeps
from tests.planted.plants import Wrong

F = torch.nn.functional
POINT = np.random.default_rng(1).standard_normal(6)


def cosine(x: Any) -> Any:
    """1 - cos(x, y) for a y that is parallel to x up to 1e-9, and a few units that keep it positive."""
    y = 3 * x + 1e-9 * x.flip(0)
    return 1 - (x * y).sum() / (x.pow(2).sum() * y.pow(2).sum()).sqrt() + 4 * torch.finfo(x.dtype).eps


ILL: dict[str, Callable[[Any], Any]] = {
    "1/u": lambda x: 1 / cosine(x),
    "log u": lambda x: torch.log(cosine(x)),
    "decibels": lambda x: 10 * torch.log10((1 - cosine(x)) / cosine(x)),
    "kinked": lambda x: torch.log(cosine(x)) * torch.relu(x[0] + 3) + torch.relu(x[1] - x[1]),
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("name", ILL)
def test_no_wrong_vector_is_a_gradient_to_rounding(name: str, dtype: Any) -> None:
    f, x = ILL[name], torch.tensor(POINT, dtype=dtype)
    report = an.verify(f, x)
    own = np.abs(np.asarray(report.clarke_gradient)).max()
    assert not report or report.deviation < own / 4
    for factor in (0.0, -1.0, 2.0):
        assert an.verify(lambda x, k=factor: f(Wrong.apply(x, lambda g: k * g)), x).verdict is an.Verdict.UNDECIDED
        assert an.verify(f, x, gradient=report.clarke_gradient * factor).verdict is an.Verdict.UNDECIDED


def test_the_reason_is_said() -> None:
    x = torch.tensor(POINT)
    report = an.verify(lambda x: ILL["1/u"](Wrong.apply(x, lambda g: 2 * g)), x)
    assert "f is ill-conditioned here: random roundings" in report.proof.reason


def sizes(f: Callable[[Any], Any], x: Any) -> list[bool]:
    """Whether the terms of f's gradient have sizes, for each leaf."""
    program = an.trace(f, x)
    sweeps = Sweeps(program, program.tree.leaves_of(x, "x"))
    return terms_have_sizes(sweeps, sweeps.signature(0.0)).tolist()


@pytest.mark.parametrize(("apart", "known"), [(2e-16, False), (1e-15, False), (1e-12, True), (1e-3, True)])
def test_a_difference_that_is_all_rounding(apart: float, known: bool) -> None:
    assert sizes(lambda x: 1 / ((np.exp(x[0]) - np.exp(x[1])) + apart), [0.3, 0.3]) == [known]


def test_sums_that_cancel_have_terms_with_sizes() -> None:
    """A bias before a normalisation, a saturated softmax, and a difference of large numbers."""
    def normalised(x: Any) -> Any:
        u = np.arange(4.0) ** 2 + x[0]
        return (((u - u.mean()) / np.std(u)) ** 3).sum()

    def saturated(x: Any) -> Any:
        return np.log(np.exp(x - x.max()).sum()) + x.max() - x[0]

    assert sizes(normalised, [0.3]) == [True]
    assert sizes(saturated, [40.0, 0.0, 1.0]) == [True]
    assert sizes(lambda x: (np.exp(x[0]) + 1e16) - 1e16, [0.3]) == [True]


def test_each_leaf_by_itself() -> None:
    x = {"a": np.array(0.3), "b": np.array(0.4)}
    f = lambda x: np.sin(x["a"]) + np.log(np.exp(x["b"]) - np.exp(x["b"] + 1e-20) + 1e-15)  # noqa: E731
    assert sizes(f, x) == [True, False]


@pytest.mark.parametrize("name", ["cosine", "normalised", "pooled", "convolved", "multiplied"])
def test_the_sweep_of_the_comparison_bounds_the_sensitivity(name: str) -> None:
    """Where that bound is small no other sweep asks for it; padding by -inf counts nowhere."""
    torch.manual_seed(0)
    x = torch.randn(3, 2, 5, 5, requires_grad=True)
    functions: dict[str, Callable[[], Any]] = {
        "cosine": lambda: 1 / (2 - F.cosine_similarity(x.flatten(1), x.flatten(1).flip(0))).sum(),
        "normalised": lambda: F.batch_norm(x, None, None, training=True).pow(3).sum(),
        "pooled": lambda: F.max_pool2d(x.exp(), 3, padding=1).log().sum(),
        "convolved": lambda: F.conv2d(100 + x, torch.ones(1, 2, 3, 3), torch.tensor([-1800.0])).pow(2).sum(),
        "multiplied": lambda: F.linear(100 + x.flatten(1), torch.ones(1, 50), torch.tensor([-5e3])).pow(2).sum(),
    }
    call = of_closure(functions[name], [x], Tree.of(x.detach().numpy())[0])
    sweeps = Sweeps(call.program, None, 0.0, call.values)
    sigma = sweeps.signature(call.slopes[sweeps.alpha])
    bound = sweeps.last_steps(sigma, call.leaves).sensitivity(call.values)
    products = [i for i, node in enumerate(call.program.nodes) if node.op in ("convolve", "matmul")]
    assert not any(map(call.values.at_hand, products))
    at_x = float(np.abs(call.leaves[0]).max() * x.detach().abs().max())
    own = sensitivity(sweeps, sigma)
    assert np.isfinite(bound) and (name == "pooled" or own <= max(bound, 1.01 * at_x))
    assert not is_sensitive(sweeps, bound)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize(("f", "sensitive"), [
    (lambda x, mask: torch.softmax(x @ x.T + mask, -1)[:, 0].sum(), False),
    (lambda x, mask: torch.log_softmax((x @ x.T).masked_fill(mask < 0, mask.min()).T, 0)[1, 2], False),
    (lambda x, mask: torch.softmax((x @ x.T - mask)[None].reshape(9) + mask.reshape(9), 0)[0], True),
    (lambda x, mask: torch.where(mask < 0, mask.min(), x + mask).exp().sum(), False),
], ids=["attention", "filled", "taken off again", "a side"])
def test_masks_count_where_something_follows_them(f: Any, sensitive: bool, dtype: Any) -> None:
    x = torch.randn(3, 3, generator=torch.Generator().manual_seed(0)).to(dtype).requires_grad_()
    mask = torch.full((3, 3), torch.finfo(dtype).min / 4, dtype=dtype).triu(1)
    call = of_closure(lambda: f(x, mask), [x], Tree.of(x.detach().numpy())[0])
    sweeps = Sweeps(call.program, None, 0.0, call.values)
    bound = sweeps.last_steps(sweeps.signature(np.zeros(0)), call.leaves).sensitivity(call.values)
    assert is_sensitive(sweeps, bound) == sensitive


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e-30, 1e-16, 1.0, 1e15])
def test_lengths_bound_entries_of_any_size(scale: float, dtype: type) -> None:
    array = (scale * np.array([[3.0, -4.0], [0.0, 1.0]])).astype(dtype)
    assert np.abs(array).max() <= length(array) <= 10 * scale
    assert length(np.broadcast_to(array, (7, 2, 2))) == length(array)
