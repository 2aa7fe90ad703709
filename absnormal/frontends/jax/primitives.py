"""The rules of JAX's primitives, a line each: written with NumPy's functions on traced arrays."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.frontends.jax.algebra import ALGEBRA
from absnormal.frontends.jax.jumps import Beside, First, Jump, Rows
from absnormal.frontends.jax.order import fold_over, scattered_extremum, sort, top_k, window_extremum
from absnormal.frontends.jax.reducers import gathered_from_chosen, scattered_to_chosen
from absnormal.frontends.jax.run import Call, Seen
from absnormal.frontends.jax.shapes import MOVES, convolution, moving, scattered, scattered_product, window_sum
from absnormal.frontends.jax.special import SPECIAL
from absnormal.frontends.meanings.activations import clipped, power
from absnormal.frontends.meanings.angles import arctan2
from absnormal.frontends.meanings.movements import added
from absnormal.frontends.meanings.places import Places
from absnormal.frontends.meanings.steps import over_entries
from absnormal.frontends.numpy.masks import TracedMask, numbers
from absnormal.frontends.numpy.select import upward
from absnormal.frontends.numpy.shapes import broadcast_to
from absnormal.frontends.numpy.traced import TracedArray

Rule = Callable[..., Any]

#: primitive -> row of the operation table
ROWS = {
    "add": "add", "add_any": "add", "sub": "sub", "mul": "mul", "div": "div", "neg": "neg", "square": "square",
    "sqrt": "sqrt", "cbrt": "cbrt", "exp": "exp", "exp2": "exp2", "expm1": "expm1", "log": "log", "log1p": "log1p",
    "sin": "sin", "cos": "cos", "tan": "tan", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "sinh": "sinh",
    "cosh": "cosh", "tanh": "tanh", "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh",
    "logistic": "expit", "erf": "erf", "erfc": "erfc", "erf_inv": "erfinv", "lgamma": "gammaln", "digamma": "digamma",
    "bessel_i1e": "i1e",
}  # fmt: skip

COMPARISONS = {
    "gt": np.greater, "ge": np.greater_equal, "lt": np.less, "le": np.less_equal, "eq": np.equal, "ne": np.not_equal,
    "lt_to": np.less, "le_to": np.less_equal, "eq_to": np.equal,
}

#: What a person calls a primitive.
NAMES = {
    "max": "jnp.maximum", "min": "jnp.minimum", "abs": "jnp.abs", "select_n": "jnp.where", "reduce_max": "jnp.max",
    "reduce_min": "jnp.min", "dot_general": "jnp.dot", "mul": "*", "add": "+", "sub": "-", "div": "/",
    **{name: f"jnp.{name}" for name in ("exp", "log", "sqrt", "sign", "floor", "ceil", "round", "tanh", "argmax")},
    **{name: f"comparison {name}" for name in COMPARISONS},
}


def _row(op: str) -> Rule:
    return lambda call, *args: call.write.op(op, *args, given=call.outs[0])


def _compared(ufunc: Any) -> Rule:
    return lambda call, a, b: ufunc(a, b)


def _same(call: Call, u: Any) -> Any:
    return u


def _jump(relation: str) -> Rule:
    return lambda call, u: call.write.constant_piece(relation, u)


def _extremum(sign: int) -> Rule:
    def rule(call: Call, a: Any, b: Any) -> Any:
        for bound, other in ((a, b), (b, a)):
            # An infinite constant that is no bound.
            if not isinstance(bound, TracedArray) and bound.size and np.all(bound == -sign * np.inf):
                return np.broadcast_to(other, call.outs[0].shape)
        return call.write.extremum(a, b, sign, "maximum" if sign > 0 else "minimum")

    return rule


def _clamp(call: Call, low: Any, u: Any, high: Any) -> Any:
    """lax.clamp: max(u, low), then min with high."""
    shape = call.outs[0].shape
    given, lowest, highest = (np.asarray(value) for value in (call.values[1], call.values[0], call.values[2]))
    if isinstance(high, TracedArray) and ((lowest > highest) & (given <= highest)).any():
        call.distrust("is not correct where the lower bound exceeds the upper one")
    low, high = (v if isinstance(v, TracedArray) or np.any(np.isfinite(v)) else None for v in (low, high))
    return np.broadcast_to(clipped(call.write, u, low, high, "clamp.low", "clamp.high"), shape)


def _convert(call: Call, u: Any, *, new_dtype: Any) -> Any:
    jnp = require("jax.numpy", "jax")
    if jnp.issubdtype(new_dtype, jnp.floating):
        return u if call.values[0].dtype == new_dtype else _rounded(call, u, str(new_dtype))
    return np.not_equal(u, 0) if np.dtype(new_dtype).kind == "b" else call.write.constant_piece("trunc", u)


def _reduced_precision(call: Call, u: Any, *, exponent_bits: int, mantissa_bits: int) -> Any:
    return _rounded(call, u, f"{exponent_bits} bits of exponent and {mantissa_bits} of mantissa")


def _transferred(call: Call, *args: Any) -> Any:
    """jax.device_put: nothing but memory."""
    return list(args)


def _rounded(call: Call, u: Any, precision: str) -> Any:
    """The same number in another precision, a node of its own: its adjoint is rounded too, even where it is not."""
    return call.write.op("reshape", u, shape=u.shape, precision=precision)


def _select(call: Call, which: Any, *cases: Any) -> Any:
    which = np.asarray(which).astype(int)
    result = cases[0]
    for number, case in enumerate(cases[1:], 1):
        result = np.where(which == number, case, result)
    return result


def _reduced(function: Any) -> Rule:
    return lambda call, u, *, axes: function(u, axis=tuple(axes))


def _cumulative(function: Any) -> Rule:
    def rule(call: Call, u: Any, *, axis: int, reverse: bool) -> Any:
        result = function(np.flip(u, axis) if reverse else u, axis)
        return np.flip(result, axis) if reverse else result

    return rule


def _like_associative_scan(name: str) -> Rule:
    """lax.cummax and its kin: differentiated as an associative scan."""

    def rule(call: Call, u: Any, *, axis: int, reverse: bool) -> Any:
        jax, jnp = require("jax", "jax"), require("jax.numpy", "jax")
        function = {"cummax": jax.lax.max, "cummin": jax.lax.min, "cumlogsumexp": jnp.logaddexp}[name]
        closed = jax.make_jaxpr(lambda v: jax.lax.associative_scan(function, v, reverse=reverse, axis=axis))(
            call.values[0])
        return call.run.closed(closed, [Seen(call.values[0], u)])[0].traced

    return rule


def _index_of(relation: str) -> Rule:
    def rule(call: Call, u: Any, *, axes: tuple[int, ...]) -> Any:
        found = call.write.constant_piece(relation, np.moveaxis(u, axes[0], -1))
        return found if isinstance(found, Places) else None

    return rule


def _dot(call: Call, a: Any, b: Any, *, dimension_numbers: Any) -> Any:
    """dot_general: batch axes first, then the free axes of both."""
    (ca, cb), (ba, bb) = dimension_numbers
    if not ba and np.ndim(a) == 2 and np.ndim(b) <= 2 and tuple(ca) == (1,) and tuple(cb) == (0,):
        return call.write.op("matmul", a, b)
    fa = [i for i in range(np.ndim(a)) if i not in (*ca, *ba)]
    fb = [i for i in range(np.ndim(b)) if i not in (*cb, *bb)]
    batch = tuple(np.shape(a)[i] for i in ba)
    rows, columns = tuple(np.shape(a)[i] for i in fa), tuple(np.shape(b)[i] for i in fb)
    inner = int(np.prod([np.shape(a)[i] for i in ca], dtype=int))
    first = np.reshape(np.transpose(a, [*ba, *fa, *ca]), (*batch, int(np.prod(rows, dtype=int)), inner))
    second = np.reshape(np.transpose(b, [*bb, *cb, *fb]), (*batch, inner, int(np.prod(columns, dtype=int))))
    return np.reshape(call.write.op("matmul", first, second), (*batch, *rows, *columns))


def _detached(call: Call, u: Any) -> Any:
    """stop_gradient computes nothing; whether the value is held constant is decided when all is there."""
    kept = call.write.op("reshape", u, shape=u.shape, detached=True)
    if kept.index not in call.run.detached:
        call.run.detached.append(kept.index)
    return kept


# -- comparisons -------------------------------------------------------------------------------------------


def _decided(value: Any) -> Any:
    return value.concrete() if isinstance(value, TracedMask) else value


def _chosen(call: Call, which: Any, *cases: Any) -> Any:
    if isinstance(which, First):
        return np.broadcast_to(which.among([_decided(case) for case in cases]), call.outs[0].shape)
    decided = [_decided(case) for case in cases]
    if isinstance(which, TracedMask) and len(cases) == 2:
        return np.where(which, decided[1], decided[0])
    return _select(call, which, *decided)


def _converted(call: Call, mask: Any, *, new_dtype: Any) -> Any:
    """Zeros and ones: still a comparison, so that x * (x > 0) is seen."""
    return mask


def _joined(call: Call, a: Any, b: Any) -> Any:
    first, second = numbers(a), numbers(b)
    return {"and": operator.and_, "or": operator.or_, "xor": operator.xor}[call.primitive.name](first, second)


def _over_entries(kind: str) -> Rule:
    def over(call: Call, mask: Any, *, axes: tuple[int, ...], out_sharding: None = None) -> Any:
        return over_entries(mask, kind, tuple(axes))

    return over


def _moved(call: Call, *args: Any, **params: Any) -> Any:
    """Comparisons that are tied, in one sense, move with their two sides; what is decided beside them is 1 > 0.

    The movement itself accounts for the parameters.
    """
    name = call.primitive.name
    places = range(len(args)) if name == "concatenate" else moving(name)
    tied = [place for place in places if isinstance(args[place], TracedMask) and np.any(args[place].tied)]
    if name == "concatenate" and all(args[place].size == 1 for place in tied):
        return np.concatenate([numbers(arg) for arg in args], params["dimension"])
    if len({upward(args[place])[2] for place in tied}) != 1:
        plain = [_decided(arg) for arg in args]
        return call.by(MOVES[name], *plain) if any(isinstance(arg, TracedArray) for arg in plain) else None
    lefts, rights = ([_decided(arg) if i not in tied else arg for i, arg in enumerate(args)] for _ in range(2))
    for place in places:
        lefts[place], rights[place] = _sides(args[place], place in tied)
    left, right = call.by(MOVES[name], *lefts), call.by(MOVES[name], *rights)
    first = args[tied[0]]
    relation = upward(first)[2]
    if not isinstance(left, list):
        made = TracedMask(first.builder, call.write.node(left), relation, call.write.node(right), first.source)
        rows = name == "concatenate" and params["dimension"] == 0 and made.shape[0] == len(args)
        return Rows(made, args) if rows else made
    return [TracedMask(first.builder, call.write.node(u), relation, call.write.node(v), first.source)
            for u, v in zip(left, right, strict=True)]


def _sides(value: Any, tied: bool) -> tuple[Any, Any]:
    """What is compared, u > v or u >= v."""
    if not tied:
        decided = np.asarray(_decided(value))
        return np.where(decided, 1.0, -1.0), np.zeros(decided.shape)
    left, right, _ = upward(value)
    return tuple(broadcast_to(TracedArray(value.builder, side), value.shape) for side in (left, right))  # type: ignore


def _beside(call: Call, *parts: Any, axis: int) -> Any:
    """Comparisons, as jnp.select puts them side by side."""
    if not any(isinstance(part, TracedMask) and np.any(part.tied) for part in parts):
        return _moved(call, *parts)
    masks = tuple(part if isinstance(part, TracedMask) else np.asarray(part, bool) for part in parts)
    return Beside(
        call.write.operation, call.write.source, "holds a comparison that is tied at this point, and f uses it",
        "use jnp.where or jnp.select", masks, axis,
    )


def _first(call: Call, masks: Any, *, axes: tuple[int, ...]) -> Any:
    """argmax of comparisons."""
    if isinstance(masks, TracedMask):
        masks.concrete()
        return None
    jump = masks.operation, masks.source, masks.problem, masks.fix
    return First(*jump, masks.parts) if axes == (masks.axis,) else Jump(*jump)


def _equal(same: bool) -> Rule:
    """A comparison that became 0 or 1, as the number of a branch: whether it is that of a branch."""

    def rule(call: Call, mask: Any, number: Any) -> Any:
        if isinstance(number, np.ndarray) and isinstance(mask, TracedMask) and mask.shape == call.outs[0].shape:
            if (number == same).all():
                return mask
            if (number == (not same)).all():
                return ~mask
        return _decided_all(call, mask, number)

    return rule


def _branch(call: Call, low: Any, mask: Any, high: Any) -> Any:
    """The number of a branch, which lax.switch keeps among the branches."""
    if isinstance(mask, TracedMask) and np.all(low == 0) and np.all(high == 1):
        return mask
    return _decided_all(call, low, mask, high)


def _decided_all(call: Call, *args: Any) -> Any:
    """The rule of numbers, once comparisons among its arguments are decided."""
    plain = [_decided(arg) for arg in args]
    return call.by(RULES[call.primitive.name], *plain) if any(isinstance(a, TracedArray) for a in plain) else None


def _bitwise(rule: Rule) -> Rule:
    """A rule for Booleans; on integers the operation is one on their bits."""

    def bitwise(call: Call, *args: Any) -> Any:
        if call.outs[0].dtype == bool:
            return rule(call, *args)
        for arg in args:
            _decided(arg)
        return None

    return bitwise


#: What takes a comparison that is not decided yet.
MASKS: dict[str, Rule] = {
    **dict.fromkeys(MOVES, _moved),
    "select_n": _chosen,
    "mul": lambda call, a, b: np.multiply(a, b),
    "convert_element_type": _converted,
    "eq": _equal(True),
    "ne": _equal(False),
    "clamp": _branch,
    "not": _bitwise(lambda call, mask: ~mask),
    "and": _bitwise(_joined),
    "or": _bitwise(_joined),
    "xor": _bitwise(_joined),
    "reduce_and": _over_entries("all"),
    "reduce_or": _over_entries("any"),
    **dict.fromkeys(("stop_gradient", "copy"), _same),
    "device_put": _transferred,
    "stack": _beside,
    "argmax": _first,
}

RULES: dict[str, Rule] = {
    **{name: _row(op) for name, op in ROWS.items()},
    **{name: _compared(ufunc) for name, ufunc in COMPARISONS.items()},
    **MOVES,
    **ALGEBRA,
    **SPECIAL,
    "rsqrt": lambda call, u: np.reciprocal(np.sqrt(u)),
    "rem": lambda call, u, v: np.fmod(u, v),
    "pow": lambda call, u, e: np.power(u, e),
    "integer_pow": lambda call, u, *, y: power(call.write, u, float(y)),
    "abs": lambda call, u: np.abs(u),
    "max": _extremum(1),
    "min": _extremum(-1),
    "clamp": _clamp,
    "sign": _jump("sign"),
    "floor": _jump("floor"),
    "ceil": _jump("ceil"),
    "round": _jump("rint"),
    "is_finite": lambda call, u: np.isfinite(u.value),
    "convert_element_type": _convert,
    "reduce_precision": _reduced_precision,
    "device_put": _transferred,
    **dict.fromkeys(("copy", "copy_p", "name", "sharding_constraint"), _same),
    "atan2": lambda call, u, v: arctan2(call.write, u, v),
    "stop_gradient": _detached,
    "select_n": _select,
    "reduce_sum": _reduced(np.sum),
    "reduce_prod": _reduced(np.prod),
    "reduce_max": fold_over(1),
    "reduce_min": fold_over(-1),
    "argmax": _index_of("argmax"),
    "argmin": _index_of("argmin"),
    "cumsum": _cumulative(np.cumsum),
    "cumprod": _cumulative(np.multiply.accumulate),
    "cumlogsumexp": _like_associative_scan("cumlogsumexp"),
    "cummax": _like_associative_scan("cummax"),
    "cummin": _like_associative_scan("cummin"),
    "sort": sort,
    "top_k": top_k,
    "dot_general": _dot,
    "conv_general_dilated": convolution,
    "scatter-add": scattered(lambda call, *args: added(call.write, *args)),
    "scatter-sub": scattered(lambda call, u, where, values: added(call.write, u, where, values, -1)),
    "scatter-mul": scattered_product,
    "scatter-max": scattered_extremum(1),
    "scatter-min": scattered_extremum(-1),
    "select_and_scatter_add": scattered_to_chosen,
    "select_and_gather_add": gathered_from_chosen,
    "reduce_window_sum": window_sum,
    "reduce_window_max": window_extremum(1),
    "reduce_window_min": window_extremum(-1),
}
