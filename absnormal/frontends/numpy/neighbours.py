"""Order statistics of the neighbours of each entry: filters of scipy.ndimage and scipy.signal.

Which entries are the neighbours, beyond the borders too, SciPy says itself: it shifts the numbers of the entries.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from absnormal.frontends.numpy.order import folded, sort
from absnormal.frontends.writing import Writer, axis_of, writer_of
from absnormal.program.moves import numbered


def _neighbours(write: Writer, u: Any, kernel: Any, mode: Any, cval: float, origin: Any) -> Any:
    """The neighbours of each entry that a kernel names, along a first axis."""
    from scipy import ndimage

    shifts = np.eye(kernel.size).reshape(-1, *kernel.shape)[np.flatnonzero(kernel)]
    places = numbered(u.shape).astype(float)
    shifted = [ndimage.correlate(places, shift, mode=mode, cval=-1.0, origin=origin) for shift in shifts]
    index = np.rint(shifted).astype(int)
    entries: Any = write.gather(u.reshape(-1), np.maximum(index, 0))
    return entries if (index >= 0).all() else np.where(index >= 0, entries, cval)


def _of_rank(write: Writer, u: Any, kernel: Any, mode: Any, cval: float, origin: Any, rank: int) -> Any:
    """The neighbour with a rank, of each entry."""
    found, last = _neighbours(write, u, kernel, mode, cval, origin), int(np.count_nonzero(kernel)) - 1
    if rank in (0, last):
        return folded(write, found, 0, False, 1 if rank else -1)
    return sort(found, 0)[rank]


def _kernel(u: Any, size: Any, footprint: Any) -> Any:
    return np.ones(np.broadcast_to(size, u.ndim), bool) if footprint is None else np.asarray(footprint, bool)


def _filter(name: str, rank: Callable[[int], int]) -> Callable[..., Any]:
    """A filter that takes the neighbour with a rank, of so many."""

    def rule(input: Any, size: Any = None, footprint: Any = None, mode: Any = "reflect", cval: float = 0.0,
             origin: Any = 0) -> Any:
        write = writer_of(input, f"scipy.ndimage.{name}")
        u = write.array(input)
        kernel = _kernel(u, size, footprint)
        return _of_rank(write, u, kernel, mode, cval, origin, rank(int(np.count_nonzero(kernel))))

    return rule


def _filter_of(name: str, rank: Callable[[int, Any], int]) -> Callable[..., Any]:
    """The same, where the rank is given."""

    def rule(input: Any, which: Any, size: Any = None, footprint: Any = None, mode: Any = "reflect",
             cval: float = 0.0, origin: Any = 0) -> Any:
        return _filter(name, lambda count: rank(count, which))(input, size, footprint, mode, cval, origin)

    return rule


def _percentile(count: int, percentile: Any) -> int:
    """The rank that scipy.ndimage takes for a percentile."""
    percentile = percentile + 100.0 if percentile < 0 else percentile
    return count - 1 if percentile == 100.0 else int(count * percentile / 100.0)


def _along(name: str, last: bool) -> Callable[..., Any]:
    """scipy.ndimage.maximum_filter1d and minimum_filter1d."""

    def rule(input: Any, size: Any, axis: int = -1, mode: Any = "reflect", cval: float = 0.0, origin: Any = 0) -> Any:
        write = writer_of(input, f"scipy.ndimage.{name}")
        u = write.array(input)
        place = axis_of(axis, u.ndim)
        kernel = np.ones([size if i == place else 1 for i in range(u.ndim)], bool)
        shift = [origin if i == place else 0 for i in range(u.ndim)]
        return _of_rank(write, u, kernel, mode, cval, shift, size - 1 if last else 0)

    return rule


def grey_dilation(input: Any, size: Any = None, footprint: Any = None, mode: Any = "reflect", cval: float = 0.0,
                  origin: Any = 0) -> Any:
    """scipy.ndimage.grey_dilation by flat structures: the largest neighbour in the turned kernel."""
    write = writer_of(input, "scipy.ndimage.grey_dilation")
    u = write.array(input)
    kernel = np.flip(_kernel(u, size, footprint))
    starts = np.broadcast_to(origin, u.ndim)
    shift = [-int(start) - (1 - width % 2) for start, width in zip(starts, kernel.shape, strict=True)]
    return _of_rank(write, u, kernel, mode, cval, shift, int(np.count_nonzero(kernel)) - 1)


def medfilt(volume: Any, kernel_size: Any = None) -> Any:
    """scipy.signal.medfilt and medfilt2d: zeros lie beyond the borders."""
    return _filter("medfilt", lambda count: count // 2)(volume, kernel_size or 3, mode="constant")


FILTERS: dict[str, Callable[..., Any]] = {
    "maximum_filter": _filter("maximum_filter", lambda count: count - 1),
    "minimum_filter": _filter("minimum_filter", lambda count: 0),
    "median_filter": _filter("median_filter", lambda count: count // 2),
    "rank_filter": _filter_of("rank_filter", lambda count, rank: rank % count),
    "percentile_filter": _filter_of("percentile_filter", _percentile),
    "maximum_filter1d": _along("maximum_filter1d", True), "minimum_filter1d": _along("minimum_filter1d", False),
    "grey_erosion": _filter("grey_erosion", lambda count: 0), "grey_dilation": grey_dilation,
}  # fmt: skip
