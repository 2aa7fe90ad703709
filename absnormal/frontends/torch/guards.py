"""What must hold at another point for a jump to come out as it did: guards of the program, one rule an operation.

A comparison is kept as it is, the index of an extremum or of a sorted entry as comparisons of entries, a rounded number
as the interval that it was in.  Where there is no rule nothing is known of other points: then the variables behind the
operation are held.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from absnormal.arrays import Array
from absnormal.frontends.meanings.order import keep_order
from absnormal.frontends.meanings.selections import looked_through
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.torch.jumps import KNOTS, Knots, discrete, plain_name
from absnormal.frontends.torch.values import array
from absnormal.frontends.torch.writer import Arg, Writer
from absnormal.program.moves import numbered

#: Writes the guards of an operation from its arguments; False where it has none to offer.
Rule = Callable[..., bool]


def keep(w: Writer, args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
    """Keep what the jump that is being looked at came to; whether that could be written."""
    if all(not isinstance(arg, Arg) or discrete(arg.here) for arg in args):
        # What is decided by outcomes of jumps is decided by the guards of these.
        return True
    if any(tensor.is_complex() for tensor in w.record.arguments):
        return False
    name = plain_name(w.record)
    rule = RULES.get(name)
    if rule is None and name in ("to_copy", "_to_copy", "copy"):
        rule = _converted
    return rule is not None and rule(w, *args, **kwargs)


def between(w: Writer, u: int, low: Array, high: Array) -> bool:
    """Keep low < u < high."""
    w.guard(u, w.constant(low), ">")
    w.guard(u, w.constant(high), "<")
    return True


def signs(w: Writer, u: int) -> bool:
    """Keep the signs of numbers of which none is 0."""
    values = w.here(u)
    if np.any(values == 0):
        return False
    w.guard(u, w.constant(0.0), ">", values > 0)
    return True


def first(w: Writer, u: int, axis: int, index: Array, sign: int) -> bool:
    """Keep that the entries at ``index`` along an axis are the largest (sign 1), or the smallest."""
    count = w.shape(u)[axis]
    places = np.moveaxis(numbered(w.shape(u)), axis, 0)
    chosen = np.moveaxis(index, axis, 0)
    others = (chosen + np.arange(1, count).reshape(-1, *([1] * (chosen.ndim - 1)))) % count
    left = w.gather(u, np.broadcast_to(np.take_along_axis(places, chosen, 0), others.shape))
    w.guard(left, w.gather(u, np.take_along_axis(places, others, 0)), ">" if sign > 0 else "<")
    return True


def ordered(w: Writer, u: int, axis: int, index: Array) -> bool:
    """Keep the ranks of the entries at ``index`` along an axis; no two entries of a line may be equal."""
    values = np.moveaxis(w.here(u), axis, 0)
    order = np.argsort(values, axis=0, kind="stable")
    ranked = np.take_along_axis(values, order, 0)
    if np.any(ranked[1:] == ranked[:-1]):
        return False
    places = np.moveaxis(numbered(w.shape(u)), axis, 0)
    ranks = np.argsort(order, axis=0, kind="stable")
    taken = np.take_along_axis(ranks, np.moveaxis(index, axis, 0), 0).reshape(index.shape[axis], -1)
    if np.any(taken != taken[:, :1]):
        return False
    rows = np.moveaxis(np.take_along_axis(places, order, 0), 0, -1).reshape(-1, len(values))
    apart = np.zeros((len(rows), len(values) - 1), bool)
    keep_order(w.entrywise, TracedArray(w.builder, u), rows, apart, taken[:, 0], False)
    return True


# -- a rule an operation ----------------------------------------------------------------------------------------------


def _compared(relation: str) -> Rule:
    def rule(w: Writer, a: Any, b: Any) -> bool:
        outcome = array(w.returned[0]).astype(bool)
        left, right = (w.rounded(side, (a, b)) for side in (a, b))
        w.guard(left, right, relation, outcome)
        return True

    return rule


def _signs(w: Writer, x: Arg, *args: Any, **kwargs: Any) -> bool:
    return signs(w, x.node)


def _signs_of_all(w: Writer, *args: Any, **kwargs: Any) -> bool:
    return all(signs(w, arg.node) for arg in args if isinstance(arg, Arg) and not discrete(arg.here))


def _interval(w: Writer, u: int, mode: str, scale: float = 1.0) -> bool:
    """Keep the whole number that ``u`` times a scale is taken to."""
    values = w.here(u) * scale
    if mode == "round":
        low, high = np.rint(values) - 0.5, np.rint(values) + 0.5
    elif mode == "ceil":
        low, high = np.ceil(values) - 1, np.ceil(values)
    elif mode == "floor":
        low, high = np.floor(values), np.floor(values) + 1
    else:
        whole = np.trunc(values)
        low, high = np.where(whole > 0, whole, whole - 1), np.where(whole < 0, whole, whole + 1)
    return between(w, u, low / scale, high / scale)


def _whole(mode: str) -> Rule:
    return lambda w, x, decimals=0: _interval(w, x.node, mode, 10.0**decimals)


def _quotient(mode: str) -> Rule:
    def rule(w: Writer, a: Any, b: Any, rounding_mode: str = mode) -> bool:
        return _interval(w, w.div(w.node(a), w.node(b)), rounding_mode)

    return rule


def _converted(w: Writer, *args: Any, **kwargs: Any) -> bool:
    source = next(arg for arg in args[::-1] if isinstance(arg, Arg))
    dtype = w.record.outs[0].dtype
    if not discrete(w.record.outs[0]):
        return True
    return signs(w, source.node) if dtype == torch.bool else _interval(w, source.node, "trunc")


def _indexed(sign: int) -> Rule:
    """argmax, and max with an axis."""

    def rule(w: Writer, x: Arg, dim: Any = None, keepdim: bool = False) -> bool:
        if isinstance(dim, Arg) or not x.shape:
            return True
        index = array(w.returned[-1])
        if dim is None:
            return first(w, w.reshape(x.node, (-1,)), 0, index.reshape(1), sign)
        axis = dim % len(x.shape)
        return first(w, x.node, axis, index if keepdim else np.expand_dims(index, axis), sign)

    return rule


def _sorted(w: Writer, x: Arg, *args: Any, **kwargs: Any) -> bool:
    """Operations with an axis among their arguments, and indices in the shape of the result."""
    if not x.shape:
        return True
    numbers = [arg for arg in args if isinstance(arg, int) and not isinstance(arg, bool)]
    if plain_name(w.record) in ("topk", "kthvalue"):
        numbers = numbers[1:]
    axis = int(kwargs.get("dim", numbers[0] if numbers else -1)) % len(x.shape)
    index = array(w.returned[-1])
    return ordered(w, x.node, axis, index if index.ndim == len(x.shape) else np.expand_dims(index, axis))


def _median(w: Writer, x: Arg, *args: Any, **kwargs: Any) -> bool:
    """Without an axis its index is not returned."""
    if args or "dim" in kwargs or not x.shape:
        return _sorted(w, x, *args, **kwargs)
    flat = x.here.detach().reshape(-1)
    return ordered(w, w.reshape(x.node, (-1,)), 0, array(flat.median(0).indices).reshape(1))


def _searched(w: Writer, edges: Arg, x: Any, *args: Any, **kwargs: Any) -> bool:
    """Keep the edges below and above every entry."""
    if not isinstance(x, Arg) or len(edges.shape) != 1 or kwargs.get("sorter") is not None:
        return False
    index, count = array(w.returned[0]).reshape(-1), edges.shape[0]
    numbers = np.arange(index.size)
    flat = w.reshape(x.node, (index.size,))
    for inside, edge, relation in ((index > 0, index - 1, ">"), (index < count, index, "<")):
        if inside.any():
            w.guard(w.gather(flat, numbers[inside]), w.gather(edges.node, edge[inside]), relation)
    return True


def _straightened(w: Writer, x: Arg, beta: float = 1.0, threshold: float = 20.0) -> bool:
    w.guard(x.node, w.constant(threshold / beta), ">", array(x.here) * beta > threshold)
    return True


def _apart(knots: Knots) -> Rule:
    """Keep on which side of its knots an argument is."""
    return lambda w, *args, **kwargs: _sides(w, *knots(*args, **kwargs))


def _sides(w: Writer, x: Arg, knots: Sequence[float]) -> bool:
    for knot in knots:
        left, relation, right = looked_through(w.builder, x.node, ">", w.constant(knot))
        w.guard(left, right, relation, w.here(left) > w.here(right))
    return True


def _nothing(w: Writer, *args: Any, **kwargs: Any) -> bool:
    """Numbers are finite, or there is no value; noise is what was drawn."""
    return True


RULES: dict[str, Rule] = {
    "gt": _compared(">"), "ge": _compared(">="), "lt": _compared("<"), "le": _compared("<="), "eq": _compared("=="),
    "ne": _compared("!="), "argmax": _indexed(1), "argmin": _indexed(-1), "max": _indexed(1), "min": _indexed(-1),
    "sort": _sorted, "argsort": _sorted, "topk": _sorted, "kthvalue": _sorted, "median": _median,
    "nanmedian": _median, "searchsorted": _searched, "isnan": _nothing, "isinf": _nothing, "isfinite": _nothing,
    "isneginf": _nothing, "isposinf": _nothing, "native_dropout": _nothing, "_local_scalar_dense": _nothing,
    "nonzero": _signs, "count_nonzero": _signs, "logical_not": _signs, "logical_and": _signs_of_all,
    "logical_or": _signs_of_all, "logical_xor": _signs_of_all, "all": _signs, "any": _signs, "signbit": _signs,
    "heaviside": _signs, "sign": _signs, "sgn": _signs, "angle": _signs, "floor": _whole("floor"),
    "ceil": _whole("ceil"), "trunc": _whole("trunc"), "round": _whole("round"), "frac": _whole("trunc"),
    "div": _quotient("floor"), "floor_divide": _quotient("floor"), "remainder": _quotient("floor"),
    "fmod": _quotient("trunc"), "softplus": _straightened, **{name: _apart(knots) for name, knots in KNOTS.items()},
    "bucketize": lambda w, x, edges, **kwargs: _searched(w, edges, x, **kwargs),
    "copysign": lambda w, x, sign: signs(w, sign.node),
    "softplus_backward": lambda w, grad, x, beta, threshold: _sides(w, x, [threshold / beta]),
}  # fmt: skip
