"""Arrays that a tied comparison chooses entries of: x[x > 0] read, y[x > 0] = ... written; see `meanings.chosen`."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.errors import TraceError
from absnormal.frontends.meanings.chosen import Chosen
from absnormal.frontends.meanings.jumps import Either
from absnormal.frontends.numpy.masks import TracedMask
from absnormal.frontends.numpy.memory import Memory, OneSide
from absnormal.frontends.numpy.shapes import getitem
from absnormal.frontends.numpy.traced import TracedArray


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
    return Chosen(key, copy(u)) if tied_for(key, u.shape) else getitem(u, key)


def tied_for(key: Any, shape: tuple[int, ...]) -> bool:
    """Whether a key is a comparison that is tied, of entries of this shape."""
    return isinstance(key, TracedMask) and key.shape == shape and bool(np.any(key.tied))
