"""Rules for normalisation, softmax, attention, recurrent cells and losses, composed of smooth rows.

Kernels without a kink may be written in smaller operations, as their derivative is the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from absnormal.frontends.meanings.losses import negative_log_likelihood, reduced
from absnormal.frontends.meanings.movements import added, moved
from absnormal.frontends.meanings.normalizations import (
    affine,
    by_groups,
    channels,
    group_normalized,
    moments,
    normalized,
    root_normalized,
)
from absnormal.frontends.meanings.recurrent import gates, layer, lstm
from absnormal.frontends.meanings.reductions import log_softmax, softmax
from absnormal.frontends.torch.reductions import line_of, lined, norm
from absnormal.frontends.torch.values import array
from absnormal.frontends.torch.writer import Arg, Rule, Writer

# -- softmax ------------------------------------------------------------------------------------------------------


def _softmax(w: Writer, x: Arg, /, dim: int) -> int:
    return softmax(w, *line_of(w, x, dim))


def _log_softmax(w: Writer, x: Arg, /, dim: int) -> int:
    return log_softmax(w, *line_of(w, x, dim))


# -- normalisation ------------------------------------------------------------------------------------------------


def _node(w: Writer, value: Any) -> Any:
    return None if value is None else w.node(value)


def _aside(w: Writer, u: int, axes: Sequence[int], eps: float, shape: Sequence[int] | None = None) -> list[Any]:
    """The mean and the inverse of the root that a kernel returns beside what it normalizes, where they are used."""
    if not (w.asked(1) or w.asked(2)):
        return [None, None]
    mean, root = moments(w, u, axes, eps)
    found = mean, w.op("reciprocal", root, sure=True)
    return [*found] if shape is None else [w.reshape(one, shape) for one in found]


def _layer_norm(w: Writer, x: Arg, /, normalized_shape: Sequence[int], weight: Any, bias: Any, eps: float) -> list[Any]:
    ndim = len(x.shape)
    u, axes = w.node(x), range(ndim - len(normalized_shape), ndim)
    entries = affine(w, normalized(w, u, axes, eps), _node(w, weight), _node(w, bias), normalized_shape)
    return [entries, *_aside(w, u, axes, eps)]


def _rms_norm(
    w: Writer, x: Arg, /, normalized_shape: Sequence[int], weight: Any = None, eps: float | None = None
) -> list[Any]:
    ndim, held = len(x.shape), float(np.finfo(np.float32).eps) if eps is None else eps
    u, root = root_normalized(w, w.node(x), range(ndim - len(normalized_shape), ndim), held)
    return [affine(w, u, _node(w, weight), None, normalized_shape), w.op("reciprocal", root, sure=True)]


def _batch_norm(
    w: Writer, x: Arg, weight: Any, bias: Any, /, running_mean: Any = None, running_var: Any = None,
    training: bool = True, eps: float = 1e-5,
) -> list[Any]:
    u, ndim = w.node(x), len(x.shape)
    shape = channels(ndim)
    aside = [w.constant(np.zeros(0))] * 2
    if training:
        axes = [0, *range(2, ndim)]
        aside = _aside(w, u, axes, eps, (x.shape[1],))
        u = normalized(w, u, axes, eps)
    else:
        if running_mean.varied or running_var.varied:
            w.refuse("has running statistics that depend on a variable", "detach them, or normalise by hand")
        mean, scale = running_mean.array, 1.0 / np.sqrt(running_var.array.astype(float) + eps)
        u = w.mul(w.sub(u, w.constant(mean.reshape(shape))), w.constant(scale.reshape(shape)))
    return [affine(w, u, _node(w, weight), _node(w, bias), shape), *aside]


def _batch_norm_for_evaluation(
    w: Writer, x: Arg, weight: Any, bias: Any, running_mean: Arg, running_var: Arg, /, eps: float
) -> list[Any]:
    return _batch_norm(w, x, weight, bias, running_mean, running_var, False, eps)


def _group_norm(w: Writer, x: Arg, weight: Any, bias: Any, /, N: int, group: int, eps: float) -> list[Any]:
    u = group_normalized(w, x.node, group, eps)
    entries = affine(w, u, _node(w, weight), _node(w, bias), channels(len(x.shape)))
    return [entries, *_aside(w, by_groups(w, x.node, group), [2], eps, (N, group))]


def _dropout(w: Writer, x: Arg, /, p: float, train: Any) -> list[Any]:
    mask = w.returned[1]
    if train is False:
        return [w.node(x), None]
    scale = 0.0 if p == 1 else 1.0 / (1.0 - p)
    return [w.scaled(w.mul(w.node(x), w.tensor(mask)), scale), None]


# -- attention ----------------------------------------------------------------------------------------------------


def _attention(
    w: Writer, query: Arg, key: Arg, value: Arg, /, dropout_p: float = 0.0, is_causal: bool = False,
    attn_mask: Any = None, scale: float | None = None,
) -> list[Any]:
    if dropout_p:
        w.refuse("draws its dropout inside the kernel", "set dropout to 0")
    factor = 1.0 / math.sqrt(query.shape[-1]) if scale is None else scale
    k, v = key.node, value.node
    repeat = query.shape[-3] // key.shape[-3] if len(query.shape) > 3 else 1
    if repeat > 1:
        k, v = (moved(w, u, lambda places: places.repeat(repeat, axis=-3)) for u in (k, v))
    ndim = len(w.shape(k))
    scores = w.scaled(w.matmul(query.node, w.swap(k, ndim - 2, ndim - 1)), factor)
    if is_causal:
        mask = np.triu(np.full((query.shape[-2], key.shape[-2]), -np.inf), 1)
        scores = w.add(scores, w.constant(mask))
    if attn_mask is not None:
        if attn_mask.array.dtype == bool:
            scores = w.add(scores, w.constant(np.where(attn_mask.array, 0.0, -np.inf)))
        else:
            scores = w.add(scores, attn_mask.node)
    weights = softmax(w, scores, len(w.shape(scores)) - 1)
    return [w.matmul(weights, v)]


# -- recurrent kernels ----------------------------------------------------------------------------------------------


def _mkldnn_rnn(
    w: Writer, x: Arg, w_ih: Arg, w_hh: Arg, b_ih: Arg, b_hh: Arg, hx: Arg, cx: Arg, /, reverse: bool,
    batch_sizes: Sequence[int], mode: int, has_biases: bool,
) -> list[Any]:
    """The fused LSTM layer, cell by cell."""
    if mode != 2:
        w.refuse(f"mode {mode} of the fused recurrent kernel is not supported", "disable mkldnn")
    if batch_sizes:
        w.refuse("is given packed sequences", "disable mkldnn")
    inputs = w.matmul(x.node, w.swap(w_ih.node, 0, 1))
    if has_biases:
        inputs = w.add(w.add(inputs, b_ih.node), b_hh.node)
    recurrent = w.swap(w_hh.node, 0, 1)
    gate, tanh = (partial(w.op, op) for op in ("expit", "tanh"))

    def cell(given: int, states: Sequence[int]) -> Sequence[int]:
        i, f, g, o = gates(w, w.add(given, w.matmul(states[0], recurrent)), 4)
        return lstm(w, (i, f, o, g), states[1], (gate, tanh, tanh))

    steps, last = layer(w, inputs, (hx.node, cx.node), cell, reverse)
    return [steps, *(w.reshape(state, tuple(out.shape)) for state, out in zip(last, w.record.out[1:3], strict=True))]


# -- losses ---------------------------------------------------------------------------------------------------------


#: What torch's numbers of reductions are called.
_REDUCTIONS = ("none", "mean", "sum")


def reduce(w: Writer, u: int, reduction: int) -> int:
    return reduced(w, u, _REDUCTIONS[reduction])


def of_mean(w: Writer, u: int, reduction: int) -> int:
    """What comes back to every entry through a reduction."""
    return w.scaled(u, 1.0 / max(1, math.prod(w.shape(u)))) if reduction == 1 else u


def _nll(w: Writer, x: Arg, target: Arg, /, weight: Arg | None, reduction: int, ignore_index: int) -> list[Any]:
    labels = target.array.astype(int, copy=False)
    return [negative_log_likelihood(w, w.node(x), labels, _REDUCTIONS[reduction], _node(w, weight), ignore_index)]


def _l1(w: Writer, x: Arg, y: Arg, /, reduction: int = 1) -> int:
    return reduce(w, w.kink(w.sub(x.node, y.node), 0.0, 1.0, "l1_loss"), reduction)


def _huber(w: Writer, u: int, bound: float) -> int:
    """u^2 / 2 up to the bound, bound |u| - bound^2 / 2 past it: C^1, each entry on its own piece, or held between."""
    values = w.here(u)
    inside, flat = np.abs(values) <= bound, w.reshape(u, (values.size,))
    for end in (-bound, bound):
        for entries, relation in ((values != end, "<"), (values == end, "held")):
            if entries.any():
                kept, outcome = w.gather(flat, np.flatnonzero(entries)), (values[entries] < end) | (relation == "held")
                w.guard(kept, w.constant(end), relation, outcome)
    square = w.scaled(w.op("square", w.where(inside, u, w.constant(0.0))), 0.5)
    line = w.shifted(w.mul(w.constant(np.sign(values) * bound), u), -0.5 * bound * bound)
    return w.where(inside, square, line)


def _huber_loss(w: Writer, x: Arg, y: Arg, /, reduction: int = 1, delta: float = 1.0) -> int:
    return reduce(w, _huber(w, w.sub(x.node, y.node), delta), reduction)


def _smooth_l1(w: Writer, x: Arg, y: Arg, /, reduction: int = 1, beta: float = 1.0) -> int:
    u = w.sub(x.node, y.node)
    if beta == 0:
        return reduce(w, w.kink(u, 0.0, 1.0, "smooth_l1_loss"), reduction)
    return reduce(w, w.scaled(_huber(w, u, beta), 1.0 / beta), reduction)


def _bce(w: Writer, x: Arg, y: Arg, /, weight: Any = None, reduction: int = 1) -> int:
    """-(y log x + (1 - y) log(1 - x)), the logarithms not below -100."""
    p, t = x.node, y.node
    values = array(x.here).astype(float)
    w.guard(p, w.constant(np.exp(-100.0)), ">")
    if np.any((values <= np.exp(-100.0)) | (1 - values <= np.exp(-100.0))):
        w.refuse("clamps its logarithms at this point", "use binary_cross_entropy_with_logits")
    one = w.constant(1.0)
    loss = w.add(w.mul(t, w.op("log", p)), w.mul(w.sub(one, t), w.op("log", w.sub(one, p))))
    loss = w.op("neg", loss)
    return reduce(w, loss if weight is None else w.mul(loss, weight.node), reduction)


def _bce_logits(w: Writer, x: Arg, y: Arg, /, weight: Any = None, pos_weight: Any = None, reduction: int = 1) -> int:
    """(1 - y) u + (1 + (p - 1) y) log(1 + exp(-u))."""
    u, t = x.node, y.node
    soft = w.op("neg", w.op("log_expit", u))
    if pos_weight is not None:
        factor = w.shifted(w.mul(w.shifted(pos_weight.node, -1.0), t), 1.0)
        soft = w.mul(factor, soft)
    loss = w.add(w.mul(w.sub(w.constant(1.0), t), u), soft)
    return reduce(w, loss if weight is None else w.mul(loss, weight.node), reduction)


def _soft_margin(w: Writer, x: Arg, y: Arg, /, reduction: int = 1) -> int:
    return reduce(w, w.op("neg", w.op("log_expit", w.mul(x.node, y.node))), reduction)


def _kl_div(w: Writer, x: Arg, y: Arg, /, reduction: int = 1, log_target: bool = False) -> int:
    if log_target:
        return reduce(w, w.mul(w.op("exp", y.node), w.sub(y.node, x.node)), reduction)
    held = y.array
    if y.varied and np.any(held <= 0):
        w.refuse("has a target that is a variable and 0", "move the target off 0, or use log_target")
    inside = w.where(held > 0, y.node, w.constant(1.0))
    return reduce(w, w.sub(w.mul(y.node, w.op("log", inside)), w.mul(y.node, x.node)), reduction)


def _multi_margin(
    w: Writer, x: Arg, target: Arg, /, p: float = 1, margin: float = 1, weight: Any = None, reduction: int = 1
) -> int:
    """sum over i != t of max(0, margin - x_t + x_i)^p / C."""
    u = x.node if len(x.shape) == 2 else w.reshape(x.node, (1, -1))
    labels = target.array.astype(int).reshape(-1)
    rows, classes = w.shape(u)
    own = w.gather(u, (np.arange(rows) * classes + labels)[:, None])
    gap = w.relu(w.shifted(w.sub(u, own), margin), "multi_margin_loss")
    gap = gap if p == 1 else w.op("square", gap)
    scale = (np.arange(classes) != labels[:, None]) / classes
    if weight is not None:
        scale = scale * weight.array.astype(float)[labels][:, None]
    loss = w.sum(w.mul(gap, w.constant(scale)), [1])
    return reduce(w, loss if len(x.shape) == 2 or reduction else w.reshape(loss, ()), reduction)


def _multilabel_margin(w: Writer, x: Arg, target: Arg, /, reduction: int = 1) -> list[Any]:
    """sum over labels t and i no label of max(0, 1 - x_t + x_i) / C."""
    u = x.node if len(x.shape) == 2 else w.reshape(x.node, (1, -1))
    labels = target.array.astype(int).reshape(w.shape(u))
    rows, classes = w.shape(u)
    first, second = [], []
    for row, line in enumerate(labels):
        stop = np.flatnonzero(line < 0)
        wanted = line[: stop[0]] if stop.size else line
        others = np.setdiff1d(np.arange(classes), wanted)
        first += [row * classes + t for t in wanted for _ in others]
        second += [row * classes + i for _ in wanted for i in others]
    gap = w.sub(w.gather(u, np.array(second, int)), w.gather(u, np.array(first, int)))
    loss = w.scaled(w.relu(w.shifted(gap, 1.0), "multilabel_margin_loss"), 1.0 / classes)
    losses = added(w, w.constant(np.zeros(rows)), np.array(first, int) // classes, loss)
    return [reduce(w, losses if len(x.shape) == 2 or reduction else w.reshape(losses, ()), reduction)]


def _cosine_similarity(w: Writer, a: Arg, b: Arg, /, dim: int = 1, eps: float = 1e-8) -> int:
    both = (lined(w, a), lined(w, b))
    axis = dim % max(len(w.shape(node)) for node in both)
    first, second = (norm(w, node, 2.0, [axis], False) for node in both)
    dot = w.sum(w.mul(*both), [axis])
    bounds = [w.extremum(size, w.constant(eps), 1, "clamp_min") for size in (first, second)]
    return w.div(w.div(dot, bounds[0]), bounds[1])


def _weight_norm(w: Writer, v: Arg, g: Arg, /, dim: int = 0) -> list[Any]:
    """Rows, by an axis, of sizes of their own."""
    size = norm(w, v.node, 2.0, [axis for axis in range(len(v.shape)) if axis != dim % len(v.shape)], True)
    return [w.mul(v.node, w.div(g.node, size)), None]


def _trilinear(
    w: Writer, a: Arg, b: Arg, c: Arg, /, expand1: Sequence[int], expand2: Sequence[int], expand3: Sequence[int],
    sumdim: Sequence[int],
) -> int:
    """The product of three tensors with new axes, summed over some."""
    parts = []
    for arg, axes in ((a, expand1), (b, expand2), (c, expand3)):
        shape = list(arg.shape)
        for axis in axes:
            shape.insert(axis, 1)
        parts.append(w.reshape(arg.node, shape))
    return w.sum(w.mul(w.mul(parts[0], parts[1]), parts[2]), sumdim)


RULES: dict[str, Rule] = {
    "_softmax": _softmax, "softmax": _softmax, "_safe_softmax": _softmax, "_log_softmax": _log_softmax,
    "log_softmax": _log_softmax, "native_layer_norm": _layer_norm, "_fused_rms_norm": _rms_norm,
    "native_batch_norm": _batch_norm, "_native_batch_norm_legit": _batch_norm,
    "_native_batch_norm_legit_functional": _batch_norm,
    "_native_batch_norm_legit_no_training": _batch_norm_for_evaluation, "native_group_norm": _group_norm,
    "native_dropout": _dropout, "_scaled_dot_product_flash_attention_for_cpu": _attention,
    "_scaled_dot_product_flash_attention": _attention, "mkldnn_rnn_layer": _mkldnn_rnn, "nll_loss_forward": _nll,
    "nll_loss2d_forward": _nll, "l1_loss": _l1, "huber_loss": _huber_loss, "smooth_l1_loss": _smooth_l1,
    "binary_cross_entropy": _bce, "binary_cross_entropy_with_logits": _bce_logits, "soft_margin_loss": _soft_margin,
    "kl_div": _kl_div, "multi_margin_loss": _multi_margin, "multilabel_margin_loss_forward": _multilabel_margin,
    "cosine_similarity": _cosine_similarity, "_trilinear": _trilinear, "_weight_norm_interface": _weight_norm,
    "mse_loss": lambda w, x, y, /, reduction=1: reduce(w, w.op("square", w.sub(x.node, y.node)), reduction),
    "_batch_norm_with_update": lambda w, x, weight, bias, /, eps: _batch_norm(w, x, weight, bias, eps=eps),
}  # fmt: skip

