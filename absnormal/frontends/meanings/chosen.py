"""Entries of an array at which a comparison holds that is tied: x[x > 0], as it stands between reading and writing.

How many entries these are is not constant near the point.  What is computed from them entry by entry is computed of all
entries, and where it ends it is a choice: y[x > 0] = x[x > 0] ** 2 is y = where(x > 0, x ** 2, y), and the sum of
x[x > 0] is that of where(x > 0, x, 0).  Their mean is the sum by their number, which jumps unless that cancels.  All
else needs the number of the entries, and is refused as a branch is.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from absnormal.errors import DomainError, TraceError
from absnormal.frontends.meanings.jumps import Either
from absnormal.frontends.numpy.masks import TracedMask, numbers

#: np.sum and np.mean themselves, in whose place something else stands while f runs.
_SUM, _MEAN = np.sum, np.mean
COUNTED = "the two sides are equal at this point, so the number of entries that it chooses is not constant near it"


class Chosen(NDArrayOperatorsMixin):
    """What is computed from the entries that a mask chooses: of all entries, of which those count."""

    __slots__ = ("mask", "whole")
    __array_priority__ = 1003

    def __init__(self, mask: TracedMask | Either, whole: Any) -> None:
        self.mask, self.whole = mask, whole

    def refuse(self) -> NoReturn:
        held = self.mask if isinstance(self.mask, TracedMask) else self.mask.jump
        name = f"comparison {held.relation}" if isinstance(held, TracedMask) else held.operation
        raise TraceError(name, COUNTED, "compute with all entries, and choose by where(u > 0, a, b)", held.source)

    def among(self, mask: TracedMask | Either) -> Any:
        """All entries, for a choice by the same mask."""
        alike = isinstance(self.mask, TracedMask) and isinstance(mask, TracedMask) and self.mask.same(mask)
        if not alike and self.mask is not mask:
            self.refuse()
        return self.whole

    @property
    def count(self) -> Any:
        """How many entries there are, which jumps."""
        try:
            return np.sum(numbers(self.mask) + 0.0)
        except TraceError:
            self.refuse()

    def sum(self, axis: Any = None) -> Any:
        if axis not in (None, 0, -1, (0,)):
            self.refuse()
        return np.sum(np.where(self.mask, self.whole, 0.0))

    def mean(self, axis: Any = None) -> Any:
        """The sum by the number of entries, which both jump, and may cancel."""
        total, count = self.sum(axis), self.count
        try:
            return total / count
        except DomainError:  # On one side there is none.
            return self.refuse()

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
        if func in (_SUM, _MEAN) and len(args) == 1 and args[0] is self and not kwargs.keys() - {"axis"}:
            return self.sum(**kwargs) if func is _SUM else self.mean(**kwargs)
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
