"""Functions at the seams between the theorems and rounding, frameworks, stopped values and tracing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
import onnx.parser
import torch
import torch.nn.functional as F
from jax import lax
from torch import nn
from torch.utils.checkpoint import checkpoint

import absnormal as an

from .case import Case
from .reported import T


class Wrong(torch.autograd.Function):
    """relu, with a backward that is off by a factor."""

    @staticmethod
    def forward(ctx: Any, x: Any, factor: float) -> Any:
        ctx.save_for_backward(x)
        ctx.factor = factor
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return g * (x > 0) * ctx.factor, None


def _network(dtype: torch.dtype, factor: float, convolutional: bool) -> tuple[nn.Module, Callable[[], Any]]:
    torch.manual_seed(0)
    y = torch.arange(32) % 10
    if convolutional:
        net = nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5), nn.Linear(400, 10)).to(dtype)
        x = torch.randn(32, 1, 28, 28).to(dtype)

        def pool(h: Any) -> Any:
            return F.max_pool2d(Wrong.apply(h, factor), 2)

        return net, lambda: F.cross_entropy(net[2](pool(net[1](pool(net[0](x)))).flatten(1)), y)
    net = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10)).to(dtype)
    x = torch.randn(32, 64).to(dtype)
    return net, lambda: F.cross_entropy(net[2](Wrong.apply(net[1](Wrong.apply(net[0](x), factor)), factor)), y)


def _wrong_backward(dtype: torch.dtype, factor: float, convolutional: bool) -> an.Report:
    return an.torch.verify(*_network(dtype, factor, convolutional))


def _layer_of_zeros() -> an.Report:
    net, loss = _network(torch.float32, 1.0, True)
    loss().backward()
    given = {name: p.grad.clone() for name, p in net.named_parameters()}
    given["0.weight"].zero_()
    return an.torch.verify(net, loss, gradient=given)


def _leaf(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(*shape, dtype=dtype, requires_grad=True)


def _both_sides_one_function() -> an.Report:
    torch.manual_seed(0)
    u, x = _leaf(4, 3), torch.randn(5, 4)
    return an.torch.verify(u, lambda: torch.maximum((x @ u).tanh(), (x @ u).tanh() * 1).mean())


def _coarser_steps(loss: Callable[[Any], Any]) -> an.Report:
    torch.manual_seed(0)
    w = _leaf(5, dtype=torch.float64)
    return an.torch.verify(w, lambda: loss(w))


def _complex() -> an.Report:
    w, x = torch.ones(3, dtype=torch.cfloat, requires_grad=True), torch.ones(3)
    return an.torch.verify(w, lambda: (w * x).abs().sum())


def _reentrant() -> an.Report:
    torch.manual_seed(0)
    a, b, x = nn.Linear(6, 8), nn.Linear(8, 3), _leaf(4, 6)
    return an.torch.verify(nn.ModuleList([a, b]), lambda: F.cross_entropy(
        b(checkpoint(lambda t: torch.tanh(a(t)), x, use_reentrant=True)), torch.arange(4) % 3))


def _padding_row() -> an.Report:
    torch.manual_seed(0)
    table, head = nn.Embedding(5, 3, padding_idx=0), nn.Linear(3, 2)
    words = torch.tensor([[1, 2, 0], [3, 0, 0]])
    loss = lambda: F.cross_entropy(head(table(words).mean(1)), torch.tensor([0, 1]))  # noqa: E731
    return an.torch.verify(nn.ModuleList([table, head]), loss)


def _addbmm() -> an.Report:
    torch.manual_seed(0)
    m, a, b = (_leaf(*shape, dtype=torch.float64) for shape in ((3, 4), (2, 3, 5), (2, 5, 4)))
    return an.torch.verify([m, a, b], lambda: torch.addbmm(m, a, b, beta=0.6, alpha=0.2).sum())


def _group_norm() -> an.Report:
    torch.manual_seed(0)
    x, w = _leaf(2, 6, 4, dtype=torch.float64), torch.ones(6, dtype=torch.float64, requires_grad=True)
    b = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    outputs = lambda: torch.ops.aten.native_group_norm(x, w, b, 2, 6, 4, 3, 1e-5)  # noqa: E731
    return an.torch.verify([x, w, b], lambda: sum((o * o).sum() for o in outputs()))


def _cancelling(x: Any) -> Any:
    h = np.maximum(x[0], 0) - np.maximum(-x[0], 0)
    return 2.0**53 * h - (2.0**53 - 16) * h


def _shifted_log_sum_exp(x: Any) -> Any:
    m = np.maximum(x[0], 0) - np.maximum(-x[0], 0)
    e = np.exp(x[0] - m) * 1.7199053588004087 + np.exp(x[1] - m) * 1.8691333659165825 + np.exp(x[2] - m)
    return m + np.log(e) + np.abs(x[3]) - np.abs(x[4])


def _where(x: Any) -> Any:
    return torch.where(x > 0, x, 3 * x).sum()


def _masked(x: Any) -> Any:
    a, b = x.detach().clone() > 0, (-x).detach().clone() > 0
    return (x * a).sum() - (-x * b).sum()


def _asks_for_a_type(x: Any) -> Any:
    return 2.0 * np.abs(x[0]) + x[1] if np.isscalar(x[0]) else 0.0 * x[0] + 0.3


def _incomplete_set() -> Any:
    rows = np.random.default_rng(0).integers(-3, 4, (9, 5)).astype(float)
    f = lambda x: np.sum(np.abs(rows @ x)) - 2 * np.sum(np.abs(rows[:4] @ x + np.abs(x[:4])))  # noqa: E731
    found = an.generalized_gradient(f, np.zeros(5), budget=an.Budget(cells=10))
    return found.complete, float(found.support(np.ones(5)))


def _onnx(body: str, opset: int, x: list[float], held: str = "") -> Any:
    text = f'<ir_version: 10, opset_import: ["": {opset}]> f (double[1] x) => (double y) {held} {{ {body} }}'
    return float(an.onnx.load(onnx.parser.parse_model(text))(x))


POINT = jnp.array([0.3, -0.7, 1.1])
RESHAPED = (jnp.arange(1.0, 61.0).reshape(3, 4, 5), jnp.linspace(0.3, 1.0, 60).reshape(3, 20))

#: name -> what is to be kept.
RUNS: dict[str, Callable[[], Any]] = {
    "torch program at another point": lambda: an.verify(an.trace(_where, T(1)), [-1.0]),
    "torch kinks on a segment": lambda: (lambda found: (found.complete, len(list(found))))(
        an.find_kink(_where, T(1), T(-1))),
    "torch kinks near": lambda: (lambda near: (near.proved, near.distance))(an.kinks_near(_where, T(1), radius=2.0)),
    "conv backward wrong by a tenth": partial(_wrong_backward, torch.float32, 1.1, True),
    "conv backward with the other sign": partial(_wrong_backward, torch.float32, -1.0, True),
    "conv backward": partial(_wrong_backward, torch.float32, 1.0, True),
    "bfloat16 backward three times too large": partial(_wrong_backward, torch.bfloat16, 3.0, False),
    "bfloat16 backward": partial(_wrong_backward, torch.bfloat16, 1.0, False),
    "a layer of zeros, given": _layer_of_zeros,
    "cancellation beyond the gradient": lambda: an.verify(_cancelling, [0.0], slope=-1),
    "separated by a residue": lambda: an.verify(
        _shifted_log_sum_exp, [0.0, 1.30400005, 0.94708096, 0.0, 0.0], slope=-1),
    "acosh": lambda: an.verify(lambda x: torch.acosh(x).sum(), T(1.0000001)),
    "atanh": lambda: an.verify(lambda x: torch.atanh(x).sum(), T(0.999999)),
    "sinc in float32": lambda: an.verify(lambda x: torch.sinc(x).sum(), T(1e-8).float()),
    "variance of near values": lambda: an.verify(
        lambda x: torch.stack([x[0], x[0] * 1.0000001, x[0] * 0.9999999]).var(), T(0.5)),
    "gelu in float32": lambda: an.verify(lambda x: F.gelu(x).sum(), T(-20).float()),
    "bfloat16 in JAX": lambda: an.verify(
        lambda v: jnp.sum(jnp.tanh(v.astype(jnp.bfloat16)).astype(jnp.float32)), POINT),
    "float16 in JAX": lambda: an.verify(lambda v: jnp.sum(v.astype(jnp.float16).astype(jnp.float32) ** 2), POINT),
    "float32 softmax in float64": partial(_coarser_steps, lambda w: torch.softmax(w.float(), 0)[0]),
    "float32 tanh in float64": partial(_coarser_steps, lambda w: torch.tanh(w.float()).sum().double()),
    "both sides are one function": _both_sides_one_function,
    "complex parameters": _complex,
    "reentrant checkpoint": _reentrant,
    "padding row": _padding_row,
    "mask of a detached clone": lambda: an.verify(_masked, torch.zeros(1)),
    "mask of a detached product": lambda: an.verify(
        lambda x: (x * (x.detach() * 2 > 0)).sum() - (-x * (-x.data.float() > 0)).sum(), torch.zeros(1)),
    "incomplete set": _incomplete_set,
    "addbmm with factors": _addbmm,
    "reshape with dimensions": lambda: an.verify(
        lambda x: jnp.sum(lax.reshape(x, (3, 20), dimensions=(2, 1, 0)) * RESHAPED[1]), RESHAPED[0]),
    "further outputs of group norm": _group_norm,
    "CastLike": lambda: _onnx("a = CastLike(x, k) b = CastLike(a, x) y = ReduceSum<keepdims = 0>(b)", 19, [1.5],
                              "<int64[1] k = {3}>"),
    "another branch while traced": lambda: an.verify(_asks_for_a_type, np.array([0.5, -1.2])),
    "reduction over no axes": lambda: _onnx(
        "a = ReduceL1<noop_with_empty_axes = 1>(x) y = ReduceSum<keepdims = 0>(a)", 18, [-1.5]),
    "logaddexp in JAX": lambda: an.verify(lambda x: jnp.logaddexp(x, -x).sum(), jnp.zeros(2)),
}  # fmt: skip


def cases() -> Iterator[Case]:
    """Every one of them."""
    for name, run in RUNS.items():
        yield Case(name, run)
