"""NumPy's functions as the program's few operations: tables, a line an operation.

`UFUNCS` maps a ufunc to its row, `FUNCTIONS` a function of the `__array_function__` protocol to the code that writes it
in smaller operations, `METHODS` the methods of arrays, `REFUSED` what cannot be written with |.|, with the mend.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import special

from absnormal.arrays import Array
from absnormal.errors import TraceError
from absnormal.frontends.numpy import TracedArray, TracedMask, caller
from absnormal.frontends.numpy_order import median, partition, quantile, sort
from absnormal.frontends.writing import Writer, axes_of, fold_over, kink, writer_of

UFUNCS: dict[np.ufunc, str] = {
    np.add: "add", np.subtract: "sub", np.negative: "neg", np.multiply: "mul", np.true_divide: "div",
    np.logaddexp: "logaddexp", np.logaddexp2: "logaddexp2", np.hypot: "hypot", np.arctan2: "arctan2",
    np.square: "square", np.reciprocal: "reciprocal", np.exp: "exp", np.exp2: "exp2", np.expm1: "expm1",
    np.log: "log", np.log1p: "log1p", np.log2: "log2", np.log10: "log10", np.sqrt: "sqrt", np.cbrt: "cbrt",
    np.sin: "sin", np.cos: "cos", np.tan: "tan", np.arcsin: "arcsin", np.arccos: "arccos", np.arctan: "arctan",
    np.sinh: "sinh", np.cosh: "cosh", np.tanh: "tanh", np.arcsinh: "arcsinh", np.arccosh: "arccosh",
    np.arctanh: "arctanh", np.matmul: "matmul", special.expit: "expit", special.log_expit: "log_expit",
    special.erf: "erf", special.erfc: "erfc", special.ndtr: "ndtr", special.logit: "logit",
    special.gammaln: "gammaln",
}  # fmt: skip

COMPARISONS = {
    np.greater: ">", np.greater_equal: ">=", np.less: "<", np.less_equal: "<=", np.equal: "==", np.not_equal: "!=",
}  # fmt: skip

EXTREMA = {np.maximum: (1, "maximum"), np.minimum: (-1, "minimum"), np.fmax: (1, "fmax"), np.fmin: (-1, "fmin")}

JUMPS = {
    np.sign: "sign", np.floor: "floor", np.ceil: "ceil", np.trunc: "trunc", np.rint: "rint",
}  # fmt: skip

SCALES = {np.deg2rad: math.pi / 180, np.radians: math.pi / 180, np.rad2deg: 180 / math.pi, np.degrees: 180 / math.pi}


def apply_ufunc(
    traced: TracedArray, ufunc: np.ufunc, method: str, inputs: Sequence[Any], kwargs: dict[str, Any]
) -> Any:
    """What `__array_ufunc__` returns."""
    write = writer_of(traced, f"np.{ufunc.__name__}")
    if kwargs.get("where", True) is not True:
        write.refuse("the argument where= is not supported", "use np.where on the result")
    if method == "reduce":
        return _reduce(write, ufunc, inputs[0], **{k: v for k, v in kwargs.items() if k in ("axis", "keepdims")})
    if method == "accumulate" and ufunc is np.add:
        return _cumsum(inputs[0], **kwargs)
    if method == "outer":
        a, b = (write.array(item) for item in inputs)
        return ufunc(a.reshape(a.shape + (1,) * b.ndim), b)
    if method != "__call__":
        write.refuse(f"the method {method} is not supported", "write a loop, or use another function")
    if any(isinstance(item, TracedMask) for item in inputs):
        if ufunc is np.multiply:
            mask, other = inputs if isinstance(inputs[0], TracedMask) else inputs[::-1]
            return where(mask, other, 0.0)
        inputs = [item.concrete() if isinstance(item, TracedMask) else item for item in inputs]
    if ufunc in UFUNCS:
        return write.op(UFUNCS[ufunc], *inputs)
    if ufunc in COMPARISONS:
        left, right = (write.node(item) for item in inputs)
        return TracedMask(write.builder, left, COMPARISONS[ufunc], right, write.source)
    if ufunc in EXTREMA:
        sign, tie = EXTREMA[ufunc]
        return write.op("max", *inputs, tie=tie, sign=sign)
    if ufunc in (np.absolute, np.fabs):
        return kink(write, inputs[0], 0.0, 1.0, "abs")
    if ufunc in JUMPS:
        return write.constant_piece(JUMPS[ufunc], inputs[0])
    if ufunc in SCALES:
        return write.op("mul", inputs[0], SCALES[ufunc])
    rule = _UFUNC_RULES.get(ufunc)
    if rule is None:
        reason, mend = REFUSED.get(ufunc.__name__, ("is not supported", "write it with supported operations"))
        write.refuse(reason, mend)
    return rule(write, *inputs)


def _reduce(write: Writer, ufunc: np.ufunc, u: Any, axis: Any = 0, keepdims: bool = False) -> Any:
    known = {np.add: _sum, np.multiply: _prod, np.maximum: _max, np.minimum: _min}
    if ufunc not in known:
        write.refuse("reduce is not supported", "write a loop")
    return known[ufunc](u, axis=axis, keepdims=keepdims)


def _power(write: Writer, u: Any, e: Any) -> Any:
    if isinstance(e, TracedArray):
        return np.exp(e * np.log(u))
    exponent = np.asarray(e, dtype=float)
    if exponent.ndim == 0:
        short = {2.0: "square", 0.5: "sqrt", -1.0: "reciprocal"}.get(float(exponent))
        if short:
            return write.op(short, u)
        if exponent == 1:
            return write.array(u)
        if exponent == 0:
            return np.ones(np.shape(u))
    return write.op("power", u, exponent)


def _floor_divide(write: Writer, u: Any, v: Any) -> Any:
    return write.constant_piece("floor", write.array(u) / v)


def _remainder(write: Writer, u: Any, v: Any) -> Any:
    return u - write.constant_piece("floor", write.array(u) / v) * v


def _fmod(write: Writer, u: Any, v: Any) -> Any:
    return u - write.constant_piece("trunc", write.array(u) / v) * v


def _copysign(write: Writer, u: Any, v: Any) -> Any:
    sign = write.constant_piece("sign", v) if isinstance(v, TracedArray) else np.copysign(1.0, v)
    return np.abs(u) * sign


_UFUNC_RULES: dict[Any, Callable[..., Any]] = {
    np.power: _power,
    np.float_power: _power,
    np.positive: lambda write, u: write.array(u),
    np.conjugate: lambda write, u: write.array(u),
    np.floor_divide: _floor_divide,
    np.remainder: _remainder,
    np.fmod: _fmod,
    np.copysign: _copysign,
    np.heaviside: lambda write, u, v: (write.constant_piece("sign", u) + 1) / 2,
    np.isfinite: lambda write, u: np.isfinite(write.array(u).value),
    np.isnan: lambda write, u: np.isnan(write.array(u).value),
    np.isinf: lambda write, u: np.isinf(write.array(u).value),
    np.logical_not: lambda write, u: np.equal(u, 0.0),
    np.vecdot: lambda write, u, v: np.sum(write.array(u) * v, axis=-1),
    np.matvec: lambda write, u, v: np.matmul(u, write.array(v)[..., None])[..., 0],
}

REFUSED = {
    "nextafter": ("is a jump", "leave it out"),
    "spacing": ("is a jump", "leave it out"),
    "frexp": ("is a jump", "leave it out"),
    "divmod": ("is not supported", "use u // v and u % v"),
    "modf": ("is not supported", "use np.trunc(u) and u - np.trunc(u)"),
    "logical_and": ("combines variables as truth values", "compare them first: (a > 0) & (b > 0)"),
    "logical_or": ("combines variables as truth values", "compare them first: (a > 0) | (b > 0)"),
    "bincount": ("uses a variable as an index", "use constant indices"),
    "digitize": ("is a jump", "compare with the edges"),
    "unwrap": ("is a jump", "leave it out"),
    "logsumexp": ("is not a NumPy function that can be traced", "m = np.max(u); m + np.log(np.sum(np.exp(u - m)))"),
}


# -- shapes and indices ------------------------------------------------------------------------------------------


def getitem(u: TracedArray, key: Any) -> TracedArray:
    """u[key] for constant keys, and for comparisons that are not tied."""
    write = writer_of(u, "indexing")
    items = key if isinstance(key, tuple) else (key,)
    items = tuple(item.concrete() if isinstance(item, TracedMask) else item for item in items)
    if any(isinstance(item, TracedArray) for item in items):
        write.refuse("a variable is used as an index, a discontinuous selection", "use np.max, np.min or np.sort")
    if all(isinstance(item, (int, np.integer, slice)) or item is None or item is Ellipsis for item in items):
        basic = tuple(int(item) if isinstance(item, np.integer) else item for item in items)
        return write.op("index", u, key=basic, share=u)
    where_from = np.arange(u.size).reshape(u.shape)[items]
    return write.op("gather", u, index=where_from)


def gather(u: Any, rearrange: Callable[[Array], Array]) -> Any:
    """A rearrangement of entries, given as a function that moves plain arrays."""
    return writer_of(u, "rearrangement").op("gather", u, index=rearrange(np.arange(u.size).reshape(u.shape)))


def _reshape(u: TracedArray, *shape: Any, order: str = "C", **kwargs: Any) -> TracedArray:
    target = kwargs.get("newshape", kwargs.get("shape", shape[0] if len(shape) == 1 else shape))
    if order not in ("C", "A"):
        return _reshape(_transpose(u), *np.empty(u.shape).reshape(target, order="F").shape[::-1]).T
    out = np.broadcast_to(0.0, u.shape).reshape(target).shape
    return u if out == u.shape else writer_of(u, "np.reshape").op("reshape", u, shape=out, share=u)


def _transpose(u: TracedArray, *axes: Any, **kwargs: Any) -> TracedArray:
    order: Any = kwargs.get("axes", axes[0] if len(axes) == 1 else axes or None)
    if u.ndim < 2:
        return u
    order = tuple(range(u.ndim))[::-1] if order is None else tuple(int(a) % u.ndim for a in order)
    return writer_of(u, "np.transpose").op("transpose", u, axes=order, share=u)


def _swapaxes(u: TracedArray, a: int, b: int) -> TracedArray:
    order = list(range(u.ndim))
    order[a], order[b] = order[b], order[a]
    return _transpose(u, order)


def _moveaxis(u: TracedArray, source: Any, destination: Any) -> TracedArray:
    return _transpose(u, np.moveaxis(np.arange(u.ndim).reshape((1,) * u.ndim), source, destination).ndim and _order(u, source, destination))


def _order(u: TracedArray, source: Any, destination: Any) -> tuple[int, ...]:
    strides = np.moveaxis(np.empty(tuple(range(2, u.ndim + 2))), source, destination).shape
    return tuple(size - 2 for size in strides)


def _squeeze(u: TracedArray, axis: Any = None) -> TracedArray:
    return _reshape(u, np.squeeze(np.broadcast_to(0.0, u.shape), axis).shape)


def _expand_dims(u: TracedArray, axis: Any) -> TracedArray:
    return _reshape(u, np.expand_dims(np.broadcast_to(0.0, u.shape), axis).shape)


def _broadcast_to(u: TracedArray, shape: Any, subok: bool = False) -> TracedArray:
    full = np.broadcast_to(np.broadcast_to(0.0, u.shape), shape).shape
    return writer_of(u, "np.broadcast_to").op("broadcast", u, shape=full)


def _concatenate(arrays: Sequence[Any], axis: Any = 0, **kwargs: Any) -> TracedArray:
    write = writer_of(arrays, "np.concatenate")
    parts = [write.array(item) for item in arrays]
    if axis is None:
        parts, axis = [np.ravel(part) for part in parts], 0
    return write.op("concatenate", *parts, axis=axis % max(1, parts[0].ndim))


def _stack(arrays: Sequence[Any], axis: int = 0, **kwargs: Any) -> TracedArray:
    write = writer_of(arrays, "np.stack")
    parts = [_expand_dims(write.array(item), axis) for item in arrays]
    return write.op("concatenate", *parts, axis=axis % parts[0].ndim)


def _glued(atleast: Callable[..., Any], axis: Callable[[int], int]) -> Callable[..., Any]:
    def glue(arrays: Sequence[Any], **kwargs: Any) -> Any:
        write = writer_of(arrays, "np.concatenate")
        parts = [_atleast(write.array(item), atleast) for item in arrays]
        return _concatenate(parts, axis(parts[0].ndim))

    return glue


def _atleast(u: Any, rule: Callable[..., Any]) -> Any:
    return _reshape(u, rule(np.broadcast_to(0.0, u.shape)).shape)


def _column_stack(arrays: Sequence[Any]) -> Any:
    write = writer_of(arrays, "np.column_stack")
    parts = [write.array(item) for item in arrays]
    return _concatenate([part[:, None] if part.ndim == 1 else part for part in parts], 1)


def _split(u: TracedArray, sections: Any, axis: int = 0, function: Any = np.split) -> list[TracedArray]:
    places = function(np.arange(u.shape[axis]), sections)
    lead = (slice(None),) * (axis % u.ndim)
    return [u[(*lead, slice(int(p[0]), int(p[-1]) + 1) if len(p) else slice(0, 0))] for p in places]


def _pad(u: TracedArray, pad_width: Any, mode: str = "constant", **kwargs: Any) -> Any:
    write = writer_of(u, "np.pad")
    if mode not in ("constant", "edge", "reflect", "symmetric", "wrap"):
        write.refuse(f"mode {mode!r} is not supported", "use mode='constant', 'edge', 'reflect' or 'wrap'")
    numbers = np.arange(u.size).reshape(u.shape)
    if mode != "constant":
        return gather(u, lambda index: np.pad(index, pad_width, mode=mode, **kwargs))  # type: ignore[call-overload]
    filled = np.pad(np.zeros(u.shape), pad_width, constant_values=kwargs.get("constant_values", 0.0))
    inside = np.pad(numbers, pad_width, constant_values=-1)
    return where(inside >= 0, write.op("gather", u, index=np.maximum(inside, 0)), filled)


def _roll(u: TracedArray, shift: Any, axis: Any = None) -> Any:
    return gather(u, lambda index: np.roll(index, shift, axis))


def _diff(u: TracedArray, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    ends = [item for item in (prepend, u, append) if item is not None]
    u = _concatenate(ends, axis) if len(ends) > 1 else u
    lead = (slice(None),) * (axis % u.ndim)
    for _ in range(n):
        u = u[(*lead, slice(1, None))] - u[(*lead, slice(None, -1))]
    return u


def where(mask: Any, *choices: Any) -> Any:
    """np.where(mask, a, b): a constant mask, an untied comparison, or a kink a - b = k (left - right)."""
    known = [item for item in choices if isinstance(item, TracedArray)]
    write = writer_of(known[0] if known else mask, "np.where")
    if len(choices) != 2:
        return np.where(mask.concrete() if isinstance(mask, TracedMask) else mask)
    a, b = choices
    if isinstance(mask, TracedArray):
        mask = mask != 0
    if isinstance(mask, TracedMask):
        if np.any(mask.tied):
            return _tied_where(write, mask, a, b)
        mask = mask.concrete()
    mask = np.array(mask, dtype=bool)
    if not known:
        return np.where(mask, a, b)
    shape = np.broadcast_shapes(mask.shape, np.shape(a), np.shape(b))
    return write.op("where", a, b, mask=np.broadcast_to(mask, shape))


def _tied_where(write: Writer, mask: TracedMask, a: Any, b: Any) -> Any:
    first, second, left, right = write.node(a), write.node(b), mask.left, mask.right
    if mask.relation in ("<", "<="):
        left, right = right, left
    k = write.builder.multiple(first, second, left, right) if mask.relation not in ("==", "!=") else None
    if k is None:
        write.refuse(
            "its condition is tied at this point, and the two choices do not differ by a constant multiple of its two"
            " sides' difference",
            "write the kink with np.maximum, np.minimum or np.abs",
        )
    if k == 0:
        return write.array(a)
    u = write.op("sub", TracedArray(write.builder, left), TracedArray(write.builder, right))
    shape = np.broadcast_shapes(np.shape(u), np.shape(a), np.shape(b))
    if u.shape != shape:
        u = _broadcast_to(u, shape)
    tie = "where>" if mask.relation in (">", "<") else "where>="
    return write.op("select", u, a, b, tie=tie, k=float(k))


# -- sums and products -------------------------------------------------------------------------------------------


def _sum(u: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, **kwargs: Any) -> Any:
    write = writer_of(u, "np.sum")
    u = write.array(u)
    axes = axes_of(axis, u.ndim)
    kept = tuple(1 if i in axes else size for i, size in enumerate(u.shape))
    shape = kept if keepdims is True else tuple(size for i, size in enumerate(u.shape) if i not in axes)
    return write.op("sum", u, axes=axes, shape=shape)


def _mean(u: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, **kwargs: Any) -> Any:
    total = _sum(u, axis=axis, keepdims=keepdims)
    return total / (np.size(u.value) / max(1, total.size))


def _average(u: Any, axis: Any = None, weights: Any = None, **kwargs: Any) -> Any:
    if weights is None:
        return _mean(u, axis=axis)
    if np.ndim(weights) == 1 and axis is not None and u.ndim > 1:
        weights = _reshape_like(weights, u.ndim, axis)
    return _sum(u * weights, axis=axis) / np.sum(np.broadcast_to(weights, u.shape), axis=axis)


def _reshape_like(weights: Any, ndim: int, axis: int) -> Any:
    return np.reshape(weights, tuple(-1 if i == axis % ndim else 1 for i in range(ndim)))


def _var(u: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: Any = False,
         **kwargs: Any) -> Any:
    deviation = u - _mean(u, axis=axis, keepdims=True)
    total = _sum(deviation * deviation, axis=axis, keepdims=keepdims)
    return total / (u.size / max(1, total.size) - kwargs.get("correction", ddof))


def _std(u: Any, *args: Any, **kwargs: Any) -> Any:
    return np.sqrt(_var(u, *args, **kwargs))


def _prod(u: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, **kwargs: Any) -> Any:
    write = writer_of(u, "np.prod")
    moved, kept, shape = write.reduced(write.array(u), axis, keepdims)
    return _reshape(write.op("prod", moved, axis=0), shape) if kept else write.array(u)


def _cumsum(u: Any, axis: Any = None, **kwargs: Any) -> Any:
    write = writer_of(u, "np.cumsum")
    u = _reshape(u, -1) if axis is None else u
    return write.op("cumsum", u, axis=(axis or 0) % u.ndim)


def _dot(a: Any, b: Any, out: Any = None) -> Any:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return a * b
    if np.ndim(b) <= 2:
        return np.matmul(a, b)
    return _tensordot(a, b, ((-1,), (-2,)))


def _tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    write = writer_of([a, b], "np.tensordot")
    a, b = write.array(a), write.array(b)
    if isinstance(axes, int):
        axes = (tuple(range(a.ndim - axes, a.ndim)), tuple(range(axes)))
    left, right = (tuple(int(i) % u.ndim for i in np.atleast_1d(ax)) for u, ax in zip((a, b), axes, strict=True))
    free_a = [i for i in range(a.ndim) if i not in left]
    free_b = [i for i in range(b.ndim) if i not in right]
    inner = math.prod(a.shape[i] for i in left)
    first = _reshape(_transpose(a, [*free_a, *left]), (-1, inner))
    second = _reshape(_transpose(b, [*right, *free_b]), (inner, -1))
    return _reshape(np.matmul(first, second), [a.shape[i] for i in free_a] + [b.shape[i] for i in free_b])


def _einsum(*operands: Any, **kwargs: Any) -> Any:
    write = writer_of(operands, "np.einsum")
    if not isinstance(operands[0], str) or "." in operands[0]:
        write.refuse("this form of the call is not supported", "name every axis: np.einsum('ij,jk->ik', a, b)")
    text, arrays = operands[0].replace(" ", ""), operands[1:]
    given, _, result = text.partition("->")
    terms = given.split(",")
    if "->" not in text:
        letters = given.replace(",", "")
        result = "".join(sorted(letter for letter in set(letters) if letters.count(letter) == 1))
    if any(len(set(term)) < len(term) for term in terms):
        write.refuse("an axis is repeated in one operand", "use np.trace or np.diagonal")
    return write.op("einsum", *arrays, terms=tuple(terms), result=result)


def _outer(a: Any, b: Any, out: Any = None) -> Any:
    return np.ravel(a)[:, None] * np.ravel(b)[None, :]


def _trace(u: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, **kwargs: Any) -> Any:
    return _sum(gather(u, lambda index: np.diagonal(index, offset, axis1, axis2)), axis=-1)


# -- maxima, order, norms ----------------------------------------------------------------------------------------


def _max(u: Any, axis: Any = None, out: Any = None, keepdims: Any = False, **kwargs: Any) -> Any:
    return fold_over(writer_of(u, "np.max"), u, axis, keepdims, 1, "max.fold")


def _min(u: Any, axis: Any = None, out: Any = None, keepdims: Any = False, **kwargs: Any) -> Any:
    return fold_over(writer_of(u, "np.min"), u, axis, keepdims, -1, "min.fold")


def _ptp(u: Any, axis: Any = None, **kwargs: Any) -> Any:
    return _max(u, axis) - _min(u, axis)


def _clip(u: Any, a_min: Any = None, a_max: Any = None, out: Any = None, **kwargs: Any) -> Any:
    low, high = kwargs.get("min", a_min), kwargs.get("max", a_max)
    write = writer_of([u, low, high], "np.clip")
    result = u if low is None else write.op("max", u, low, tie="clip.low", sign=1)
    return result if high is None else write.op("max", result, high, tie="clip.high", sign=-1)


def _selection(name: str) -> Callable[..., Any]:
    def select(u: Any, axis: Any = -1 if name == "argsort" else None, **kwargs: Any) -> Any:
        moved = _reshape(u, -1) if axis is None else _moveaxis(u, axis, -1)
        chosen = writer_of(u, f"np.{name}").constant_piece(name, moved)
        return np.moveaxis(chosen, -1, axis) if name == "argsort" and axis is not None else chosen

    return select


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    write = writer_of(x, "np.linalg.norm")
    if axis is None and (ord is None or x.ndim == 1):
        x, axis = _reshape(x, -1), 0
        if keepdims:
            write.refuse("keepdims without axis is not supported", "name the axis")
    elif axis is None:
        axis = (0, 1)
    axes = axes_of(axis, x.ndim)
    if len(axes) == 1 or ord in (None, "fro"):
        if ord in (None, 2, "fro"):
            return np.sqrt(_sum(x * x, axis=axes, keepdims=keepdims))
        if ord == 1:
            return _sum(np.abs(x), axis=axes, keepdims=keepdims)
        if ord in (np.inf, -np.inf):
            sign = 1 if ord > 0 else -1
            return fold_over(write, np.abs(x), axes, keepdims, sign, "max.fold" if sign > 0 else "min.fold")
        if isinstance(ord, (int, float)) and ord > 1:
            return _sum(np.abs(x) ** ord, axis=axes, keepdims=keepdims) ** (1 / ord)
    elif ord in (1, -1, np.inf, -np.inf):
        inner, outer = axes if abs(ord) == 1 else axes[::-1]
        sums = _sum(np.abs(x), axis=inner, keepdims=True)
        sign = 1 if ord > 0 else -1
        folded = fold_over(write, sums, outer, True, sign, "max.fold" if sign > 0 else "min.fold")
        return folded if keepdims else _squeeze(folded, axes)
    return write.refuse(f"ord={ord!r} is not supported", "use 1, 2, inf or 'fro'")


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that only looks at the shape."""
    return lambda u, *args, **kwargs: function(np.broadcast_to(0.0, u.shape), *args, **kwargs)


def _triangle(function: Any) -> Callable[..., Any]:
    return lambda u, k=0: where(function(np.ones(u.shape, bool), k), u, 0.0)


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.reshape: _reshape, np.ravel: lambda u, order="C": _reshape(u, -1, order=order), np.transpose: _transpose,
    np.swapaxes: _swapaxes, np.moveaxis: _moveaxis, np.squeeze: _squeeze, np.expand_dims: _expand_dims,
    np.broadcast_to: _broadcast_to, np.copy: lambda u, **kwargs: writer_of(u, "np.copy").fresh(u),
    np.atleast_1d: lambda u: _atleast(u, np.atleast_1d), np.atleast_2d: lambda u: _atleast(u, np.atleast_2d),
    np.concatenate: _concatenate, np.stack: _stack, np.vstack: _glued(np.atleast_2d, lambda ndim: 0),
    np.hstack: _glued(np.atleast_1d, lambda ndim: 0 if ndim == 1 else 1),
    np.dstack: _glued(np.atleast_3d, lambda ndim: 2), np.column_stack: _column_stack,
    np.append: lambda u, v, axis=None: _concatenate([u, v], axis), np.split: _split,
    np.array_split: lambda u, sections, axis=0: _split(u, sections, axis, np.array_split),
    np.hsplit: lambda u, sections: _split(u, sections, 0 if u.ndim == 1 else 1), np.vsplit: _split,
    np.take: lambda u, index, axis=None, **kw: gather(u, lambda i: np.take(i, index, axis)),
    np.take_along_axis: lambda u, index, axis=-1: gather(u, lambda i: np.take_along_axis(i, index, axis)),
    np.compress: lambda c, u, axis=None: gather(u, lambda i: np.compress(np.asarray(c), i, axis)),
    np.delete: lambda u, key, axis=None: gather(u, lambda i: np.delete(i, key, axis)),
    np.repeat: lambda u, count, axis=None: gather(u, lambda i: np.repeat(i, count, axis)),
    np.tile: lambda u, reps: gather(u, lambda i: np.tile(i, reps)),
    np.flip: lambda u, axis=None: gather(u, lambda i: np.flip(i, axis)), np.flipud: lambda u: u[::-1],
    np.fliplr: lambda u: u[:, ::-1], np.rot90: lambda u, *args, **kw: gather(u, lambda i: np.rot90(i, *args, **kw)),
    np.roll: _roll, np.pad: _pad, np.diff: _diff, np.where: where, np.tril: _triangle(np.tril),
    np.diagonal: lambda u, *args, **kw: gather(u, lambda i: np.diagonal(i, *args, **kw)),
    np.diag: lambda u, k=0: gather(u, lambda i: np.diag(i, k)) if u.ndim == 2 else _diagonal_matrix(u, k),
    np.triu: _triangle(np.triu), np.trace: _trace, np.sum: _sum, np.mean: _mean, np.average: _average,
    np.var: _var, np.std: _std, np.prod: _prod, np.cumsum: _cumsum, np.dot: _dot, np.tensordot: _tensordot,
    np.inner: lambda a, b: a * b if np.ndim(a) == 0 or np.ndim(b) == 0 else _tensordot(a, b, ((-1,), (-1,))),
    np.vdot: lambda a, b: np.matmul(np.ravel(a), np.ravel(b)), np.einsum: _einsum, np.outer: _outer,
    np.max: _max, np.min: _min, np.ptp: _ptp, np.clip: _clip, np.median: median, np.sort: sort,
    np.partition: partition, np.quantile: quantile, np.argmax: _selection("argmax"),
    np.percentile: lambda u, q, *args, **kw: quantile(u, np.asarray(q) / 100, *args, **kw),
    np.argmin: _selection("argmin"), np.argsort: _selection("argsort"), np.linalg.norm: _norm,
    np.round: lambda u, decimals=0: writer_of(u, "np.round").constant_piece("rint", u * 10.0**decimals) / 10.0**decimals,
    np.fix: lambda u: np.trunc(u), np.sinc: lambda u: writer_of(u, "np.sinc").op("sinc", u),
    np.real: lambda u: u, np.zeros_like: _plain(np.zeros_like), np.ones_like: _plain(np.ones_like),
    np.full_like: _plain(np.full_like), np.empty_like: _plain(np.empty_like), np.shape: lambda u: u.shape,
    np.ndim: lambda u: u.ndim, np.size: lambda u, axis=None: u.size if axis is None else u.shape[axis],
    np.nan_to_num: lambda u, **kwargs: u, np.linalg.matrix_norm: lambda x, ord="fro", **kw: _norm(x, ord, (-2, -1), **kw),
    np.linalg.vector_norm: lambda x, ord=2, axis=None, keepdims=False: _norm(
        x if axis is not None else _reshape(x, -1), ord, axis, keepdims),
    np.iscomplexobj: lambda u: False, np.isrealobj: lambda u: True, np.result_type: lambda *args: np.dtype(float),
}  # fmt: skip


def _diagonal_matrix(u: TracedArray, k: int) -> Any:
    places = np.diag(np.arange(1, u.size + 1), k)
    return where(places > 0, gather(u, lambda i: i[np.maximum(places - 1, 0)]), 0.0)


METHODS: dict[str, Callable[..., Any]] = {
    "reshape": _reshape, "ravel": FUNCTIONS[np.ravel], "flatten": FUNCTIONS[np.ravel], "transpose": _transpose,
    "swapaxes": _swapaxes, "squeeze": _squeeze, "sum": _sum, "mean": _mean, "var": _var, "std": _std, "prod": _prod,
    "cumsum": _cumsum, "dot": _dot, "max": _max, "min": _min, "clip": _clip, "ptp": _ptp, "copy": FUNCTIONS[np.copy],
    "trace": _trace, "take": FUNCTIONS[np.take], "repeat": FUNCTIONS[np.repeat], "diagonal": FUNCTIONS[np.diagonal],
    "argmax": FUNCTIONS[np.argmax], "argmin": FUNCTIONS[np.argmin], "argsort": FUNCTIONS[np.argsort],
    "round": FUNCTIONS[np.round], "astype": lambda u, dtype, **kwargs: _astype(u, dtype),
    "conj": lambda u: u, "compress": lambda u, c, axis=None: FUNCTIONS[np.compress](c, u, axis),
    "item": lambda u: u.__float__(), "tolist": lambda u: u.__float__(),
}  # fmt: skip


def _astype(u: TracedArray, dtype: Any) -> TracedArray:
    if np.dtype(dtype) != np.float64:
        u.refuse("ndarray.astype", f"a variable is converted to {np.dtype(dtype)}", "keep float64")
    return writer_of(u, "ndarray.astype").fresh(u)


def apply_function(traced: TracedArray, func: Any, args: Any, kwargs: Any) -> Any:
    """What `__array_function__` returns."""
    rule = FUNCTIONS.get(func)
    if rule is None:
        name = getattr(func, "__name__", str(func))
        module = getattr(func, "__module__", "numpy").replace("numpy", "np", 1)
        reason, mend = REFUSED.get(name, ("is not supported", "write it with supported operations"))
        raise TraceError(f"{module}.{name}", reason, mend, caller())
    return rule(*args, **kwargs)
