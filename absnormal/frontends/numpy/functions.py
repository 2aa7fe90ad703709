"""NumPy's functions and methods: tables, a line an operation.

`FUNCTIONS` maps a function of the `__array_function__` protocol to the code that writes it in smaller
operations, `METHODS` the methods of arrays, `REFUSED` what cannot be written with |.|, with the fix. Results
share memory with an argument only where NumPy's do, in `VIEWS`; `HELD` return a 0-d array in place of a
number.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from absnormal.errors import TraceError
from absnormal.frontends.meanings.jumps import eithers
from absnormal.frontends.meanings.steps import searched
from absnormal.frontends.numpy import algebra, order, shapes
from absnormal.frontends.numpy.arguments import given
from absnormal.frontends.numpy.callbacks import CALLBACKS
from absnormal.frontends.numpy.complex_numbers import TRANSFORMS
from absnormal.frontends.numpy.creation import as_complex, of_list
from absnormal.frontends.numpy.linear_algebra import ALGEBRA
from absnormal.frontends.numpy.masks import TracedMask, numbers
from absnormal.frontends.numpy.select import select, where
from absnormal.frontends.numpy.sequences import SEQUENCE_FUNCTIONS
from absnormal.frontends.numpy.shapes import concatenate, gather, like, reshape
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.numpy.writes import WRITING, WRITING_METHODS
from absnormal.frontends.user_line import caller
from absnormal.frontends.writing import first_traced, named, writer_of


def _truth(function: Any) -> Callable[..., Any]:
    """A function that asks where entries are not 0."""
    return lambda a, *args, **kwargs: function(numbers(a != 0), *args, **kwargs)


def _close(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8) -> Any:
    return np.abs(a - b) <= atol + rtol * np.abs(b)


def _all_close(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8) -> bool:
    return bool(np.all(_close(a, b, rtol, atol)))


def _finite(x: TracedArray) -> TracedArray:
    """np.nan_to_num, which changes nothing where nothing is infinite."""
    if not np.isfinite(x.value.astype(float)).all():
        writer_of(x, "np.nan_to_num").refuse("replaces what is infinite", "use np.where or np.clip")
    return x


def _counted(rule: Callable[..., Any]) -> Callable[..., Any]:
    """A function that leaves out what is NaN, where nothing is."""

    @functools.wraps(rule)
    def of_numbers(a: Any, *args: Any, **kwargs: Any) -> Any:
        return rule(_finite(a), *args, **kwargs)

    return of_numbers


def _angle(z: Any, deg: bool = False) -> Any:
    """np.angle of real numbers: 0 where they are positive, half a turn where they are negative."""
    return (1 - np.sign(z)) * (90.0 if deg else np.pi / 2)


def _filled(function: Callable[..., Any]) -> Callable[..., Any]:
    """A constant of the shape of a variable."""

    def fill(u: Any, shape: Any = None, dtype: Any = None) -> Any:
        return function(np.shape(u) if shape is None else shape, float if dtype is None else dtype)

    return fill


def _full(u: Any, value: Any, shape: Any = None) -> Any:
    shape = np.shape(u) if shape is None else shape
    return np.broadcast_to(value, shape) if isinstance(value, TracedArray) else np.full(shape, value, float)


def _round(a: Any, decimals: int = 0) -> Any:
    scale = 10.0**decimals
    return writer_of(a, "np.round").constant_piece("rint", a * scale) / scale


def _astype(u: TracedArray, dtype: Any, copy: bool = True) -> Any:
    write = writer_of(u, "ndarray.astype")
    if np.dtype(dtype).kind in "iu":
        return write.constant_piece("trunc", u).astype(dtype)
    if np.dtype(dtype).kind == "b":
        return numbers(u != 0)
    if np.dtype(dtype) == np.complex128:
        return as_complex(u)
    if np.dtype(dtype) != np.float64:
        write.refuse(f"a variable is converted to {np.dtype(dtype)}", "keep float64")
    return u


def _searched(a: Any, v: Any, side: str = "left") -> Any:
    """np.searchsorted; among variables, which are in order, those that are smaller are counted."""
    write = writer_of([a, v], "np.searchsorted")
    if not isinstance(a, TracedArray):
        return searched(write, np.asarray(a, float), v, side)
    if (np.diff(a.value) < 0).any():
        write.refuse("searches among variables that are not in order", "sort them")
    numbers: Any = np.asarray(v)[..., None] if not isinstance(v, TracedArray) else v[..., None]
    return np.sum(a < numbers if side == "left" else a <= numbers, axis=-1)


def _digitized(x: Any, bins: Any, right: bool = False) -> Any:
    """np.digitize in constant edges that increase."""
    write = writer_of([x, bins], "np.digitize")
    edges = write.constant(bins)
    if not isinstance(x, TracedArray) or np.any(np.diff(edges) < 0):
        write.refuse("needs constant edges in increasing order", "sort them, and compare with them")
    return searched(write, edges, x, "left" if right else "right")


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    # shapes
    np.reshape: reshape, np.ravel: shapes.ravel, np.transpose: shapes.transpose, np.swapaxes: shapes.swapaxes,
    np.moveaxis: shapes.moveaxis, np.squeeze: shapes.squeeze, np.expand_dims: shapes.expand_dims,
    np.matrix_transpose: lambda u: shapes.swapaxes(u, -1, -2),
    np.linalg.matrix_transpose: lambda u: shapes.swapaxes(u, -1, -2),
    np.rollaxis: lambda u, axis, start=0: shapes.transpose(
        u, np.rollaxis(np.empty(tuple(range(u.ndim))), axis, start).shape),
    np.broadcast_to: shapes.broadcast_to, np.broadcast_arrays: shapes.broadcast_arrays,
    np.meshgrid: shapes.meshgrid,
    np.atleast_1d: shapes.atleast(np.atleast_1d), np.atleast_2d: shapes.atleast(np.atleast_2d),
    np.atleast_3d: shapes.atleast(np.atleast_3d), np.copy: shapes.copied, np.real: lambda u: u,
    np.imag: lambda val: np.zeros(val.shape), np.fft.fftshift: shapes.shifted(np.fft.fftshift),
    np.fft.ifftshift: shapes.shifted(np.fft.ifftshift),
    np.astype: _astype, np.nan_to_num: _finite,
    # joining and splitting
    np.concatenate: concatenate, np.stack: shapes.stack,
    np.vstack: shapes.glued(np.atleast_2d, lambda ndim: 0),
    np.hstack: shapes.glued(np.atleast_1d, lambda ndim: 0 if ndim == 1 else 1),
    np.dstack: shapes.glued(np.atleast_3d, lambda ndim: 2), np.column_stack: shapes.column_stack,
    np.block: shapes.block, np.append: lambda u, v, axis=None: concatenate([u, v], axis),
    np.split: shapes.split,
    np.array_split: lambda u, parts, axis=0: shapes.split(u, parts, axis, np.array_split),
    np.hsplit: lambda u, parts: shapes.split(u, parts, 0 if u.ndim == 1 else 1),
    np.vsplit: lambda u, parts: shapes.split(u, parts, 0),
    np.dsplit: lambda u, parts: shapes.split(u, parts, 2),
    # entries moved, left out, repeated
    np.take: shapes.take, np.take_along_axis: shapes.take_along_axis,
    np.compress: lambda c, u, axis=None: gather(u, lambda i: np.compress(c, i, axis)),
    np.extract: lambda c, u: gather(u, lambda i: np.extract(c, i)),
    np.delete: lambda u, key, axis=None: gather(u, lambda i: np.delete(i, key, axis)),
    np.repeat: lambda u, repeats, axis=None: gather(u, lambda i: np.repeat(i, repeats, axis)),
    np.resize: lambda u, shape: gather(u, lambda i: np.resize(i, shape)),
    np.tile: lambda u, reps: gather(u, lambda i: np.tile(i, reps)),
    np.flip: shapes.flip,
    np.flipud: lambda u: u[::-1], np.fliplr: lambda u: u[:, ::-1],
    np.rot90: lambda u, k=1, axes=(0, 1): gather(u, lambda i: np.rot90(i, k, axes), view=True),
    np.roll: lambda u, shift, axis=None: gather(u, lambda i: np.roll(i, shift, axis)),
    np.pad: shapes.repeated_pad,
    np.diagonal: lambda u, offset=0, axis1=0, axis2=1: gather(
        u, lambda i: np.diagonal(i, offset, axis1, axis2), view=True),
    np.linalg.diagonal: lambda u, offset=0: gather(u, lambda i: np.diagonal(i, offset, -2, -1), view=True),
    np.diag: shapes.diagonal_matrix, np.diagflat: lambda v, k=0: shapes.diagonal_matrix(shapes.ravel(v), k),
    np.tril: shapes.triangle(np.tril), np.triu: shapes.triangle(np.triu),
    # sums, products, contractions
    np.sum: algebra.total, np.mean: algebra.mean, np.average: algebra.average, np.var: algebra.var,
    np.std: algebra.std, np.prod: algebra.prod, np.cumsum: algebra.cumsum, np.cumprod: algebra.cumprod,
    np.diff: algebra.diff, np.trapezoid: algebra.trapezoid, np.trace: algebra.trace,
    np.linalg.trace: lambda u, offset=0: algebra.trace(u, offset, -2, -1), np.polyval: algebra.polyval,
    np.dot: algebra.dot, np.inner: algebra.inner, np.vdot: lambda a, b: np.matmul(np.ravel(a), np.ravel(b)),
    np.outer: algebra.outer, np.linalg.outer: algebra.outer, np.kron: algebra.kron, np.cross: algebra.cross,
    np.linalg.cross: algebra.cross, np.tensordot: algebra.tensordot, np.linalg.tensordot: algebra.tensordot,
    np.linalg.matmul: lambda a, b: np.matmul(a, b), np.einsum: algebra.einsum,
    np.linalg.vecdot: lambda a, b, axis=-1: np.sum(a * b, axis=axis),
    np.convolve: algebra.convolve, np.correlate: algebra.correlate,
    np.linalg.norm: algebra.norm, np.linalg.vector_norm: algebra.vector_norm,
    np.linalg.matrix_norm: lambda x, keepdims=False, ord="fro": algebra.norm(x, ord, (-2, -1), keepdims),
    np.nansum: _counted(algebra.total), np.nanmean: _counted(algebra.mean), np.nanvar: _counted(algebra.var),
    np.nanstd: _counted(algebra.std), np.nanprod: _counted(algebra.prod), np.nancumsum: _counted(algebra.cumsum),
    np.nancumprod: _counted(algebra.cumprod), np.nanmax: _counted(order.largest), np.nanmin: _counted(order.smallest),
    np.nanmedian: _counted(order.median), np.nanquantile: _counted(order.quantile),
    np.nanpercentile: _counted(order.percentile),
    # maxima and order
    np.max: order.largest, np.min: order.smallest, np.amax: order.largest, np.amin: order.smallest,
    np.ptp: lambda a, axis=None, keepdims=False: (
        order.largest(a, axis, keepdims) - order.smallest(a, axis, keepdims)),
    np.clip: order.clip, np.median: order.median, np.sort: order.sort,
    # Sorted altogether, which is a partition.
    np.partition: lambda a, kth, axis=-1: order.sort(a, axis),
    np.quantile: order.quantile, np.percentile: order.percentile,
    np.argmax: order.selection("argmax"), np.argmin: order.selection("argmin"),
    np.argsort: order.selection("argsort"), np.argpartition: order.argpartition, np.lexsort: order.lexsort,
    np.nanargmax: _counted(order.selection("argmax")), np.nanargmin: _counted(order.selection("argmin")),
    # choices, jumps, truth
    np.where: where, np.select: select, np.round: _round, np.around: _round,
    np.fix: lambda u: np.trunc(u),
    np.i0: lambda x: writer_of(x, "np.i0").op("i0", x),
    np.sinc: lambda u: writer_of(u, "np.sinc").op("sinc", u), np.isclose: _close, np.allclose: _all_close,
    np.searchsorted: _searched, np.digitize: _digitized,
    np.array_equal: lambda a, b: np.shape(a) == np.shape(b) and bool(np.all(np.equal(a, b))),
    np.any: _truth(np.any), np.all: _truth(np.all), np.nonzero: _truth(np.nonzero),
    np.flatnonzero: _truth(np.flatnonzero), np.argwhere: _truth(np.argwhere),
    np.count_nonzero: _truth(np.count_nonzero),
    # what only looks at the shape
    np.zeros_like: _filled(np.zeros), np.ones_like: _filled(np.ones), np.empty_like: _filled(np.zeros),
    np.full_like: _full,
    np.shape: lambda u: u.shape, np.ndim: lambda u: u.ndim,
    np.size: lambda u, axis=None: np.size(like(u), axis), np.iscomplexobj: lambda u: False,
    np.isrealobj: lambda u: True, np.isreal: lambda u: np.ones(u.shape, bool),
    np.iscomplex: lambda x: np.zeros(x.shape, bool), np.real_if_close: lambda a, tol=100: a, np.angle: _angle,
    np.shares_memory: lambda a, b: a is b, np.may_share_memory: lambda a, b: a is b,
    np.result_type: lambda *args: np.result_type(*(float if isinstance(u, TracedArray) else u for u in args)),
    np.common_type: lambda *args: np.float64,
}  # fmt: skip

FUNCTIONS |= WRITING | SEQUENCE_FUNCTIONS | ALGEBRA | TRANSFORMS

if hasattr(np, "unstack"):  # NumPy 2.1
    FUNCTIONS[np.unstack] = lambda x, axis=0: tuple(shapes.moveaxis(x, axis, 0))
    FUNCTIONS[np.cumulative_sum] = algebra.cumulative("cumsum")
    FUNCTIONS[np.cumulative_prod] = algebra.cumulative("cumprod")

METHODS: dict[str, Callable[..., Any]] = {
    "reshape": reshape, "ravel": shapes.ravel, "flatten": shapes.flattened, "transpose": shapes.transpose,
    "swapaxes": shapes.swapaxes, "squeeze": shapes.squeeze, "copy": shapes.copied, "astype": _astype,
    "sum": algebra.total, "mean": algebra.mean, "var": algebra.var, "std": algebra.std, "prod": algebra.prod,
    "cumsum": algebra.cumsum, "cumprod": algebra.cumprod, "dot": algebra.dot, "trace": algebra.trace,
    "max": order.largest, "min": order.smallest, "clip": order.clip,
    "argmax": FUNCTIONS[np.argmax], "argmin": FUNCTIONS[np.argmin], "argsort": FUNCTIONS[np.argsort],
    "argpartition": FUNCTIONS[np.argpartition], "searchsorted": _searched,
    "take": FUNCTIONS[np.take], "repeat": FUNCTIONS[np.repeat], "diagonal": FUNCTIONS[np.diagonal],
    "compress": lambda u, c, axis=None: gather(u, lambda i: i.compress(c, axis)), "round": _round,
    "any": FUNCTIONS[np.any], "all": FUNCTIONS[np.all], "nonzero": FUNCTIONS[np.nonzero],
    "conj": lambda u: u, "conjugate": lambda u: u, "item": shapes.item, "tolist": shapes.tolist,
    **WRITING_METHODS,
}  # fmt: skip

#: Methods with the parameters of the function of the same name.
LIKE_FUNCTIONS: dict[str, Callable[..., Any]] = {name: getattr(np, name) for name in (
    "ravel", "swapaxes", "squeeze", "copy", "sum", "mean", "var", "std", "prod", "cumsum", "cumprod", "dot", "trace",
    "max", "min", "clip", "argmax", "argmin", "argsort", "argpartition", "take", "repeat", "diagonal", "round", "any",
    "all", "nonzero", "searchsorted",
)}  # fmt: skip

VIEWS = {
    "np.reshape", "np.ravel", "np.transpose", "np.swapaxes", "np.moveaxis", "np.squeeze", "np.expand_dims",
    "np.matrix_transpose", "np.linalg.matrix_transpose", "np.rollaxis", "np.broadcast_to", "np.atleast_1d",
    "np.atleast_2d", "np.atleast_3d", "np.real", "np.flip", "np.flipud", "np.fliplr", "np.rot90",
    "np.diagonal", "np.linalg.diagonal", "np.diag", "ndarray.reshape", "ndarray.ravel", "ndarray.transpose",
    "ndarray.swapaxes", "ndarray.squeeze", "ndarray.diagonal", "ndarray.conj", "ndarray.conjugate", "np.diff",
    "np.split", "np.array_split", "np.hsplit", "np.vsplit", "np.dsplit", "np.unstack", "np.copy", "ndarray.copy",
}  # fmt: skip

HELD = {"np.where", "np.select", "np.tensordot", "np.linalg.tensordot", "ndarray.astype"}

#: Functions of lists of arrays.
SEQUENCES = {
    np.concatenate, np.stack, np.vstack, np.hstack, np.dstack, np.column_stack, np.block, np.select, np.meshgrid,
    np.broadcast_arrays,
    np.linalg.multi_dot, np.lexsort,
}  # fmt: skip

#: Functions that take a tied comparison as it is; everywhere else it must be decided.
KINKS_OF_MASKS = {np.where, np.select, np.broadcast_arrays}

REFUSED = {
    "eig": ("makes complex numbers", "use np.linalg.eigh of a symmetric matrix"),
    "eigvals": ("makes complex numbers", "use np.linalg.eigvalsh of a symmetric matrix"),
    "unique": ("jumps", "use np.sort"), "unwrap": ("jumps", "leave it out"),
}  # fmt: skip


def apply_function(traced: TracedArray | TracedMask, func: Any, args: Any, kwargs: Any) -> Any:
    """What `__array_function__` returns."""
    module = getattr(func, "__module__", "numpy").replace("numpy", "np", 1)
    name = f"{module}.{func.__name__}"
    out = kwargs.get("out")
    if isinstance(out, TracedArray) or getattr(type(out), "holds_variables", False):
        others = {key: item for key, item in kwargs.items() if key != "out"}
        vary = first_traced([args, [*others.values()]]) is not None
        out[...] = apply_function(traced, func, args, others) if vary else func(*args, **others)
        return out
    if func in CALLBACKS:
        return CALLBACKS[func](*args, **kwargs)
    rule = FUNCTIONS.get(func)
    if rule is None:
        reason, fix = REFUSED.get(func.__name__, ("is not supported", "write it with supported operations"))
        operation, source = traced.builder.user or (name, caller())
        raise TraceError(operation, reason, fix, source)
    if func not in KINKS_OF_MASKS:
        args, kwargs = numbers(args), numbers(kwargs)
    found = eithers([*args, *kwargs.values()])
    if found:
        return found[0].__array_function__(func, (), args, kwargs)
    return apply_rule(traced, name, rule, args, kwargs, func)


def apply_rule(
    traced: TracedArray | TracedMask, name: str, rule: Callable[..., Any], args: Any, kwargs: Any, func: Any = None
) -> Any:
    """One row of `FUNCTIONS`, for ``func``, or of `METHODS`, called as the user called it."""
    operation, source = traced.builder.user or (name, caller())
    args = args if func is not None else [*map(of_list, args)]
    theirs = func if func is not None else LIKE_FUNCTIONS.get(name.removeprefix("ndarray."))
    if kwargs or len(args) > 1:
        args, kwargs = given(theirs or rule, rule, operation, source, args, kwargs)
    result = named(traced.builder, name, rule, args, kwargs)
    if isinstance(result, TracedArray) and name not in VIEWS:
        return TracedArray(result.builder, result.index, scalar=name not in HELD)
    return result
