"""Random networks in torch: is its own gradient judged as the exact oracle judges it?  Are slopes in programs known?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import event, given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

import absnormal as an
from absnormal.frontends.jax.capture import capture as capture_jax
from absnormal.frontends.torch.capture import capture as capture_torch
from absnormal.sweeps.table import Sweeps

from ..campaigns import in_jax, in_torch
from ..campaigns.spelled import spelled
from ..oracle import expressions as ex
from ..oracle.expressions import Expr, variables
from ..oracle.oracle import Oracle
from ..record.programs import program
from ..theorems.judge import fuzz

WRONG, RIGHT = an.Verdict.NOT_CLARKE, an.Verdict.CLARKE


def modelled(captured: Any) -> np.ndarray:
    sweeps = Sweeps(captured.program, None, 0.0, captured.values)
    return sweeps.gradient(sweeps.signature(captured.slopes[sweeps.alpha]))


def judged(captured: Any, report: Any, oracle: Oracle, gradient: Any) -> None:
    """The modelled gradient is the framework's, the verdict the oracle's; what is offered is Clarke; proofs check."""
    np.testing.assert_allclose(modelled(captured), captured.gradient, atol=1e-6)
    exact = [Fraction(value) for value in captured.gradient.tolist()]
    if all(value.denominator < 2**20 for value in exact):  # an even split of three is no dyadic number
        assert report.verdict is (RIGHT if oracle.contains(exact) else WRONG)
        event(report.method)
    offered = [Fraction(value) for value in gradient]
    if all(value.denominator < 2**20 for value in offered):
        assert oracle.contains(offered)
    assert report.certificate.check()


@pytest.mark.slow
@pytest.mark.parametrize("front", ["torch", "jax"])
def test_the_modelled_gradient_of_a_program_is_that_of_the_framework(front: str) -> None:
    """However its kinks are spelled: the slopes of the framework are known."""
    spellings: Any = in_torch if front == "torch" else in_jax
    for seed in range(30 if front == "torch" else 12):
        expr, point, _, dice = program(seed)
        f = spelled(expr, spellings.SPELLINGS, dice, point, spellings.LEAKY, spellings.SOFT)
        values = [float(a) for a in point]
        with jax.enable_x64(True):
            x = torch.tensor(values, dtype=torch.float64) if front == "torch" else jnp.array(values)
            captured = (capture_torch if front == "torch" else capture_jax)(f, x)
        np.testing.assert_allclose(modelled(captured), captured.gradient, rtol=1e-12, atol=1e-12, err_msg=str(seed))


def relu6(u: Expr) -> Expr:
    return ex.clip(u, 0, 6)


def pairs(row: Any) -> list[Expr]:
    """Max-pooling with windows of two."""
    return [ex.maximum(row[k], row[k + 1]) for k in range(0, len(row) - 1, 2)]


def sorted_pairs(row: Any) -> list[Expr]:
    """GroupSort with groups of two."""
    return [part for k in range(0, len(row) - 1, 2)
            for part in (ex.minimum(row[k], row[k + 1]), ex.maximum(row[k], row[k + 1]))]


def each(function: Callable[[Expr], Expr]) -> Callable[[Any], list[Expr]]:
    return lambda row: [function(u) for u in row]


#: A layer of torch and what it does to a row of expressions.
LAYERS: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], Callable[[Any], list[Expr]]]] = {
    "ReLU": (nn.ReLU(), each(ex.relu)),
    "ReLU in place": (nn.ReLU(inplace=True), each(ex.relu)),
    "LeakyReLU": (nn.LeakyReLU(0.25), each(lambda u: ex.leaky_relu(u, Fraction(1, 4)))),
    "Hardtanh": (nn.Hardtanh(-1, 1), each(lambda u: ex.clip(u, -1, 1))),
    "ReLU6": (nn.ReLU6(), each(relu6)),
    "abs": (torch.abs, each(abs)),
    "where": (lambda h: torch.where(h > 0, h, torch.zeros_like(h)), each(ex.relu)),
    "MaxPool1d": (lambda h: F.max_pool1d(h[:, None], 2)[:, 0], pairs),
    "GroupSort": (lambda h: h.view(len(h), -1, 2).sort(-1).values.view(len(h), -1), sorted_pairs),
}

#: A loss of torch and of the expressions of the outputs, one for each sample.
LOSSES: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], Callable[[Any], Expr]]] = {
    "sum": (torch.sum, lambda out: sum(out[1:], start=out[0])),
    "l1": (lambda out: F.l1_loss(out, torch.ones_like(out), reduction="sum"),
           lambda out: sum((abs(u - 1) for u in out[1:]), start=abs(out[0] - 1))),
    "hinge": (lambda out: F.relu(1 - out).sum(),
              lambda out: sum((ex.relu(1 - u) for u in out[1:]), start=ex.relu(1 - out[0]))),
    "largest": (torch.max, lambda out: ex.max_list(*out)),
}


@dataclass(frozen=True)
class Network:
    """One hidden layer of two units on a batch; its first weights (and biases) are the variables."""

    layer: str
    loss: str
    W: np.ndarray
    b: np.ndarray | None
    V: np.ndarray
    X: np.ndarray

    @property
    def point(self) -> dict[str, torch.Tensor]:
        leaves = {"W": self.W} if self.b is None else {"W": self.W, "b": self.b}
        return {name: torch.tensor(leaf, dtype=torch.float32) for name, leaf in leaves.items()}

    def torch(self, p: dict[str, torch.Tensor]) -> torch.Tensor:
        """The loss as a person writes it."""
        X, V = (torch.tensor(a, dtype=torch.float32) for a in (self.X, self.V))
        hidden = LAYERS[self.layer][0](F.linear(X, p["W"], p.get("b")))
        return LOSSES[self.loss][0](hidden @ V[: hidden.shape[1]])

    @property
    def expr(self) -> Expr:
        """The same, entry by entry."""
        x = variables(self.W.size + (0 if self.b is None else self.b.size))
        # A dict is flattened in the order of its names: W before b.
        W = np.array(x[: self.W.size], dtype=object).reshape(self.W.shape)
        out = []
        for sample in self.X:
            hidden = [self._linear(W[unit], sample, x[self.W.size + unit] if self.b is not None else None)
                      for unit in range(len(W))]
            rows = LAYERS[self.layer][1](hidden)
            out.append(self._linear(np.array(rows, dtype=object), self.V[: len(rows)], None))
        return LOSSES[self.loss][1](out)

    @staticmethod
    def _linear(weights: Any, inputs: Any, bias: Expr | None) -> Expr:
        terms = [int(a) * w for w, a in zip(weights, inputs, strict=True)]
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total if bias is None else total + bias


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Small integers: zero weights, samples that are multiples of each other, opposite signs on the way out."""
    layer, loss = draw(st.sampled_from(sorted(LAYERS))), draw(st.sampled_from(sorted(LOSSES)))

    def integers(*shape: int, among: list[int]) -> np.ndarray:
        size = int(np.prod(shape))
        return np.array(draw(st.lists(st.sampled_from(among), min_size=size, max_size=size))).reshape(shape)

    first = integers(2, among=[1, -1, 2, 0])
    others = [draw(st.sampled_from([-1, 1, 2])) * first if draw(st.booleans()) else integers(2, among=[0, 1, -1])
              for _ in range(draw(st.integers(0, 2)))]
    biases = integers(2, among=[0, 0, 1]) if draw(st.booleans()) else None
    W, V = integers(2, 2, among=[0, 0, 0, 1, -1]), integers(2, among=[1, -1, -2])
    return Network(layer, loss, W, biases, V, np.array([first, *others]))


@pytest.mark.slow
@fuzz(25)
@given(networks())
def test_layers_of_torch_against_the_oracle(net: Network) -> None:
    x = net.point
    captured, report = capture_torch(net.torch, x), an.verify(net.torch, x)
    point = [Fraction(v) for leaf in x.values() for v in leaf.reshape(-1).tolist()]
    oracle = Oracle.of(net.expr, point)
    gradient = [v for leaf in report.clarke_gradient.values() for v in leaf.reshape(-1).tolist()]
    judged(captured, report, oracle, gradient)
    leaves = {name: leaf.clone().requires_grad_() for name, leaf in x.items()}
    an.torch.clarke_backward(leaves, lambda: net.torch(leaves))
    filled = [Fraction(v) for leaf in leaves.values() for v in leaf.grad.reshape(-1).tolist()]
    assert oracle.contains(filled) or any(value.denominator >= 2**20 for value in filled)
    event(net.layer)
