"""Rules for sums, products of matrices, norms, extrema and order statistics."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings.movements import moved
from absnormal.frontends.meanings.reductions import accumulated, variance
from absnormal.frontends.torch.guards import signs
from absnormal.frontends.torch.probe import splits_evenly
from absnormal.frontends.torch.values import array
from absnormal.frontends.torch.writer import Arg, Rule, Writer
from absnormal.program.moves import numbered


def axes_of(x: Arg, dim: Any) -> list[int]:
    """The axes of an argument that are reduced over, where None and no axes at all stand for all."""
    ndim = len(x.shape)
    if dim is None or (isinstance(dim, (list, tuple)) and not dim):
        return list(range(ndim))
    return [axis % ndim for axis in (dim if isinstance(dim, (list, tuple)) else [dim])] if ndim else []


def lined(w: Writer, x: Arg) -> int:
    """The node of an argument that has axes; one number is a line of one entry."""
    return w.node(x) if x.shape else w.reshape(w.node(x), (1,))


def line_of(w: Writer, x: Arg, dim: int) -> tuple[int, int]:
    """That node, and an axis of it."""
    u = lined(w, x)
    return u, dim % len(w.shape(u))


def _over(w: Writer, x: Arg, dim: Any) -> tuple[int, list[int]]:
    """That node, and the axes of it that are reduced over."""
    return lined(w, x), axes_of(x, dim) if x.shape else [0]


def _of_variance(made: Callable[[Writer, int, int], Any]) -> Rule:
    """What is made of the variance and of the mean with its axes kept."""
    def rule(
        w: Writer, x: Arg, /, dim: Any = None, unbiased: bool = True, correction: float | None = None,
        keepdim: bool = False,
    ) -> Any:
        less = float(unbiased) if correction is None else float(correction)
        return made(w, *variance(w, *_over(w, x, dim), less, keepdim))

    return rule


def _root(w: Writer, var: int) -> int:
    return w.op("sqrt", var, tie="std")


def _prod(w: Writer, x: Arg, /, dim: int | None = None, keepdim: bool = False) -> int:
    u, axis = (w.reshape(lined(w, x), (math.prod(x.shape),)), 0) if dim is None else line_of(w, x, dim)
    shape = w.shape(u)
    result = w.op("prod", u, axis=axis)
    return w.reshape(result, (*shape[:axis], 1, *shape[axis + 1 :])) if keepdim else result


def _cumsum(w: Writer, x: Arg, /, dim: int) -> int:
    u, axis = line_of(w, x, dim)
    return w.op("cumsum", u, axis=axis)


def _accumulated(op: str) -> Rule:
    def rule(w: Writer, x: Arg, /, dim: int) -> int:
        return accumulated(w, *line_of(w, x, dim), op)

    return rule


def _nansum(w: Writer, x: Arg, /, dim: Any = None, keepdim: bool = False) -> int:
    """NaN stays NaN near the point."""
    u, axes = _over(w, x, dim)
    return w.sum(w.where(~np.isnan(np.atleast_1d(array(x.here))), u, w.constant(0.0)), axes, keepdim)


# -- products of matrices -----------------------------------------------------------------------------------------


def _matmul(w: Writer, a: Arg, b: Arg, /) -> int:
    return w.matmul(w.node(a), w.node(b))


def _addmm(w: Writer, bias: Arg, a: Arg, b: Arg, /, beta: float = 1, alpha: float = 1) -> int:
    return w.add(w.scaled(w.matmul(w.node(a), w.node(b)), alpha), w.scaled(w.node(bias), beta))


def _addbmm(w: Writer, bias: Arg, a: Arg, b: Arg, /, beta: float = 1, alpha: float = 1) -> int:
    """The products of a batch, summed over it."""
    total = w.sum(w.matmul(w.node(a), w.node(b)), [0])
    return w.add(w.scaled(total, alpha), w.scaled(w.node(bias), beta))


def _addr(w: Writer, bias: Arg, a: Arg, b: Arg, /, beta: float = 1, alpha: float = 1) -> int:
    outer = w.mul(w.reshape(a.node, (-1, 1)), w.reshape(b.node, (1, -1)))
    return w.add(w.scaled(outer, alpha), w.scaled(w.node(bias), beta))


def _linear(w: Writer, x: Arg, weight: Arg, /, bias: Arg | None = None) -> int:
    result = w.matmul(w.node(x), w.swap(w.node(weight), 0, 1))
    return result if bias is None else w.add(result, w.node(bias))


# -- extrema ------------------------------------------------------------------------------------------------------


def taking(index: Array, count: int, sign: int) -> Array:
    """Slopes of a fold over axis 0 of ``count`` entries that take the entry ``index``: -1 there, +1 elsewhere."""
    steps = np.arange(1, count).reshape(-1, *([1] * index.ndim))
    return np.where(steps == index, -float(sign), float(sign)).reshape(-1)


def reduced(w: Writer, u: int, axes: Sequence[int], sign: int, kernel: str, keep: bool) -> int:
    """max or min over axes, ties split as the kernel splits them."""
    if not splits_evenly(kernel, w.dtype):
        w.refuse("does not split ties evenly on this version", "use max(dim), whose indices are known")
    front = w.fronted(u, axes)
    result = w.fold(front, sign, "even")
    shape = w.shape(u)
    return w.reshape(result, tuple(1 if i in axes else s for i, s in enumerate(shape))) if keep else result


def _amax(sign: int, kernel: str) -> Rule:
    def rule(w: Writer, x: Arg, /, dim: Any = (), keepdim: bool = False) -> int:
        return reduced(w, *_over(w, x, dim), sign, kernel, keepdim)

    return rule


def _max(sign: int, kernel: str) -> Rule:
    """max(), max(other), max(dim) with indices."""

    def rule(w: Writer, x: Arg, /, other: Arg | None = None, dim: int | None = None, keepdim: bool = False) -> Any:
        if other is not None:
            u, v = w.node(x), w.node(other)
            return u if u == v else w.extremum(u, v, sign, "maximum" if sign > 0 else "minimum")
        if dim is None:
            return reduced(w, *_over(w, x, None), sign, kernel, False)
        if not x.shape:
            return [w.node(x)]
        indices = w.returned[1]
        axis = dim % len(x.shape)
        chosen = indices.squeeze(axis) if keepdim else indices
        return [chosen_fold(w, w.node(x), axis, chosen.cpu().numpy(), sign, keepdim)]

    return rule


def chosen_fold(w: Writer, u: int, axis: int, index: Array, sign: int, keep: bool) -> int:
    """max or min along an axis, where ties take the entry that the kernel returned."""
    count = w.shape(u)[axis]
    result = w.fold(w.fronted(u, [axis]), sign, lambda: taking(index, count, sign))
    return w.reshape(result, tuple(1 if i == axis else s for i, s in enumerate(w.shape(u)))) if keep else result


def _aminmax(w: Writer, x: Arg, /, dim: Any = None, keepdim: bool = False) -> list[int]:
    return [reduced(w, *_over(w, x, dim), sign, "aminmax", keepdim) for sign in (-1, 1)]


# -- norms ----------------------------------------------------------------------------------------------------------


def norm(w: Writer, u: int, p: float, axes: Sequence[int], keep: bool, kernel: str = "norm") -> int:
    """A p-norm; refused where it is no kink that is known: other powers than 1, 2 and infinity at 0."""
    if p in (math.inf, -math.inf):
        sizes = w.kink(u, 0.0, 1.0, f"{kernel}.abs")
        return reduced(w, sizes, axes, 1 if p > 0 else -1, "norm.inf", keep)
    if p == 1:
        return w.sum(w.kink(u, 0.0, 1.0, f"{kernel}.abs"), axes, keep)
    if p == 0:
        # How many entries are not 0, which is constant as long as none is.
        if not signs(w, u):
            w.refuse("jumps where an entry is 0", "use another norm")
        return w.sum(w.constant(np.ones(w.shape(u))), axes, keep)
    if p == 2:
        return w.op("sqrt", w.sum(w.op("square", u), axes, keep), tie="norm")
    values = w.value(u)
    if p < 1 and np.any(values == 0):
        w.refuse("is not Lipschitz where an entry is 0", "use p >= 1")
    # |u|^p is C^1 for p > 1; its sign is locally constant off 0, and at 0 the derivative is 0.
    held = np.sign(values)
    base = w.where(held != 0, w.mul(w.constant(held), u), w.constant(1.0))
    powers = w.where(held != 0, w.op("power", base, w.constant(p)), w.constant(0.0))
    return w.op("power", w.sum(powers, axes, keep), w.constant(1.0 / p))


def _vector_norm(w: Writer, x: Arg, /, ord: Any = 2, dim: Any = None, keepdim: bool = False) -> int:
    u, axes = _over(w, x, dim)
    return norm(w, u, 2.0 if ord is None else float(ord), axes, keepdim)


def _dist(w: Writer, a: Arg, b: Arg, /, p: float = 2) -> int:
    u = w.sub(a.node, b.node)
    return norm(w, u, float(p), range(len(w.shape(u))), False)


def _cdist(w: Writer, a: Arg, b: Arg, /, p: float = 2) -> int:
    first = w.reshape(a.node, (*a.shape[:-1], 1, a.shape[-1]))
    second = w.reshape(b.node, (*b.shape[:-2], 1, *b.shape[-2:]))
    u = w.sub(first, second)
    return norm(w, u, float(p), [len(w.shape(u)) - 1], False)


def _pdist(w: Writer, x: Arg, /, p: float = 2) -> int:
    first, second = np.triu_indices(x.shape[0], 1)
    u = w.sub(*(w.gather(x.node, numbered(x.shape)[rows]) for rows in (first, second)))
    return norm(w, u, float(p), [1], False)


def _trace(w: Writer, x: Arg, /) -> int:
    return w.sum(moved(w, x.node, np.diagonal))


RULES: dict[str, Rule] = {
    "var": _of_variance(lambda w, var, mean: var), "std": _of_variance(lambda w, var, mean: _root(w, var)),
    "var_mean": _of_variance(lambda w, var, mean: [var, w.reshape(mean, w.shape(var))]),
    "std_mean": _of_variance(lambda w, var, mean: [_root(w, var), w.reshape(mean, w.shape(var))]), "prod": _prod,
    "nansum": _nansum,
    "cumprod": _accumulated("mul"), "logcumsumexp": _accumulated("logaddexp"), "cumsum": _cumsum, "mm": _matmul,
    "bmm": _matmul, "mv": _matmul, "dot": _matmul, "matmul": _matmul, "vdot": _matmul, "addmm": _addmm,
    "addmv": _addmm, "addr": _addr, "linear": _linear, "baddbmm": _addmm, "trace": _trace, "addbmm": _addbmm,
    "amax": _amax(1, "amax"), "amin": _amax(-1, "amin"), "max": _max(1, "max"), "min": _max(-1, "min"),
    "aminmax": _aminmax, "linalg_vector_norm": _vector_norm, "dist": _dist, "_cdist_forward": _cdist,
    "_pdist_forward": _pdist,
    "sum": lambda w, x, /, dim=None, keepdim=False: w.sum(*_over(w, x, dim), keepdim),
    "mean": lambda w, x, /, dim=None, keepdim=False: w.mean(*_over(w, x, dim), keepdim),
    "logsumexp": lambda w, x, /, dim, keepdim=False: w.logsumexp(*_over(w, x, dim), keepdim),
    "norm": lambda w, x, /, p=2, dim=None, keepdim=False: _vector_norm(w, x, p, dim, keepdim),
    "_euclidean_dist": lambda w, a, b, /: _cdist(w, a, b, 2.0),
}  # fmt: skip
