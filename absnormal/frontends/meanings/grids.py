"""Interpolation at coordinates that may be variables: between entries of a grid, with kinks where one is whole.

Along one axis a coordinate x with floor(x) = l takes the entries l and l + 1 with the weights 1 - (x - l) and x - l.
Where x is whole the entries l - 1, l and l + 1 count near the point, with the weights max(l - x, 0), 1 - |x - l| and
max(x - l, 0): one kink.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings.steps import cells
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import Writer

#: An offset from the first entry, and what the entry there counts.
Taps = list[tuple[int, Any]]


def linear_taps(write: Writer, x: Any) -> tuple[Array, Taps]:
    """The entries that a coordinate lies behind, and the weights of those around it."""
    if not isinstance(x, TracedArray):
        low = np.floor(x).astype(int)
        return low, [(0, 1 - (x - low)), (1, x - low)]
    low, tied = cells(write, x)
    apart = x - low
    if not tied.any():
        return low, [(0, 1 - apart), (1, apart)]
    # As the definition has it, a whole coordinate is the beginning of a cell, so that the slope is that on its right.
    above = np.where(tied, write.kink(apart, 0.5, 0.5, "where>="), apart)
    below = above - apart
    return low, [(-1, below), (0, 1 - above - below), (1, above)]


def cubic_taps(write: Writer, x: Any, a: float) -> tuple[Array, Taps]:
    """The same for the convolution kernel of R. Keys (1981), which is C^1."""
    if isinstance(x, TracedArray):
        low, tied = cells(write, x)
        if tied.any():
            write.refuse("has a coordinate on an entry of the grid", "move the point off it")
    else:
        low = np.floor(x).astype(int)
    t = x - low
    s = 1 - t
    outer = [((a * (1 + u) - 5 * a) * (1 + u) + 8 * a) * (1 + u) - 4 * a for u in (t, s)]
    inner = [((a + 2) * u - (a + 3)) * u * u + 1 for u in (t, s)]
    return low, [(-1, outer[0]), (0, inner[0]), (1, inner[1]), (2, outer[1])]
