"""Pictures without scripts: where a sparse matrix has entries, and a convex polygon.

Blue, orange and grey read on light and on dark pages and for colour-blind readers; words stand outside the picture.
"""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.report.plain import number

BLUE, ORANGE, GREY = "#3a8fd0", "#e08214", "#8a8a8a"
#: Rows and columns of a picture; larger matrices are binned.
_PIXELS = 120
_SIDE = 180.0
#: Corners of a polygon up to which each is a dot.
_DOTS = 40


def spy(matrix: Any, name: str) -> str:
    """Where a sparse matrix has entries; a dot stands for a whole block of entries where there are many.

    >>> from scipy.sparse import csr_array
    >>> picture = spy(csr_array([[1.0, 0.0], [0.0, -2.0]]), "Z")
    >>> picture.count("<path"), "2 x 2" in picture
    (2, True)
    """
    rows, columns = matrix.shape
    found = matrix.tocoo()
    step = max(1, -(-max(rows, columns) // _PIXELS))
    unit = _SIDE / max(-(-rows // step), -(-columns // step), 1)
    places = np.stack([found.col // step, found.row // step])
    width, height = (max(1, -(-count // step)) * unit for count in (columns, rows))
    paths = "".join(
        _squares(np.unique(places[:, own], axis=1), unit, colour)
        for own, colour in ((found.data > 0, BLUE), (found.data < 0, ORANGE))
    )
    caption = f"{name}: {rows} x {columns}, {matrix.nnz} entries"
    frame = f'<rect width="{width:.1f}" height="{height:.1f}" fill="none" stroke="{GREY}"/>'
    return _figure(paths + frame, (0.0, 0.0, width, height), caption)


def _squares(places: Array, unit: float, colour: str) -> str:
    """Unit squares, as one path; runs in a row are one rectangle."""
    if not places.size:
        return ""
    order = np.lexsort((places[0], places[1]))
    x, y = places[:, order]
    starts = np.flatnonzero(np.r_[True, (np.diff(x) != 1) | (np.diff(y) != 0)])
    lengths = np.diff(np.r_[starts, len(x)])
    runs = "".join(
        f"M{a * unit:.4g} {b * unit:.4g}h{count * unit:.4g}v{unit:.4g}h-{count * unit:.4g}z"
        for a, b, count in zip(x[starts].tolist(), y[starts].tolist(), lengths.tolist(), strict=True)
    )
    return f'<path d="{runs}" fill="{colour}"/>'


def polygon(corners: Array, marked: Array, caption: str) -> str:
    """A convex polygon (or a segment, or a point), its corners, the origin as a cross, and a marked point as a ring.

    >>> "<polygon" in polygon(np.array([[0.0, 0], [1, 0], [0, 1]]), np.zeros(2), "a triangle")
    True
    """
    seen = np.concatenate([corners, marked[None], np.zeros((1, 2))])
    low, size = seen.min(axis=0), max(float(np.ptp(seen, axis=0).max()), 1e-300)
    points = (seen - low) / size * _SIDE
    points[:, 1] = points[:, 1].max() - points[:, 1]
    listed = " ".join(f"{a:.1f},{b:.1f}" for a, b in points[: len(corners)])
    shape = f'<polygon points="{listed}" fill="{BLUE}" fill-opacity="0.3" stroke="{BLUE}" stroke-width="2"/>'
    shown = points[: len(corners)] if len(corners) <= _DOTS else []
    dots = "".join(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{BLUE}"/>' for a, b in shown)
    (a, b), (p, q) = points[-2], points[-1]
    ring = f'<circle cx="{a:.1f}" cy="{b:.1f}" r="6" fill="none" stroke="{ORANGE}" stroke-width="2"/>'
    cross = f'<path d="M{p - 5:.1f} {q:.1f}h10M{p:.1f} {q - 5:.1f}v10" stroke="{GREY}" stroke-width="1.5"/>'
    width, height = points.max(axis=0)
    return _figure(shape + dots + cross + ring, (-10.0, -10.0, width + 20, height + 20), caption)


def spans(corners: Array) -> str:
    """The lowest and the highest coordinates of points in the plane, in words."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    return " x ".join(f"[{number(a)}, {number(b)}]" for a, b in zip(low, high, strict=True))


def _figure(inside: str, view: tuple[float, float, float, float], caption: str) -> str:
    x, y, width, height = view
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}"'
        f' viewBox="{x:.0f} {y:.0f} {width:.1f} {height:.1f}" role="img" aria-label="{escape(caption)}">'
    )
    return (
        '<figure style="display:inline-block;margin:4px 16px 4px 0;vertical-align:top">'
        f"{head}{inside}</svg><figcaption>{escape(caption)}</figcaption></figure>"
    )
