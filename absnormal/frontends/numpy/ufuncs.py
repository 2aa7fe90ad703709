"""NumPy's and SciPy's ufuncs: tables, a line an operation.

`UFUNCS` maps a ufunc to its row of the operation table, `RULES` to code that writes it in smaller operations.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from absnormal.frontends.meanings.activations import power
from absnormal.frontends.meanings.angles import arctan2
from absnormal.frontends.meanings.jumps import eithers, lifted
from absnormal.frontends.numpy.algebra import cumsum, prod, total
from absnormal.frontends.numpy.arguments import is_default
from absnormal.frontends.numpy.callbacks import entry_by_entry, is_of_objects
from absnormal.frontends.numpy.complex_numbers import is_complex, of_complex
from absnormal.frontends.numpy.masks import TracedMask, concrete, multiplied, numbers
from absnormal.frontends.numpy.order import largest, smallest
from absnormal.frontends.numpy.shapes import moveaxis
from absnormal.frontends.numpy.sparse import is_sparse, operated
from absnormal.frontends.numpy.special import SPECIAL_RULES, SPECIAL_UFUNCS
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.user_line import caller
from absnormal.frontends.writing import Writer, axis_of, named, writer_of

UFUNCS: dict[np.ufunc, str] = {
    np.add: "add", np.subtract: "sub", np.negative: "neg", np.multiply: "mul", np.true_divide: "div",
    np.logaddexp: "logaddexp", np.logaddexp2: "logaddexp2", np.hypot: "hypot",
    np.square: "square", np.reciprocal: "reciprocal", np.exp: "exp", np.exp2: "exp2", np.expm1: "expm1",
    np.log: "log", np.log1p: "log1p", np.log2: "log2", np.log10: "log10", np.sqrt: "sqrt", np.cbrt: "cbrt",
    np.sin: "sin", np.cos: "cos", np.tan: "tan", np.arcsin: "arcsin", np.arccos: "arccos",
    np.arctan: "arctan",
    np.sinh: "sinh", np.cosh: "cosh", np.tanh: "tanh", np.arcsinh: "arcsinh", np.arccosh: "arccosh",
    np.arctanh: "arctanh", np.matmul: "matmul", **SPECIAL_UFUNCS,
}  # fmt: skip

COMPARISONS = {
    np.greater: ">", np.greater_equal: ">=", np.less: "<", np.less_equal: "<=", np.equal: "==",
    np.not_equal: "!=",
}  # fmt: skip

EXTREMA = {np.maximum: (1, "maximum"), np.minimum: (-1, "minimum"), np.fmax: (1, "fmax"), np.fmin: (-1, "fmin")}

JUMPS = {np.sign: "sign", np.floor: "floor", np.ceil: "ceil", np.trunc: "trunc", np.rint: "rint"}

SCALES = {np.deg2rad: math.pi / 180, np.radians: math.pi / 180, np.rad2deg: 180 / math.pi, np.degrees: 180 / math.pi}


def _power(write: Writer, u: Any, e: Any) -> Any:
    if isinstance(e, TracedArray):
        return _exponential(write, u, e)
    exponent = write.constant(e)
    if exponent.ndim == 0:
        return power(write, u, float(exponent)) if exponent else np.ones(u.shape)
    return write.op("power", u, exponent)


def _exponential(write: Writer, u: Any, e: TracedArray) -> Any:
    if isinstance(u, TracedArray):
        return np.exp(e * np.log(u))
    base = write.constant(u)
    if np.any(base <= 0):
        write.refuse("a variable exponent needs a positive base", "write np.exp(e * np.log(base))")
    return write.op("exp2", e) if base.ndim == 0 and base == 2 else np.exp(e * np.log(base))


def _floor_divide(write: Writer, u: Any, v: Any) -> Any:
    return write.constant_piece("floor", write.array(u) / v)


def _remainder(write: Writer, u: Any, v: Any) -> Any:
    return u - write.constant_piece("floor", write.array(u) / v) * v


def _fmod(write: Writer, u: Any, v: Any) -> Any:
    return u - write.constant_piece("trunc", write.array(u) / v) * v


def _divmod(write: Writer, u: Any, v: Any) -> Any:
    whole = _floor_divide(write, u, v)
    return whole, u - whole * v


def _modf(write: Writer, u: Any) -> Any:
    whole = write.constant_piece("trunc", u)
    return u - whole, whole


def _copysign(write: Writer, u: Any, v: Any) -> Any:
    sign = write.constant_piece("sign", v) if isinstance(v, TracedArray) else np.copysign(1.0, v)
    return np.abs(u) * sign


RULES: dict[Any, Callable[..., Any]] = {
    np.absolute: lambda write, u: write.kink(u, 0.0, 1.0, "abs"),
    np.fabs: lambda write, u: write.kink(u, 0.0, 1.0, "abs"),
    np.arctan2: arctan2,
    np.power: _power,
    np.float_power: _power,
    np.positive: lambda write, u: u,
    np.conjugate: lambda write, u: u,
    np.floor_divide: _floor_divide,
    np.remainder: _remainder,
    np.fmod: _fmod,
    np.copysign: _copysign,
    np.divmod: _divmod,
    np.modf: _modf,
    np.signbit: lambda write, u: np.less(u, 0.0),
    np.ldexp: lambda write, u, e: u * np.ldexp(1.0, e),
    np.heaviside: lambda write, u, v: np.where(u > 0, 1.0, np.where(u < 0, 0.0, v)),  # type: ignore[call-overload]
    np.isfinite: lambda write, u: np.isfinite(u.value.astype(float)),
    np.isnan: lambda write, u: np.isnan(u.value.astype(float)),
    np.isinf: lambda write, u: np.isinf(u.value.astype(float)),
    np.logical_not: lambda write, u: np.equal(u, 0.0),
    np.vecdot: lambda write, u, v: np.sum(write.array(u) * v, axis=-1),
    **SPECIAL_RULES,
}

if hasattr(np, "matvec"):  # NumPy 2.2
    RULES[np.matvec] = lambda write, u, v: np.matmul(u, write.array(v)[..., None])[..., 0]
    RULES[np.vecmat] = lambda write, u, v: np.matmul(write.array(u)[..., None, :], v)[..., 0, :]

REDUCTIONS: dict[np.ufunc, Callable[..., Any]] = {
    np.add: total,
    np.multiply: prod,
    np.maximum: largest,
    np.minimum: smallest,
}

#: Arguments that the methods of a ufunc read; those that a call of it has are about types, memory, and axes.
READ = {
    "reduce": {"axis", "keepdims", "initial", "out", "where"}, "accumulate": {"axis", "out"},
    "reduceat": {"axis", "out"},
}

REFUSED = {
    "nextafter": ("jumps", "leave it out"),
    "spacing": ("jumps", "leave it out"),
    "frexp": ("jumps", "leave it out"),
    "logical_and": ("combines variables as truth values", "compare them first: (a > 0) & (b > 0)"),
    "logical_or": ("combines variables as truth values", "compare them first: (a > 0) | (b > 0)"),
    "logical_xor": ("combines variables as truth values", "compare them first: (a > 0) ^ (b > 0)"),
}


@functools.cache
def name_of(ufunc: np.ufunc) -> str:
    """np.exp, scipy.special.erf."""
    name = ufunc.__name__
    return f"np.{name}" if hasattr(np, name) else f"scipy.special.{name}"


#: What is a number or a variable as it is.
NUMBERS = frozenset({TracedArray, float, int, np.float64})


def apply_ufunc(
    traced: TracedArray, ufunc: np.ufunc, method: str, inputs: Sequence[Any], kwargs: dict[str, Any]
) -> Any:
    """What `__array_ufunc__` returns: a new array, a comparison or a constant."""
    if method == "__call__" and not kwargs and ufunc in UFUNCS and NUMBERS.issuperset(map(type, inputs)):
        # Most are, and then there is nothing to look for.
        user = traced.builder.user or (name_of(ufunc), caller())
        return Writer(traced.builder, *user).op(UFUNCS[ufunc], *inputs)
    if eithers(inputs):
        return lifted(lambda *args: getattr(ufunc, method)(*args, **kwargs), inputs, method == "__call__")
    if any(map(is_complex, inputs)):
        return of_complex(ufunc, method, inputs, kwargs)
    if method == "__call__" and is_of_objects(ufunc):
        return entry_by_entry(ufunc, inputs)
    name = name_of(ufunc)
    result = named(traced.builder, name, _applied, (name, ufunc, method, inputs, kwargs), {})
    return tuple(map(_apart, result)) if isinstance(result, tuple) else _apart(result)


def _apart(result: Any) -> Any:
    """A result with no memory of an argument's; numbers are an array that f makes, into which variables are written."""
    if isinstance(result, TracedArray):
        return TracedArray(result.builder, result.index)
    if type(result) is not np.ndarray:
        return result
    from absnormal.frontends.numpy.held import held

    return held(result.copy())


def _applied(name: str, ufunc: np.ufunc, method: str, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    write = writer_of(inputs, name)
    if method != "reduce" and kwargs.pop("where", True) is not True:
        write.refuse("the argument where= is not supported", "use np.where on the result")
    if np.dtype(kwargs.pop("dtype", None) or float) != np.float64:
        write.refuse("a variable is converted to another dtype", "keep float64")
    if ufunc is np.vecdot and (axis := kwargs.pop("axis", -1)) != -1:
        inputs = [np.moveaxis(item, axis, -1) for item in inputs]
    for key in [key for key, value in kwargs.items() if key not in READ.get(method, ())]:
        if not is_default(key, kwargs.pop(key)):
            write.refuse(f"the argument {key}= is not supported", "move the axes with np.moveaxis, or leave it out")
    if method == "__call__":
        return _called(write, ufunc, inputs)
    inputs = concrete(inputs)
    if method in READ:
        if kwargs.pop("out", None) is not None:
            write.refuse("the result is written into an array", "assign it to a new name")
        rules: dict[str, Callable[..., Any]] = {
            "reduce": _reduce, "accumulate": _accumulate, "reduceat": _reduce_at,
        }  # fmt: skip
        return rules[method](write, ufunc, write.array(inputs[0]), *inputs[1:], **kwargs)
    if method == "outer":
        a, b = (write.array(item) for item in inputs)
        return ufunc(a.reshape(a.shape + (1,) * b.ndim), b)
    return write.refuse(f"the method {method} is not supported", "use np.concatenate, np.where or a loop")


def _called(write: Writer, ufunc: np.ufunc, inputs: Sequence[Any]) -> Any:
    if ufunc is np.multiply and any(isinstance(item, TracedMask) for item in inputs):
        return multiplied(*inputs)
    if any(map(is_sparse, inputs)):
        return operated(write, ufunc, *inputs)
    inputs = numbers(inputs)
    if eithers(inputs):
        return lifted(ufunc, inputs, ufunc.signature is None)
    if ufunc in UFUNCS:
        return write.op(UFUNCS[ufunc], *inputs)
    if ufunc in COMPARISONS:
        left, right = (write.node(item) for item in inputs)
        return TracedMask(write.builder, left, COMPARISONS[ufunc], right, write.source)
    if ufunc in EXTREMA:
        sign, tie = EXTREMA[ufunc]
        return write.extremum(inputs[0], inputs[1], sign, tie)
    if ufunc in JUMPS:
        return write.constant_piece(JUMPS[ufunc], inputs[0])
    if ufunc in SCALES:
        return write.op("mul", inputs[0], SCALES[ufunc])
    if ufunc not in RULES:
        write.refuse(*REFUSED.get(ufunc.__name__, ("is not supported", "write it with supported operations")))
    return RULES[ufunc](write, *inputs)


def _reduce(
    write: Writer, ufunc: np.ufunc, u: TracedArray, axis: Any = 0, keepdims: bool = False, initial: Any = None,
    where: Any = True,
) -> Any:
    rule = REDUCTIONS.get(ufunc)
    if rule is not None:
        return rule(u, axis=axis, keepdims=keepdims, initial=initial, where=where)
    if where is not True:
        write.refuse("the argument where= is not supported", "use np.where on the argument")
    if ufunc.nin != 2 or ufunc in COMPARISONS or initial is not None:
        write.refuse("reduce is not supported", "write a loop")
    moved, _, shape = write.reduced(u, axis, keepdims)
    rows = list(moved)
    result: Any = rows[0]
    for row in rows[1:]:
        result = ufunc(result, row)
    return result.reshape(shape)


def _reduce_at(write: Writer, ufunc: np.ufunc, u: TracedArray, indices: Any, axis: Any = 0) -> Any:
    """ufunc.reduceat: from each index to the next one, or that entry alone where the next one is not larger."""
    starts = [int(i) for i in np.ravel(indices)]
    moved = moveaxis(u, axis_of(axis, u.ndim), 0)
    parts = [
        _reduce(write, ufunc, moved[start:stop]) if stop > start else moved[start]
        for start, stop in zip(starts, [*starts[1:], moved.shape[0]], strict=True)
    ]
    return np.stack(parts, axis)


def _accumulate(write: Writer, ufunc: np.ufunc, u: TracedArray, axis: Any = 0) -> Any:
    axis = axis_of(axis, u.ndim)
    if ufunc is np.add:
        return cumsum(u, axis)
    if ufunc.nin != 2 or ufunc in COMPARISONS:
        write.refuse("accumulate is not supported", "write a loop")
    rows: list[Any] = list(moveaxis(u, axis, 0))
    for i in range(1, len(rows)):
        rows[i] = ufunc(rows[i - 1], rows[i])
    return np.stack(rows, axis) if rows else u
