"""Units that move in step: networks without biases, at zero weights of the first layer, are decided at any batch."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.active.in_step import in_step
from absnormal.sweeps.table import Sweeps
from absnormal.theorems import membership
from absnormal.theorems.problem import Problem

from .judge import FACTOR

Array = np.ndarray[Any, Any]


def network(widths: tuple[int, ...], batch: int, seed: int, dies: bool = False) -> tuple[Any, Array, Array]:
    """Relus without biases on centred data, as a function of the first weights; the data, too."""
    rng = np.random.default_rng(seed)
    data = rng.standard_normal((batch, widths[0]))
    data, y = data - data.mean(axis=0), rng.standard_normal((batch, widths[-1]))
    later = [rng.standard_normal((a, b)) for a, b in pairwise(widths[1:])]
    if dies:
        # One unit alone can switch the next layer off.
        later[0][0] = -np.abs(later[0][0])

    def f(w: Any) -> Any:
        h = np.maximum(data @ w, 0)
        for w_next in later[:-1]:
            h = np.maximum(h @ w_next, 0)
        return ((h @ later[-1] - y) ** 2).mean()

    return f, np.zeros(widths[:2]), data


def sweeps_of(f: Any, x: Array) -> Sweeps:
    return Sweeps(an.trace(f, x), x.reshape(-1))


def test_all_units_have_one_rate_up_to_their_sizes() -> None:
    f, x, data = network((5, 7, 6, 3), 40, 0)
    found = list(in_step(sweeps_of(f, x), np.zeros(40 * 13), 3, 0))
    assert len(found) >= 6
    for d, opposite in zip(found[::2], found[1::2], strict=True):
        rates = data @ d.reshape(x.shape)
        assert np.linalg.matrix_rank(rates) == 1 and (np.sign(rates) == np.sign(rates[:, :1])).all()
        np.testing.assert_array_equal(d, -opposite)


def test_nothing_is_found_where_units_share_their_inputs_or_nothing_lies_behind_them() -> None:
    data = np.random.default_rng(0).standard_normal((30, 4))
    for f in (lambda w: np.maximum(data @ w, 0).sum(), lambda w: np.maximum(np.maximum(data @ w, 0) - w[0], 0).sum()):
        assert not list(in_step(sweeps_of(f, np.zeros(4)), np.zeros(60), 3, 0))


@pytest.mark.parametrize("widths", [(4, 10, 4, 3), (6, 12, 5, 2)])
def test_slopes_0_are_a_mean_of_gradients_along_them(widths: tuple[int, ...]) -> None:
    f, x, _ = network(widths, 150, 1)
    report = an.verify(f, x, slope=0)
    assert report.verdict is an.Verdict.CLARKE and report.method == "membership"
    assert report.certificate.check()
    # The same vector, given.
    assert an.verify(f, x, gradient=report.gradient).verdict is an.Verdict.CLARKE


@pytest.mark.parametrize("widths", [(4, 10, 4, 3), (4, 10, 6, 4, 3)])
def test_slopes_minus_1_have_the_gradient_of_a_layer_that_is_dead(widths: tuple[int, ...]) -> None:
    f, x, _ = network(widths, 150, 2, dies=True)
    report = an.verify(f, x, slope=-1)
    assert report.verdict is an.Verdict.CLARKE and not report.gradient.any()
    assert report.certificate.check()


def test_torch_is_no_exception() -> None:
    _, _, data = network((4, 10, 4, 3), 150, 2)
    first, second, head = torch.nn.Linear(4, 10, bias=False), torch.nn.Linear(10, 4, bias=False), torch.nn.Linear(4, 1)
    model = torch.nn.Sequential(first, torch.nn.ReLU(), second, torch.nn.ReLU(), head).double()
    with torch.no_grad():
        first.weight.zero_()
        second.weight[:, 0] = -second.weight[:, 0].abs()
    batch = torch.tensor(data)
    report = an.torch.verify(model, lambda: model(batch).square().sum())
    assert report.verdict is an.Verdict.CLARKE and not report.gradient["0.weight"].any()


def broken(sweeps: Sweeps, d: Array) -> tuple[Array, Array]:
    """Every slope is open along every direction."""
    return sweeps.signature(np.sign(d[0]) or 1.0), np.ones(len(sweeps.alpha), bool)


@pytest.mark.parametrize("variant", [None, broken])
def test_means_lie_in_the_set_that_is_listed(variant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small networks, whose open cells are enumerated on rationals; signs that nobody certified are noticed."""
    # So few switches are explored on the first-order form before.
    monkeypatch.setattr(membership, "first_order", lambda sweeps: None)
    if variant is not None:
        monkeypatch.setattr(membership, "chosen_along", variant)
        # Cells are looked at once more, where they are used.
        monkeypatch.setattr(membership.Limiting, "_clearly_open", lambda *_: True)
    outside = decided = 0
    for seed in range(2 * FACTOR):
        f, x, _ = network((2, 3, 2, 1), 3, seed)
        G, sweeps = an.generalized_gradient(f, x), sweeps_of(f, x)
        for slope in (-1.0, 0.0, 1.0):
            c = np.full(len(sweeps.alpha), slope)
            g = sweeps.gradient(sweeps.signature(c))
            found = membership.nearest_mean(Problem(sweeps, c, an.Budget(seconds=0.5)), g, np.full(len(g), 1e-12))
            decided += found is not None
            outside += found is not None and G.complete and G.contains(g.reshape(x.shape)) is False
    assert decided and bool(outside) == (variant is not None)
