"""Entries of an array at which a comparison holds that is tied: x[x > 0], as it stands between reading and writing.

How many entries these are is not constant near the point.  What is computed from them entry by entry is computed of all
entries, and where it ends it is a choice: y[x > 0] = x[x > 0] ** 2 is y = where(x > 0, x ** 2, y), and the sum of
x[x > 0] is that of where(x > 0, x, 0).  All else needs the number of the entries, and is refused as a branch is.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from absnormal.arrays import Array
from absnormal.errors import TraceError
from absnormal.frontends.meanings.jumps import Either
from absnormal.frontends.numpy.masks import TracedMask
from absnormal.frontends.numpy.memory import Memory, OneSide
from absnormal.frontends.numpy.shapes import getitem
from absnormal.frontends.numpy.traced import TracedArray

#: np.sum itself, in whose place something else stands while f runs.
_SUM = np.sum


def chosen(mask: TracedMask, value: Any, before: Callable[[], Any], where: Array, memory: Memory) -> Any:
    """What the entries ``where`` of an array are when a value is written where a mask holds.

    None where that jumps beside what was there before: it waits for what is written on the other side.
    """
    whole = value.among(mask) if isinstance(value, Chosen) else value
    other = memory.other_side(where, mask)
    # A mask with fewer axes chooses along the first ones.
    rows = mask if mask.ndim == where.ndim else np.reshape(mask, mask.shape + (1,) * (where.ndim - mask.ndim))
    try:
        found = np.where(rows, whole, before() if other is None else other)
        if isinstance(found, Either):
            found.refuse()
        return found
    except TraceError as error:
        if other is not None:
            raise
        memory.wait(OneSide(where, mask, whole, error))
        return None


def entries(u: TracedArray, key: Any) -> Any:
    """u[key], also where the key is a comparison that is tied."""
    tied = isinstance(key, TracedMask) and key.shape == u.shape and np.any(key.tied)
    return Chosen(key, copy(u)) if tied else getitem(u, key)


class Chosen(NDArrayOperatorsMixin):
    """What is computed from the entries that a mask chooses: of all entries, of which those count."""

    __slots__ = ("mask", "whole")
    __array_priority__ = 1003

    def __init__(self, mask: TracedMask, whole: Any) -> None:
        self.mask, self.whole = mask, whole

    def refuse(self) -> NoReturn:
        raise TraceError(
            f"comparison {self.mask.relation}",
            "the two sides are equal at this point, so the number of entries that it chooses is not constant near it",
            "compute with all entries, and choose by np.where(u > 0, a, b)", self.mask.source,
        )

    def among(self, mask: TracedMask) -> Any:
        """All entries, for a choice by the same mask."""
        if not self.mask.same(mask):
            self.refuse()
        return self.whole

    def sum(self, axis: Any = None) -> Any:
        if axis not in (None, 0, -1, (0,)):
            self.refuse()
        return np.sum(np.where(self.mask, self.whole, 0.0))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        first = next(item for item in (*inputs, *(out or ())) if isinstance(item, Chosen))
        if ufunc is np.add and method == "reduce" and out is None and not kwargs.keys() - {"axis"}:
            return first.sum(kwargs.get("axis", 0))
        plain = method == "__call__" and not kwargs and ufunc.signature is None and ufunc.nout == 1
        if not plain or not all(isinstance(item, Chosen) or not np.ndim(item) for item in inputs):
            first.refuse()
        wholes = [item.among(first.mask) if isinstance(item, Chosen) else item for item in inputs]
        with np.errstate(all="ignore"):
            return Chosen(first.mask, ufunc(*wholes))

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func is _SUM and len(args) == 1 and args[0] is self and not kwargs.keys() - {"axis"}:
            return self.sum(**kwargs)
        return self.refuse()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.refuse()

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.refuse()

    def __len__(self) -> int:
        return self.refuse()

    def __getitem__(self, key: Any) -> Any:
        return self.refuse()
