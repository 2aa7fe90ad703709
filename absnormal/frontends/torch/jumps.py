"""Comparisons, indices, conversions to integers and other results that jump: constant near the point off their ties.

What has no derivative is no constant.  Every operation with a result that torch does not differentiate has a test here
of whether that result jumps at the point; one that has none is refused where something is computed from it.  At a tie
only a `where`, a product with the mask or the like whose branches meet there is followed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from absnormal.arrays import Array
from absnormal.frontends.meanings.smoothness import pivoted
from absnormal.frontends.torch.tape import Record
from absnormal.frontends.torch.values import array

#: From the arguments of an operation: whether it jumps at the point, and whether it may within rounding.
Ties = Callable[..., tuple[bool, bool]]
#: From the arguments of an operation: the one on which it depends where it jumps, and the numbers at which it does.
Knots = Callable[..., tuple[Any, Sequence[float]]]


def _number(value: Any) -> Array:
    return array(value).astype(float) if isinstance(value, torch.Tensor) else np.asarray(float(value))


def eps_of(*values: Any) -> float:
    """The coarsest unit roundoff among tensors of floating-point numbers."""
    return max((torch.finfo(v.dtype).eps for v in values if isinstance(v, torch.Tensor) and v.is_floating_point()),
               default=float(np.finfo(float).eps))


def _meets(left: Array, right: Array, eps: float) -> tuple[bool, bool]:
    """Whether two sides are equal somewhere, and whether they are within rounding of each other."""
    with np.errstate(invalid="ignore"):
        gap = np.abs(left - right)
    near = gap <= 16 * eps * np.maximum(np.maximum(np.abs(left), np.abs(right)), np.finfo(np.float32).tiny)
    near &= np.isfinite(gap)
    return bool((left == right).any()), bool(near.any())


def _same(a: Any, b: Any) -> bool:
    """Whether two tensors are one."""
    both = isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor)
    return both and (a.data_ptr(), a.shape, a.stride(), a.dtype) == (b.data_ptr(), b.shape, b.stride(), b.dtype)


def compared(a: Any, b: Any, *args: Any, **kwargs: Any) -> tuple[bool, bool]:
    """Equality is torch's own, which rounds a number to the precision of a tensor."""
    if _same(a, b):
        return False, False
    return bool(torch.as_tensor(a == b).any()), _meets(_number(a), _number(b), eps_of(a, b))[1]


def zero(x: Any, *args: Any, **kwargs: Any) -> tuple[bool, bool]:
    return compared(x, 0.0)


def _either_zero(a: Any, b: Any, *args: Any, **kwargs: Any) -> tuple[bool, bool]:
    sides = [zero(side) for side in (a, b) if isinstance(side, torch.Tensor) and side.is_floating_point()]
    return any(here for here, _ in sides), any(near for _, near in sides)


def _any(x: Any, dim: Any = None, *args: Any, **kwargs: Any) -> tuple[bool, bool]:
    """One entry that is not 0 settles it."""
    values, axes = _number(x), tuple(dim) if isinstance(dim, (list, tuple)) else dim
    tied = bool(np.any(np.all(values == 0, axis=axes if values.ndim else None))) if values.size else False
    return tied, tied


def whole(u: Array, eps: float, skipped: float | None = None) -> tuple[bool, bool]:
    """Whether numbers are at, or within rounding of, a whole number other than ``skipped``."""
    u = np.atleast_1d(u)
    nearest = np.round(u)
    kept = np.isfinite(u) if skipped is None else np.isfinite(u) & (nearest != skipped)
    return _meets(u[kept], nearest[kept], eps) if kept.any() else (False, False)


def converted(x: Any, dtype: Any) -> tuple[bool, bool]:
    """A conversion truncates: it jumps at the whole numbers but 0; one to bool jumps at 0."""
    return zero(x) if dtype == torch.bool else whole(_number(x), eps_of(x), 0.0)


def _quotient(a: Any, b: Any) -> tuple[Array, float]:
    with np.errstate(all="ignore"):
        return _number(a) / _number(b), 4 * eps_of(a, b)


def floor_divided(a: Any, b: Any, *args: Any, rounding_mode: str = "floor", **kwargs: Any) -> tuple[bool, bool]:
    return whole(*_quotient(a, b), 0.0 if rounding_mode == "trunc" else None)


def _indexed(flip: float) -> Ties:
    def ties(x: Any, dim: Any = None, *args: Any, **kwargs: Any) -> tuple[bool, bool]:
        values = flip * _number(x)
        values = np.moveaxis(values, dim, -1) if isinstance(dim, int) and values.ndim else values.reshape(-1)
        if values.shape[-1] < 2:
            return False, False
        ordered = np.sort(values, axis=-1)
        return _meets(ordered[..., -1], ordered[..., -2], eps_of(x))

    return ties


def _ordered(x: Any, *args: Any, **kwargs: Any) -> tuple[bool, bool]:
    values = np.sort(_number(x).reshape(-1))
    return _meets(values[1:], values[:-1], eps_of(x))


def _middle(x: Any, k: int, dim: int = -1, keepdim: bool = False) -> tuple[int, slice]:
    return dim, slice(max(k - 2, 0), k)


#: From the arguments of an operation: the axis along which it sorts, and of the neighbours in rising order those that
#: decide its indices where they are equal.
RANKS: dict[str, Callable[..., tuple[int, slice]]] = {
    **dict.fromkeys(("sort", "argsort"), lambda x, dim=-1, descending=False, stable=None: (dim, slice(None))),
    **dict.fromkeys(("mode", "nanmedian", "cummax", "cummin"), lambda x, dim=-1, keepdim=False: (dim, slice(None))),
    "topk": lambda x, k, dim=-1, largest=True, sorted=True: (
        dim, slice(max(_size(x, dim) - 1 - k, 0), None) if largest else slice(k)),
    "kthvalue": _middle, "median": lambda x, dim, keepdim=False: _middle(x, (_size(x, dim) + 1) // 2, dim),
}  # fmt: skip


def _size(x: Any, dim: int) -> int:
    return int(x.shape[dim]) if x.shape else 1


def _ranked(name: str) -> Ties:
    def ties(x: Any, *args: Any, **kwargs: Any) -> tuple[bool, bool]:
        axis, apart = RANKS[name](x, *args, **kwargs)
        values = np.sort(np.moveaxis(np.atleast_1d(_number(x)), axis, -1), axis=-1)
        return _meets(values[..., 1:][..., apart], values[..., :-1][..., apart], eps_of(x))

    return ties


def _among(x: Any, others: Any) -> tuple[bool, bool]:
    """Whether an entry equals one of the others."""
    values, edges = _number(x).reshape(-1), np.sort(_number(others).reshape(-1))
    if not values.size or not edges.size:
        return False, False
    place = np.searchsorted(edges, values)
    sides = np.stack([edges[np.clip(place - 1, 0, None)], edges[np.clip(place, None, edges.size - 1)]])
    return _meets(values, sides, eps_of(x, others))


def _searched(edges: Any, x: Any, *args: Any, **kwargs: Any) -> tuple[bool, bool]:
    """Rows of edges each have their own row of entries."""
    if not isinstance(x, torch.Tensor) or edges.dim() == 1:
        return _among(x, edges)
    rows = [_among(values, own) for own, values in zip(edges.flatten(0, -2), x.flatten(0, -2), strict=True)]
    return any(here for here, _ in rows), any(near for _, near in rows)


def _counted(x: Any, bins: int = 100, low: float = 0, high: float = 0) -> tuple[bool, bool]:
    """A histogram jumps at its edges; those that are the extrema of the entries move with them."""
    values, fixed = _number(x).reshape(-1), low != high
    if not fixed and values.size:
        low, high = values.min(), values.max()
        values = values[(values != low) & (values != high)]
        if low == high:
            return True, True
    return whole((values - low) / (high - low) * bins, 4 * eps_of(x)) if values.size else (False, False)


def _equal(a: Any, b: Any) -> tuple[bool, bool]:
    """One entry that differs settles it."""
    tied = not _same(a, b) and a.shape == b.shape and a.numel() > 0 and bool((a == b).all())
    return tied, tied


def _close(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> tuple[bool, bool]:
    """One entry that is too far away settles it."""
    left, right = _number(a), _number(b)
    gap, bound = np.broadcast_arrays(np.abs(left - right), atol + rtol * np.abs(right))
    near = np.abs(gap - bound) <= 16 * eps_of(a, b) * np.maximum(np.abs(left), np.abs(right))
    if not gap.size or bool(((gap > bound) & ~near).any()):
        return False, False
    return bool((gap == bound).any()), bool(near.any())


def _signed(x: Any, *args: Any, **kwargs: Any) -> tuple[bool, bool]:
    u = _number(x)
    return bool((u == 0).any()), bool((np.abs(u) <= np.finfo(np.float32).tiny).any())


def _whole(x: Any, *args: Any, **kwargs: Any) -> tuple[bool, bool]:
    return whole(_number(x), eps_of(x))


def _truncated(x: Any, *args: Any, **kwargs: Any) -> tuple[bool, bool]:
    return whole(_number(x), eps_of(x), 0.0)


def _rounded(x: Any, *args: Any, decimals: int = 0, **kwargs: Any) -> tuple[bool, bool]:
    """Jumps half way between the numbers with so many decimals."""
    return whole(_number(x) * 10.0**decimals + 0.5, 4 * eps_of(x))


def _divided(mode: str) -> Ties:
    return lambda a, b, *args, **kwargs: floor_divided(a, b, rounding_mode=mode)


def _at(knots: Knots) -> Ties:
    def ties(*args: Any, **kwargs: Any) -> tuple[bool, bool]:
        x, places = knots(*args, **kwargs)
        found = [compared(x, knot) for knot in places]
        return any(here for here, _ in found), any(near for _, near in found)

    return ties


def _straightened(x: Any, beta: float = 1.0, threshold: float = 20.0) -> tuple[bool, bool]:
    return compared(x * beta, threshold)


def _where(broken: Callable[[Any], Any]) -> Ties:
    """Numbers next to one that is NaN or infinite need not be that."""

    def ties(x: Any, *args: Any, **kwargs: Any) -> tuple[bool, bool]:
        found = bool(broken(x).any())
        return found, found

    return ties


def _exchanged(a: Any, *args: Any, pivot: bool = True, **kwargs: Any) -> tuple[bool, bool]:
    """The rows that are exchanged jump where two pivots tie."""
    tied = pivot and not pivoted(eps_of(a), _number(a))
    return tied, tied


def _factored(a: Any, *args: Any, **kwargs: Any) -> tuple[bool, bool]:
    """That a matrix is positive definite holds next to one that is clearly so."""
    factor, info = torch.linalg.cholesky_ex(a.detach(), *args, **kwargs)
    pivots = factor.diagonal(dim1=-2, dim2=-1).abs() ** 2
    least = 100 * a.shape[-1] * eps_of(a) * (float(a.detach().abs().max()) if a.numel() else 0.0)
    found = bool((info != 0).any() or (pivots <= least).any())
    return found, found


def never(*args: Any, **kwargs: Any) -> tuple[bool, bool]:
    return False, False


#: Operations whose results jump, with a test of whether they do so at the point, or may within rounding.
JUMPS: dict[str, Ties] = {
    "gt": compared, "ge": compared, "lt": compared, "le": compared, "eq": compared, "ne": compared,
    "argmax": _indexed(1.0), "argmin": _indexed(-1.0), "argsort": _ranked("argsort"),
    "isin": lambda x, others, **kwargs: _among(x, others), "searchsorted": _searched,
    "bucketize": lambda x, edges, **kwargs: _among(x, edges),
    "isnan": _where(torch.isnan), "isinf": _where(torch.isinf), "isfinite": _where(lambda x: ~torch.isfinite(x)),
    "isneginf": _where(torch.isneginf), "isposinf": _where(torch.isposinf),
    "nonzero": zero, "count_nonzero": zero, "logical_not": zero, "logical_and": _either_zero,
    "logical_or": _either_zero, "logical_xor": _either_zero, "all": zero, "any": _any, "signbit": zero,
    "heaviside": zero, "histc": _counted, "floor_divide": floor_divided, "multinomial": never, "bincount": never,
    "equal": _equal, "allclose": _close, "_local_scalar_dense": never,
    "poisson": never, "binomial": never,
}  # fmt: skip

#: Operations whose results after the first are indices, which jump where entries are tied; or are drawn at random.
INDEXED: dict[str, Ties] = dict.fromkeys(
    ("max_pool2d_with_indices", "max_pool3d_with_indices", "adaptive_max_pool1d", "adaptive_max_pool2d",
     "adaptive_max_pool3d"), _ordered
) | {
    "max": _indexed(1.0), "min": _indexed(-1.0), **{name: _ranked(name) for name in RANKS},
    "native_dropout": never, "linalg_lu_factor_ex": _exchanged, "linalg_lu": _exchanged,
    "linalg_cholesky_ex": _factored, "_standard_gamma": never, "_sample_dirichlet": never,
}  # fmt: skip

#: Operations on numbers that jump, though torch has a derivative for them; the first ones are piecewise constant.
FLAT: dict[str, Ties] = {
    "sign": _signed, "sgn": _signed, "floor": _whole, "ceil": _whole, "trunc": _truncated, "round": _rounded,
    "div": floor_divided, "angle": _signed,
}  # fmt: skip
#: Those that jump at numbers which their arguments tell, among them kernels of derivatives, which jump where what they
#: are derivatives of has its kinks.
KNOTS: dict[str, Knots] = {
    "hardshrink": lambda x, k=0.5: (x, (-k, k)),
    "threshold": lambda x, threshold, value: (x, (threshold,)),
    "threshold_backward": lambda grad, x, threshold: (x, (threshold,)),
    "hardtanh_backward": lambda grad, x, low, high: (x, (low, high)),
    **dict.fromkeys(("hardsigmoid_backward", "hardswish_backward"), lambda grad, x: (x, (-3.0, 3.0))),
    **dict.fromkeys(("hardshrink_backward", "softshrink_backward"), lambda grad, x, k: (x, (-k, k))),
    **dict.fromkeys(("leaky_relu_backward", "rrelu_with_noise_backward", "_prelu_kernel_backward"),
                    lambda grad, x, *args: (x, (0.0,))),
    "elu_backward": lambda grad, alpha, scale, rate, is_result, x: (x, (0.0,)),
}  # fmt: skip
BENT: dict[str, Ties] = {
    "remainder": _divided("floor"), "fmod": _divided("trunc"), "frac": _truncated, "softplus": _straightened,
    "copysign": lambda x, sign, *args: _signed(sign), **{name: _at(knots) for name, knots in KNOTS.items()},
    "softplus_backward": lambda grad, x, beta, threshold: _straightened(x, beta, threshold),
    "smooth_l1_loss_backward": lambda grad, x, target, *args: compared(x, target),
}  # fmt: skip

#: Operations that only change the type of numbers; what they give is looked at, not their name.
CONVERSIONS = frozenset({"_to_copy", "copy", "copy_", "fill", "fill_"})

#: What looks entries up, by the name of the argument that holds the indices.
LOOKING = {"gather": "index", "index_select": "index", "index": "indices", "take": "index", "select": "index"}

#: Operations whose results depend on no entry of their arguments.
VALUELESS = frozenset({
    "zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like", "randint_like", "new_zeros",
    "new_ones", "new_full", "new_empty", "new_empty_strided", "zero_", "zero",
})  # fmt: skip

#: Operations whose results are drawn with what their arguments say, and carry no derivative.
DRAWN = frozenset({"bernoulli"})

#: Reads by Python code: of a number, of a truth value, or of how many entries there are.
READS = frozenset({
    "_local_scalar_dense", "_sizes", "equal", "allclose", "nonzero", "masked_select",
}) | (SIZED := frozenset({"bincount", "_unique", "_unique2", "unique_dim", "unique_consecutive"}))  # fmt: skip

#: Comparisons, as the program writes them.
RELATIONS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "eq": "==", "ne": "!="}


def discrete(tensor: Any) -> bool:
    """Whether a tensor holds integers or truth values."""
    return not (tensor.dtype.is_floating_point or tensor.dtype.is_complex)


def jumps(name: str, outs: list[Any]) -> bool:
    """Whether all that an operation gives is piecewise constant."""
    if name in JUMPS:
        return True
    if not outs or not discrete(outs[0]) or name in VALUELESS or name in DRAWN:
        return False
    return all(discrete(out) for out in outs)


#: Operations on numbers that jump with some of their arguments.
_JAGGED = frozenset({
    "div", "floor_divide", "heaviside", "threshold", "elu_backward", "smooth_l1_loss_backward", *BENT, *FLAT,
})  # fmt: skip


def flat(record: Record) -> bool:
    """Whether an operation on numbers is piecewise constant."""
    name = plain_name(record)
    if name == "div":
        return record.kwargs.get("rounding_mode") is not None
    known = name in FLAT or name in ("floor_divide", "heaviside")
    return known and not record.pairs


def bent(record: Record) -> bool:
    """Whether an operation on numbers jumps."""
    name = plain_name(record)
    if name not in _JAGGED:
        return False
    if name == "threshold" and len(record.args) > 2:
        return bool(record.args[1] != record.args[2])
    if name == "elu_backward":
        return bool(record.args[1] * record.args[3] != 1)
    if name == "smooth_l1_loss_backward":
        return bool(record.args[4] == 0)
    return name in BENT or flat(record)


def deciding(record: Record) -> Sequence[Any]:
    """The arguments on which it depends where an operation jumps."""
    name = plain_name(record)
    if name in KNOTS:
        return [KNOTS[name](*record.args, **record.kwargs)[0]]
    if name in ("copysign", "softplus_backward"):
        return [record.args[1]]
    return record.args[1:3] if name == "smooth_l1_loss_backward" else record.arguments


def plain_name(record: Record) -> str:
    """The name of an operation, the same where it works in place."""
    return record.name.rstrip("_")


def ties_of(record: Record) -> Ties | None:
    """The test of an operation's jumps; None where there is none."""
    name, outs = record.name, record.outs
    if name in CONVERSIONS:
        place = 0 if name == "_to_copy" else 1
        return lambda *args, **kwargs: converted(args[place], outs[0].dtype)
    known = JUMPS.get(name) or INDEXED.get(name)
    if known is None and bent(record):
        known = FLAT.get(plain_name(record)) or BENT[plain_name(record)]
    return known
