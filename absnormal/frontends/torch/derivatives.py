"""Rules for the kernels of derivatives of activations and losses: a gradient inside of the function.

The derivative of relu jumps where relu has its kink, and is constant elsewhere; that of a loss like Huber's has kinks.
Where such a kernel jumps is written in `absnormal.frontends.torch.jumps`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings import activations
from absnormal.frontends.meanings.movements import along
from absnormal.frontends.torch.elementwise import halved
from absnormal.frontends.torch.layers import of_mean
from absnormal.frontends.torch.reductions import line_of, lined
from absnormal.frontends.torch.values import array
from absnormal.frontends.torch.writer import Arg, Rule, Writer

# -- activations ------------------------------------------------------------------------------------------------------


def _chosen(w: Writer, grad: Arg, mask: Array, factor: Any = 0.0) -> int:
    """The adjoint where a mask holds, and a multiple of it elsewhere."""
    return w.where(mask, grad.node, w.constant(0.0) if factor == 0 else w.scaled(grad.node, factor))


def _between(w: Writer, grad: Arg, x: Arg, low: float, high: float, factor: float = 1.0) -> int:
    values = array(x.here)
    return w.scaled(_chosen(w, grad, (values > low) & (values < high)), factor)


def _hardswish(w: Writer, grad: Arg, x: Arg, /) -> int:
    values = array(x.here)
    inside = w.mul(grad.node, w.shifted(w.scaled(x.node, 1 / 3), 0.5))
    return w.where(values > 3, grad.node, w.where(values < -3, w.constant(0.0), inside))


def _shrink(w: Writer, grad: Arg, x: Arg, /, lambd: float) -> int:
    return _chosen(w, grad, np.abs(array(x.here)) > lambd)


def _leaky(w: Writer, grad: Arg, x: Arg, /, negative_slope: float) -> int:
    return _chosen(w, grad, array(x.here) > 0, negative_slope)


def _rrelu(w: Writer, grad: Arg, x: Arg, noise: Arg, /, lower: float, upper: float, training: bool) -> int:
    if training:
        return w.mul(grad.node, noise.node)
    return _chosen(w, grad, array(x.here) > 0, (lower + upper) / 2)


def _prelu(w: Writer, grad: Arg, x: Arg, weight: Arg, /) -> list[int]:
    positive = array(x.here) > 0
    below = w.where(positive, w.constant(0.0), w.mul(grad.node, x.node))
    return [w.where(positive, grad.node, w.mul(grad.node, weight.node)), below]


def _elu(
    w: Writer, grad: Arg, /, alpha: float, scale: float, input_scale: float, is_result: bool, self_or_result: Arg
) -> int:
    """The derivative is one exponential of what is below 0, where that meets the constant above 0."""
    x = self_or_result
    values = array(x.here)
    if alpha * input_scale == 1:
        below = activations.parts(w, x.node, "elu_backward")[1]
    else:
        below = w.where(values > 0, w.constant(0.0), x.node)
    if is_result:
        bent = w.shifted(w.scaled(below, input_scale), alpha * scale * input_scale)
    else:
        bent = w.scaled(w.op("exp", w.scaled(below, input_scale)), alpha * scale * input_scale)
    return w.mul(grad.node, bent if alpha * input_scale == 1 else w.where(values > 0, w.constant(scale), bent))


def _softplus(w: Writer, grad: Arg, x: Arg, /, beta: float, threshold: float) -> int:
    slope = w.op("expit", w.scaled(x.node, beta))
    return w.mul(grad.node, w.where(array(x.here) * beta > threshold, w.constant(1.0), slope))


def _gelu(w: Writer, grad: Arg, x: Arg, /, approximate: str = "none") -> int:
    u = x.node
    if approximate == "none":
        density = w.scaled(w.op("exp", w.scaled(w.op("square", u), -0.5)), 1 / math.sqrt(2 * math.pi))
        return w.mul(grad.node, w.add(w.op("ndtr", u), w.mul(u, density)))
    root = math.sqrt(2 / math.pi)
    square = w.op("square", u)
    tanh = w.op("tanh", w.scaled(w.add(u, w.scaled(w.mul(u, square), 0.044715)), root))
    inner = w.scaled(w.shifted(w.scaled(square, 3 * 0.044715), 1.0), root)
    slope = w.mul(w.mul(u, w.sub(w.constant(1.0), w.op("square", tanh))), inner)
    return w.mul(grad.node, w.scaled(w.add(w.shifted(tanh, 1.0), slope), 0.5))


def _mish(w: Writer, grad: Arg, x: Arg, /) -> int:
    u = x.node
    tanh = w.op("tanh", activations.softplus(w, u))
    slope = w.mul(w.mul(u, w.op("expit", u)), w.sub(w.constant(1.0), w.op("square", tanh)))
    return w.mul(grad.node, w.add(tanh, slope))


def _silu(w: Writer, grad: Arg, x: Arg, /) -> int:
    gate = w.op("expit", x.node)
    return w.mul(w.mul(grad.node, gate), w.shifted(w.mul(x.node, w.sub(w.constant(1.0), gate)), 1.0))


def _glu(w: Writer, grad: Arg, x: Arg, /, dim: int) -> int:
    first, second, axis = halved(w, x, dim)
    gate = w.op("expit", second)
    own = w.mul(grad.node, gate)
    return w.concatenate([own, w.mul(w.mul(own, first), w.sub(w.constant(1.0), gate))], axis)


def _logit(w: Writer, grad: Arg, x: Arg, /, eps: float | None = None) -> int:
    if eps is not None:
        w.refuse("jumps where its argument is clamped", "clamp the argument by itself")
    return w.div(grad.node, w.mul(x.node, w.sub(w.constant(1.0), x.node)))


def _softmax(w: Writer, grad: Arg, y: Arg, /, dim: int) -> int:
    adjoint, (result, axis) = lined(w, grad), line_of(w, y, dim)
    total = w.sum(w.mul(adjoint, result), [axis], True)
    return w.mul(result, w.sub(adjoint, total))


def _log_softmax(w: Writer, grad: Arg, y: Arg, /, dim: int) -> int:
    adjoint, (result, axis) = lined(w, grad), line_of(w, y, dim)
    total = w.sum(adjoint, [axis], True)
    return w.sub(adjoint, w.mul(w.op("exp", result), total))


# -- losses -----------------------------------------------------------------------------------------------------------


def _mse(w: Writer, grad: Arg, x: Arg, y: Arg, /, reduction: int) -> int:
    return of_mean(w, w.mul(grad.node, w.scaled(w.sub(x.node, y.node), 2.0)), reduction)


def _clipped(w: Writer, grad: Arg, x: Arg, y: Arg, bound: float, reduction: int, kernel: str) -> int:
    u = w.sub(x.node, y.node)
    low, high = w.constant(-bound), w.constant(bound)
    clipped = activations.clipped(w, u, low, high, f"{kernel}.low", f"{kernel}.high")
    return of_mean(w, w.mul(grad.node, clipped), reduction)


def _huber(w: Writer, grad: Arg, x: Arg, y: Arg, /, reduction: int, delta: float) -> int:
    return _clipped(w, grad, x, y, delta, reduction, "huber_loss_backward")


def _smooth_l1(w: Writer, grad: Arg, x: Arg, y: Arg, /, reduction: int, beta: float) -> int:
    if beta == 0:
        sign = np.sign(array(x.here).astype(float) - array(y.here))
        return of_mean(w, w.mul(grad.node, w.constant(sign)), reduction)
    return w.scaled(_clipped(w, grad, x, y, beta, reduction, "smooth_l1_loss_backward"), 1 / beta)


def _bce(w: Writer, grad: Arg, x: Arg, y: Arg, /, weight: Any = None, reduction: int = 1) -> int:
    spread = w.mul(x.node, w.sub(w.constant(1.0), x.node))
    if np.any(w.here(spread) <= 2e-12):
        w.refuse("bounds its denominator at this point", "use binary_cross_entropy_with_logits")
    slope = w.div(w.sub(x.node, y.node), spread)
    slope = slope if weight is None else w.mul(slope, w.node(weight))
    return of_mean(w, w.mul(grad.node, slope), reduction)


def _soft_margin(w: Writer, grad: Arg, x: Arg, y: Arg, /, reduction: int) -> int:
    slope = w.mul(y.node, w.op("expit", w.op("neg", w.mul(x.node, y.node))))
    return of_mean(w, w.mul(grad.node, w.op("neg", slope)), reduction)


def _nll(w: Writer, grad: Arg, x: Arg, target: Arg, /, weight: Arg | None, reduction: int, ignore_index: int) -> int:
    """Minus the weight of a label where it is, with axis 1 (of a vector: 0) the classes."""
    axis, labels = min(1, len(x.shape) - 1), target.array.astype(int, copy=False)
    kept = labels != ignore_index
    classes = np.where(kept, labels, 0)
    share = w.constant(kept.astype(float))
    if weight is not None:
        share = w.mul(w.gather(weight.node, classes), share)
    sent = w.mul(grad.node, w.op("neg", share))
    if reduction == 1:
        sent = w.div(sent, w.sum(share))
    place = along(x.shape, np.expand_dims(classes, axis), axis).reshape(-1)
    inside, flat = np.full(math.prod(x.shape), labels.size), w.reshape(w.broadcast(sent, labels.shape), (labels.size,))
    inside[place] = np.arange(labels.size)
    return w.gather(w.concatenate([flat, w.constant(np.zeros(1))], 0), inside.reshape(x.shape))


RULES: dict[str, Rule] = {
    "hardswish_backward": _hardswish, "hardshrink_backward": _shrink, "softshrink_backward": _shrink,
    "leaky_relu_backward": _leaky, "rrelu_with_noise_backward": _rrelu, "_prelu_kernel_backward": _prelu,
    "elu_backward": _elu, "softplus_backward": _softplus, "gelu_backward": _gelu, "mish_backward": _mish,
    "silu_backward": _silu, "glu_backward": _glu, "logit_backward": _logit, "_softmax_backward_data": _softmax,
    "_log_softmax_backward_data": _log_softmax, "mse_loss_backward": _mse, "huber_loss_backward": _huber,
    "smooth_l1_loss_backward": _smooth_l1, "binary_cross_entropy_backward": _bce,
    "soft_margin_loss_backward": _soft_margin, "nll_loss_backward": _nll, "nll_loss2d_backward": _nll,
    "threshold_backward": lambda w, grad, x, /, threshold: _chosen(w, grad, array(x.here) > threshold),
    "hardtanh_backward": lambda w, grad, x, /, min_val, max_val: _between(w, grad, x, min_val, max_val),
    "hardsigmoid_backward": lambda w, grad, x, /: _between(w, grad, x, -3.0, 3.0, 1 / 6),
    "log_sigmoid_backward": lambda w, grad, x, _buffer, /: w.mul(grad.node, w.op("expit", w.op("neg", x.node))),
    "sigmoid_backward": lambda w, grad, y, /: w.mul(grad.node, w.mul(y.node, w.sub(w.constant(1.0), y.node))),
    "tanh_backward": lambda w, grad, y, /: w.mul(grad.node, w.sub(w.constant(1.0), w.op("square", y.node))),
}  # fmt: skip
