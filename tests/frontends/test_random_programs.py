"""Random programs in torch and JAX: is the framework's own gradient judged as the exact oracle judges it?"""

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

from ..oracle import expressions as ex
from ..oracle.expressions import Expr, fold, variables
from ..oracle.oracle import Oracle
from ..oracle.strategies import Program, programs
from ..theorems.judge import fuzz

WRONG, RIGHT = an.Verdict.NOT_CLARKE, an.Verdict.CLARKE

Operations = dict[type[Expr], Callable[..., Any]]

KERNELS: dict[str, Operations] = {}
KERNELS["plain"] = {
    ex.Abs: torch.abs, ex.Max: torch.maximum, ex.Min: torch.minimum, ex.Relu: torch.relu, ex.Clip: torch.clamp,
    ex.MaxList: lambda *entries: torch.stack(entries).max(0).values,
}  # fmt: skip
KERNELS["in place, views, masks"] = {
    ex.Abs: lambda u: u.clone().abs_(),
    ex.Max: lambda u, v: torch.stack((u, v)).amax(0),
    ex.Min: lambda u, v: torch.where(u < v, u, v),
    ex.Relu: lambda u: F.relu(u.reshape(1, 1).clone(), inplace=True).view(()),
    ex.Clip: lambda u, lo, hi: F.hardtanh(u, lo, hi),
    ex.MaxList: lambda *entries: torch.stack(entries).sort().values[-1],
}  # fmt: skip
JAX: Operations = {
    ex.Abs: jnp.abs, ex.Max: jnp.maximum, ex.Min: jnp.minimum, ex.Relu: jax.nn.relu, ex.Clip: jnp.clip,
    ex.MaxList: lambda *entries: jnp.max(jnp.stack(entries)),
}  # fmt: skip


def written(expr: Expr, operations: Operations) -> Callable[[Any], Any]:
    """The expression in a framework's functions."""

    def f(x: Any) -> Any:
        def visit(node: Expr, args: list[Any]) -> Any:
            match node:
                case ex.Var():
                    return x[node.index]
                case ex.Const():
                    return 0 * x[0] + float(node.value)
                case ex.Add():
                    return args[0] + args[1]
                case ex.Sub():
                    return args[0] - args[1]
                case ex.Neg():
                    return -args[0]
                case ex.Scale():
                    return float(node.factor) * args[0]
                case ex.Clip():
                    return operations[ex.Clip](args[0], float(node.lo), float(node.hi))
            return operations[type(node)](*args)

        return fold(expr, visit) + 0 * x[0]

    return f


def judged(captured: Any, report: Any, oracle: Oracle, gradient: Any) -> None:
    """The modelled gradient is the framework's, the verdict the oracle's; what is offered is Clarke; proofs check."""
    sweeps = Sweeps(captured.program, None, 0.0, captured.values)
    modelled = sweeps.gradient(sweeps.signature(captured.slopes[sweeps.alpha]))
    np.testing.assert_allclose(modelled, captured.gradient, atol=1e-13 if captured.gradient.itemsize == 8 else 1e-6)
    exact = [Fraction(value) for value in captured.gradient.tolist()]
    if all(value.denominator < 2**20 for value in exact):  # an even split of three is no dyadic number
        assert report.verdict is (RIGHT if oracle.contains(exact) else WRONG)
        event(report.method)
    offered = [Fraction(value) for value in gradient]
    if all(value.denominator < 2**20 for value in offered):
        assert oracle.contains(offered)
    assert report.certificate.check()


@pytest.mark.slow
@fuzz(12)
@given(programs(max_vars=3, max_active=5, max_steps=4))
def test_jax_against_the_oracle(drawn: Program) -> None:
    expr, point = drawn
    with jax.enable_x64(True):
        x = jnp.array([float(value) for value in point])
        f = written(expr, JAX)
        captured, report = capture_jax(f, x), an.verify(f, x)
        judged(captured, report, Oracle.of(expr, point), report.clarke_gradient.tolist())


@pytest.mark.slow
@pytest.mark.parametrize("kernels", list(KERNELS))
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@fuzz(15)
@given(drawn=programs(max_vars=3, max_active=5, max_steps=4))
def test_torch_against_the_oracle(kernels: str, dtype: torch.dtype, drawn: Program) -> None:
    expr, point = drawn
    x = torch.tensor([float(value) for value in point], dtype=dtype)
    f, oracle = written(expr, KERNELS[kernels]), Oracle.of(expr, point)
    captured, report = capture_torch(f, x), an.verify(f, x)
    judged(captured, report, oracle, report.clarke_gradient.tolist())
    leaf = x.clone().requires_grad_()
    an.torch.clarke_backward(leaf, lambda: f(leaf))
    filled = [Fraction(value) for value in leaf.grad.tolist()]
    assert oracle.contains(filled) or any(value.denominator >= 2**20 for value in filled)


# -- layers ------------------------------------------------------------------------------------------------


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
    event(net.layer)
