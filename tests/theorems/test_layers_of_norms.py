"""Layers with norms: directions of their own for each layer, whose sign vectors have the mean c (THEORY 8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.certificates.witness import Witness
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.layered_blocks import Layer, LayeredBlocks, layered_blocks
from absnormal.theorems.problem import Problem

from ..oracle.expressions import norm, numpy_callable, variables
from ..oracle.norms.claims_of_rows import layered, layered_reaching_back, layered_twice
from ..oracle.norms.drawn_forms import Drawn
from ..oracle.norms.form import written
from ..oracle.norms.refuted import refuted
from .judge import problem

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


def test_a_norm_that_no_free_input_moves_is_not_covered() -> None:
    """2|x| - |2x + |x|| is -x: that free inputs cancel in its entries is no pattern."""

    def f(v: Any) -> Any:
        x, z, w = v
        size = np.abs(x)
        return 2 * size - np.linalg.norm(np.stack([2 * x + size + (z - z), w - w]))

    asked = problem(f, np.zeros(3))
    assert layered_blocks(asked) is None
    forged = LayeredBlocks([
        Layer([0], [0.5, 0.5], [([0], [1.0]), ([0], [-1.0])]), Layer([1, 2], [0.5, 0.5], [([1], [1.0]), ([1], [-1.0])]),
    ])
    assert not forged.proves(Witness(asked.sweeps, np.zeros(3)), np.random.default_rng(0))


@pytest.mark.parametrize("claim", [layered, layered_twice, layered_reaching_back])
def test_random_layers_are_judged_as_by_the_oracle(claim: Any) -> None:
    proved = Counter[bool]()
    for seed in range(300):
        drawn = claim(Drawn(seed))
        if drawn is None:
            continue
        form, c = drawn
        sweeps = Sweeps(an.trace(numpy_callable(written(form)), np.zeros(form.n)), np.zeros(form.n))
        if not sweeps.lanes or len(sweeps.alpha) != sum(form.sizes):
            continue
        problem = Problem(sweeps, np.array([float(a) for block in c for a in block]), an.Budget())
        proof = layered_blocks(problem)
        if proof is not None:
            proved[any(map(any, c))] += 1
            assert not refuted(form, c, seed), seed
            assert isinstance(proof.evidence, LayeredBlocks)
            assert proof.evidence.proves(Witness(sweeps, problem.c), np.random.default_rng(0)), seed
    assert claim is not layered or min(proved[False], proved[True]) >= 3


def test_slopes_that_no_directions_have_in_the_mean_are_not_covered() -> None:
    """All samples would have to be moved alike, by weights alone."""
    zero, half = (problem(BATCHES["norms behind norms"], WEIGHTS, slope) for slope in (0.0, 0.5))
    assert layered_blocks(zero) is not None and layered_blocks(half) is None


def _hypots(p: Any) -> Any:
    """Two layers of np.hypot behind biases, at zeros, for a batch whose first half is 0."""
    batch = np.concatenate([np.zeros((4, 3)), X[:4]])

    def layer(u: Any, weights: Any, bias: Any) -> Any:
        u = np.tensordot(u, weights, 1) + bias
        return np.hypot(u[..., 0], u[..., 1])

    return layer(layer(batch, p["W"], p["b"]), V.reshape(2, 2, 2), p["c"]).sum(axis=1) @ SIGNS[:8]


def test_a_slope_between_at_every_norm_is_the_mean_of_two_directions() -> None:
    """JAX's jnp.hypot has the derivatives 1/2 and 1/2 at 0."""
    weights = {"W": np.zeros((3, 2, 2)), "b": np.zeros((2, 2)), "c": np.zeros((2, 2))}
    report = an.verify(_hypots, weights, slope="jax")
    assert (report.verdict.name, report.method) == ("CLARKE", "layered blocks")
    certificate = report.certificate
    assert certificate is not None and certificate.check()
    *before, layer = certificate.data["layers"]
    for other in ({"weights": [0.4, 0.6]}, {"directions": [layer["directions"][0]] * 2}):
        assert not replace(certificate, data={**certificate.data, "layers": [*before, {**layer, **other}]}).check()
