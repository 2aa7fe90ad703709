"""Comparisons, indices and other results that jump: constant near the point where nothing is tied.

A Boolean from a comparison carries no derivative.  Where two sides are equal, or two candidates of an index, the branch
is not constant near the point; then only a `where` or a product with the mask whose branches agree there is followed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from absnormal.arrays import Array
from absnormal.frontends.torch.values import array

Ties = Callable[..., tuple[bool, bool]]


def _compared(a: Any, b: Any, *args: Any, **kwargs: Any) -> tuple[bool, bool]:
    """Whether two sides are equal somewhere, and whether they are within rounding of each other."""
    left, right = _number(a), _number(b)
    gap = np.abs(left - right)
    single = any(isinstance(v, torch.Tensor) and v.dtype not in (torch.float64, torch.int64) for v in (a, b))
    eps = np.finfo(np.float32 if single else float).eps
    near = gap <= 16 * eps * np.maximum(np.maximum(np.abs(left), np.abs(right)), np.finfo(np.float32).tiny)
    return bool((gap == 0).any()), bool(near.any())


def _number(value: Any) -> Array:
    return array(value).astype(float) if isinstance(value, torch.Tensor) else np.asarray(float(value))


def _indexed(flip: float) -> Ties:
    def ties(x: Any, dim: Any = None, *args: Any, **kwargs: Any) -> tuple[bool, bool]:
        values = flip * _number(x)
        values = np.moveaxis(values, dim, -1) if isinstance(dim, int) and values.ndim else values.reshape(-1)
        ordered = np.sort(values, axis=-1)
        if ordered.shape[-1] < 2:
            return False, False
        tied = bool((ordered[..., -1] == ordered[..., -2]).any())
        return tied, tied

    return ties


def _ordered(x: Any, *args: Any, **kwargs: Any) -> tuple[bool, bool]:
    values = _number(x).reshape(-1)
    tied = len(np.unique(values)) < values.size
    return tied, tied


def _nonzero(x: Any, *args: Any, **kwargs: Any) -> tuple[bool, bool]:
    tied = bool((_number(x) == 0).any())
    return tied, tied


def _never(*args: Any, **kwargs: Any) -> tuple[bool, bool]:
    return False, False


#: Operations whose results jump, with a test of whether they do so at the point, or may within rounding.
JUMPS: dict[str, Ties] = {
    "gt": _compared, "ge": _compared, "lt": _compared, "le": _compared, "eq": _compared, "ne": _compared,
    "argmax": _indexed(1.0), "argmin": _indexed(-1.0), "argsort": _ordered, "searchsorted": _never, "bucketize": _never,
    "isnan": _never, "isinf": _never, "isfinite": _never, "isneginf": _never, "isposinf": _never,
    "equal": _never, "is_nonzero": _nonzero, "nonzero": _nonzero, "count_nonzero": _nonzero, "logical_not": _nonzero,
    "logical_and": _nonzero, "logical_or": _nonzero, "all": _nonzero, "_local_scalar_dense": _never, "allclose": _never,
    "signbit": _nonzero, "heaviside": _compared, "histc": _never, "unique": _ordered, "multinomial": _never,
    "bernoulli_p": _never,
}  # fmt: skip

#: Operations whose results after the first are indices, which jump where entries are tied.
INDEXED: dict[str, Ties] = dict.fromkeys(
    ("max", "min", "sort", "topk", "kthvalue", "median", "mode", "cummax", "cummin", "max_pool2d_with_indices",
     "max_pool3d_with_indices", "adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d"), _ordered)

#: Reads of a number by Python code.
READS = frozenset({"_local_scalar_dense", "is_nonzero", "equal", "nonzero", "allclose"})

#: A mask from these is 1 where its left side is larger (sign 1) or smaller (-1); the slope that it implies at a tie.
RELATIONS: dict[str, tuple[int, float]] = {"gt": (1, -1.0), "ge": (1, 1.0), "lt": (-1, 1.0), "le": (-1, -1.0)}
