"""What the installed version takes for the derivative at a kink, found by tiny calls.

A kernel is called at its kink and its derivative d compared with the one-sided ones, L on the left and R on the right.
Written a u + b |u| with u = x - kink, its slope is c = (2 d - L - R) / (R - L); for max(u, v) and min(u, v) the sign of
|u - v| is that of x - kink where x is the first argument.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn import functional

from absnormal.frontends.meanings.scattering import EXTREMA
from absnormal.frontends.ties.names import Slopes
from absnormal.frontends.ties.probing import Probe, Row, of_shares

Call = Callable[[Any], Any]


def _zero(x: Any) -> Any:
    return torch.zeros_like(x)


def _slope(call: Call) -> Call:
    """The derivative of a function, as torch computes it."""
    return lambda x: torch.autograd.grad(call(x).sum(), x, create_graph=True)[0]


def _huber(x: Any) -> Any:
    return functional.huber_loss(x, _zero(x), reduction="sum")


def _smooth_l1(x: Any) -> Any:
    return functional.smooth_l1_loss(x, _zero(x), reduction="sum")


PROBES: dict[str, Probe] = {
    "relu": Probe(torch.relu, 0.0, 0.0, 1.0, -1.0),
    "threshold": Probe(lambda x: functional.threshold(x, 0.0, 0.0), 0.0, 0.0, 1.0, -1.0),
    "leaky_relu": Probe(lambda x: functional.leaky_relu(x, 0.25), 0.0, 0.25, 1.0, -1.0),
    "prelu": Probe(lambda x: functional.prelu(x, torch.full((1,), 0.25, dtype=x.dtype)), 0.0, 0.25, 1.0, -1.0),
    "elu": Probe(lambda x: functional.elu(x, 2.0), 0.0, 2.0, 1.0, -1.0),
    "selu": Probe(functional.selu, 0.0, 1.6732632423543772 * 1.0507009873554805, 1.0507009873554805, -1.0),
    "hardtanh.low": Probe(functional.hardtanh, -1.0, 0.0, 1.0, -1.0),
    "hardtanh.high": Probe(functional.hardtanh, 1.0, 1.0, 0.0, 1.0),
    "hardsigmoid.low": Probe(functional.hardsigmoid, -3.0, 0.0, 1 / 6, -1.0),
    "hardsigmoid.high": Probe(functional.hardsigmoid, 3.0, 1 / 6, 0.0, 1.0),
    "hardswish.low": Probe(functional.hardswish, -3.0, 0.0, -0.5, -1.0),
    "hardswish.high": Probe(functional.hardswish, 3.0, 1.5, 1.0, 1.0),
    "softshrink.low": Probe(lambda x: functional.softshrink(x, 0.5), -0.5, 1.0, 0.0, 1.0),
    "softshrink.high": Probe(lambda x: functional.softshrink(x, 0.5), 0.5, 0.0, 1.0, -1.0),
    "abs": Probe(torch.abs, 0.0, -1.0, 1.0, 0.0),
    "maximum": Probe(lambda x: torch.maximum(x, _zero(x)), 0.0, 0.0, 1.0, 0.0),
    "minimum": Probe(lambda x: torch.minimum(x, _zero(x)), 0.0, 1.0, 0.0, 0.0),
    "fmax": Probe(lambda x: torch.fmax(x, _zero(x)), 0.0, 0.0, 1.0, 1.0),
    "fmin": Probe(lambda x: torch.fmin(x, _zero(x)), 0.0, 1.0, 0.0, -1.0),
    "clamp.low": Probe(lambda x: torch.clamp(x, -1.0, 1.0), -1.0, 0.0, 1.0, 1.0),
    "clamp.high": Probe(lambda x: torch.clamp(x, -1.0, 1.0), 1.0, 1.0, 0.0, -1.0),
    "clamp_min": Probe(lambda x: torch.clamp(x, min=0.0), 0.0, 0.0, 1.0, 1.0),
    "clamp_max": Probe(lambda x: torch.clamp(x, max=0.0), 0.0, 1.0, 0.0, -1.0),
    "clamp_min.tensor": Probe(lambda x: torch.clamp(x, min=_zero(x)), 0.0, 0.0, 1.0, 1.0),
    "clamp_max.tensor": Probe(lambda x: torch.clamp(x, max=_zero(x)), 0.0, 1.0, 0.0, -1.0),
    "copysign": Probe(lambda x: torch.copysign(x, torch.ones_like(x)), 0.0, -1.0, 1.0, 0.0),
    "l1_loss": Probe(lambda x: functional.l1_loss(x, _zero(x)), 0.0, -1.0, 1.0, 0.0),
    "smooth_l1_loss": Probe(lambda x: functional.smooth_l1_loss(x, _zero(x), beta=0.0), 0.0, -1.0, 1.0, 0.0),
    "norm.abs": Probe(lambda x: torch.linalg.vector_norm(x, 1), 0.0, -1.0, 1.0, 0.0),
    "elu_backward": Probe(_slope(functional.elu), 0.0, 1.0, 0.0, 1.0),
    "huber_loss_backward.low": Probe(_slope(_huber), -1.0, 0.0, 1.0, -1.0),
    "huber_loss_backward.high": Probe(_slope(_huber), 1.0, 1.0, 0.0, 1.0),
    "smooth_l1_loss_backward.low": Probe(_slope(_smooth_l1), -1.0, 0.0, 1.0, -1.0),
    "smooth_l1_loss_backward.high": Probe(_slope(_smooth_l1), 1.0, 1.0, 0.0, 1.0),
    "special_i0e": Probe(torch.special.i0e, 0.0, 1.0, -1.0, 0.0),
    "multi_margin_loss": Probe(
        lambda x: 2 * functional.multi_margin_loss(
            torch.cat([torch.zeros_like(x), x]).reshape(1, 2), torch.zeros(1, dtype=torch.long)), -1.0, 0.0, 1.0, -1.0),
    "multilabel_margin_loss": Probe(
        lambda x: 2 * functional.multilabel_margin_loss(
            torch.cat([torch.zeros_like(x), x]).reshape(1, 2), torch.tensor([[0, -1]])), -1.0, 0.0, 1.0, -1.0),
}  # fmt: skip


_SENDING = ("scatter_reduce", "index_reduce")


def _sending(name: str, kind: str, start: float) -> Call:
    """The extremum of entries that are sent to one other entry, which holds ``start`` and does not count."""
    def call(x: Any) -> Any:
        sent = torch.zeros(len(x), dtype=torch.long)
        return getattr(torch.full_like(x[:1], start), name)(0, sent, x, kind, include_self=False)

    return call


#: Reductions that are written as folds, by a call on three tied entries.
SPLITS: dict[str, Call] = {
    "max": torch.max, "min": torch.min, "amax": torch.amax, "amin": torch.amin,
    "aminmax": lambda x: torch.aminmax(x).max, "norm.inf": lambda x: torch.linalg.vector_norm(x, float("inf")),
    **{f"{name}.{kind}": _sending(name, kind, 0.0) for name in _SENDING for kind in EXTREMA},
    **{f"segment_reduce.a{kind}": lambda x, kind=kind: torch.segment_reduce(  # type: ignore[misc]
        x, kind, lengths=torch.tensor([len(x)])) for kind in ("max", "min")},
}  # fmt: skip
#: The same beside an entry that equals them and does not count.
BESIDE = {f"{name}.{kind}": _sending(name, kind, 1.0) for name in _SENDING for kind in EXTREMA}


#: 2-norms, called at (0, 0): the slope is an entry of their gradient.
NORMS: dict[str, Call] = {
    "norm": torch.linalg.vector_norm, "std": torch.std, "hypot": lambda x: torch.hypot(x[0], x[1]),
    "root": lambda x: torch.sqrt((x * x).sum()), "modulus": lambda x: torch.complex(x[0], x[1]).abs(),
}  # fmt: skip


def _derivative(call: Call, x: Any) -> Any:
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        return torch.autograd.grad(call(leaf).sum(), leaf)[0]


@functools.cache
def slope_of(kernel: str, dtype: Any) -> float:
    """The slope of |u| that a kernel uses at its kink, in reverse mode."""
    if kernel in NORMS:
        return float(_derivative(NORMS[kernel], torch.zeros(2, dtype=dtype))[0])
    probe = PROBES[kernel]
    d = float(_derivative(probe.call, torch.full((1,), probe.kink, dtype=dtype))[0])
    return probe.slope_of(d, f"torch {kernel}", 1e-2)


@functools.cache
def middle(kernel: str, dtype: Any) -> float:
    """The derivative of a kernel at 0, off its kinks."""
    return float(_derivative(PROBES[kernel].call, torch.zeros(1, dtype=dtype))[0])


@functools.cache
def splits_evenly(kernel: str, dtype: Any) -> bool:
    """Whether a reduction gives three tied entries a third of its gradient each."""
    return _even(SPLITS[kernel], dtype)


@functools.cache
def splits_beside(kernel: str, dtype: Any) -> bool:
    """Whether it does beside an entry that equals them and does not count."""
    return _even(BESIDE[kernel], dtype)


def _even(call: Call, dtype: Any) -> bool:
    d = _derivative(call, torch.ones(3, dtype=dtype))
    return bool((d - 1 / 3).abs().max() < 1e-2)


def probed(dtype: Any = None) -> Sequence[Row]:
    """The slopes of the installed version, kernel by kernel; those that a precision does not have are left out."""
    kind = torch.float32 if dtype is None else dtype
    rows = []
    for name, probe in PROBES.items():
        try:
            rows.append(Row(name, probe.kink, slope_of(name, kind), probe.slope))
        except NotImplementedError:
            continue
    return rows


#: A tie of the tables of slopes -> the kernel that has it.
KERNEL_OF = {
    "abs": "abs", "maximum": "maximum", "minimum": "minimum", "fmax": "fmax", "fmin": "fmin", "clip.low": "clamp.low",
    "clip.high": "clamp.high", "relu": "relu", "leaky_relu": "leaky_relu", "elu": "elu", "hard.low": "hardsigmoid.low",
    "shrink.low": "softshrink.low", "shrink.high": "softshrink.high",
    "hard.high": "hardsigmoid.high", "clamp.low": "clamp.low", "clamp.high": "clamp.high",
}  # fmt: skip


def _pooled(x: Any) -> Any:
    return functional.max_pool1d(x.reshape(1, 1, 3), 3)


@functools.cache
def table() -> Slopes:
    """The table of slopes of the installed version."""
    folds: dict[str, Call] = {
        "max.fold": torch.amax, "min.fold": torch.amin, "max.window": _pooled, "min.window": lambda x: -_pooled(-x),
    }  # fmt: skip
    found: Slopes = {tie: slope_of(kernel, torch.float64) for tie, kernel in KERNEL_OF.items()}
    for tie, call in folds.items():
        found[tie] = of_shares(tie, _derivative(call, torch.ones(3, dtype=torch.float64)).tolist())
    found |= {tie: slope_of(tie, torch.float64) for tie in NORMS}
    # What is sorted is read off at the indices that torch returned.
    found["sort"] = -1.0
    return found
