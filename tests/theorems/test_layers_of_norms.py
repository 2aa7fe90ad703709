"""Layers with norms: directions of their own for each layer, for slopes 0 (THEORY 7.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.frontends.ties.slopes import slopes
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.layered_blocks import layered_blocks
from absnormal.theorems.problem import Problem

from ..oracle.expressions import norm, numpy_callable, variables
from ..oracle.norms.claims_of_rows import layered, layered_reaching_back
from ..oracle.norms.drawn_forms import Drawn
from ..oracle.norms.form import NormForm
from ..oracle.norms.refuted import refuted

RNG = np.random.default_rng(0)
X, V, U = RNG.standard_normal((20, 3)), RNG.standard_normal((4, 2)), RNG.standard_normal((2, 2))
SIGNS = np.where(np.arange(20) % 2, 1.0, -1.0)
WEIGHTS = {"W": np.zeros((3, 4)), "b": np.zeros(2)}


def relu(u: Any) -> Any:
    return np.maximum(u, 0)


def pairs(p: Any) -> Any:
    return np.linalg.norm((X @ p["W"]).reshape(20, 2, 2), axis=2)


BATCHES: dict[str, Callable[[Any], Any]] = {
    "norms behind relus": lambda p: np.linalg.norm(relu(X @ p["W"]) @ V + p["b"], axis=1) @ SIGNS,
    "norms behind norms": lambda p: np.linalg.norm(pairs(p) @ U + p["b"], axis=1) @ SIGNS,
    "relus behind norms": lambda p: relu(pairs(p) @ U + p["b"]) @ np.ones(2) @ SIGNS,
}  # fmt: skip


@pytest.mark.parametrize("name", BATCHES)
def test_a_bias_that_a_batch_shares(name: str) -> None:
    report = an.verify(BATCHES[name], WEIGHTS, slope=0.0)
    assert (report.verdict.name, report.method) == ("CLARKE", "layered blocks")
    assert report.certificate is not None and report.certificate.check()


def test_a_network_of_torch_whose_weights_are_zero() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    for parameter in (model[0].weight, model[0].bias, model[2].bias):
        torch.nn.init.zeros_(parameter)
    x, signs = torch.randn(20, 3), torch.tensor(SIGNS, dtype=torch.float32)
    report = an.torch.verify(model, lambda: (torch.linalg.vector_norm(model(x), dim=1) * signs).sum())
    assert report and report.certificate is not None and report.certificate.check()


def test_layers_that_reach_back_are_not_covered() -> None:
    x, y = variables(2)
    f = numpy_callable(2 * norm(x, y) - norm(2 * x + norm(x, y), y))
    assert an.verify(f, [0.0, 0.0], slope=0.0).method != "layered blocks"


def _of_form(form: NormForm) -> Callable[[Any], Any]:
    """The function whose first-order form this is."""
    x, sizes = variables(form.n), []
    for block in form.blocks:
        entries = [
            sum((a * u for a, u in zip((*row, *link), (*x, *sizes), strict=True) if a), start=0 * x[0])
            for row, link in zip(block.R, block.L, strict=True)
        ]
        sizes.append(norm(*entries) if len(entries) > 1 else abs(entries[0]))
    terms = zip((*form.J, *form.Y), (*x, *sizes), strict=True)
    return numpy_callable(sum((a * u for a, u in terms), start=0 * x[0]))


@pytest.mark.parametrize("claim", [layered, layered_reaching_back])
def test_random_layers_are_judged_as_by_the_oracle(claim: Any) -> None:
    proved = 0
    for seed in range(400):
        drawn = claim(Drawn(seed))
        if drawn is None or any(any(c) for c in drawn[1]):
            continue
        form = drawn[0]
        sweeps = Sweeps(an.trace(_of_form(form), np.zeros(form.n)), np.zeros(form.n))
        if not sweeps.lanes:
            continue
        problem = Problem(sweeps, slopes(sweeps, 0.0), an.Budget())
        proof = layered_blocks(problem)
        if proof is not None:
            proved += 1
            assert not refuted(*drawn, seed), seed
    assert proved >= (15 if claim is layered else 3)


def test_slopes_that_are_not_zero_at_a_norm_are_not_covered() -> None:
    sweeps = Sweeps(an.trace(BATCHES["norms behind norms"], WEIGHTS), np.zeros(14))
    zero = Problem(sweeps, np.zeros(len(sweeps.alpha)), an.Budget())
    assert layered_blocks(zero) is not None
    assert layered_blocks(replace(zero, c=np.full(len(sweeps.alpha), 0.5))) is None
