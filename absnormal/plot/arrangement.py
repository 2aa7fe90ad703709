"""The piecewise-linear model in a plane: convex polygons on which it is affine, and the kinks between them.

The first switch, in evaluation order, that changes its sign within a polygon is affine there; the polygon is split
along its zero line, until no switch changes its sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from absnormal.arrays import Array
from absnormal.errors import BudgetError

if TYPE_CHECKING:
    from absnormal.form import AbsNormalForm

#: Cells past which a picture shows nothing to anybody.
_CELLS = 400
#: Of the largest |z_i| in the square: less than this is taken as 0.
_ZERO = 1e-9


@dataclass(frozen=True, eq=False)
class Cell:
    """A polygon on which the model is affine: its corners (k, 2), and its gradient in the plane (2,)."""

    corners: Array
    gradient: Array


@dataclass(frozen=True, eq=False)
class Kink:
    """A segment, shape (2, 2), along which switches are 0, and their numbers."""

    ends: Array
    switches: tuple[int, ...]


class Model:
    """The piecewise-linear model of the first output in the plane x + t axes."""

    def __init__(self, form: AbsNormalForm, axes: Array) -> None:
        self.form = form
        self.of_z, self.of_y = form.Z @ axes.T, (form.J @ axes.T)[0]
        # z at t = 0 is that of the form, to the last bit that matters.
        self.start = form.z - form.L @ np.abs(form.z)

    def switching(self, points: Array) -> Array:
        """z at points (k, 2) of the plane, shape (k, s)."""
        fixed = self.start + points @ self.of_z.T
        z = fixed
        for _ in range(self.form.s + 1):
            previous, z = z, fixed + np.abs(z) @ self.form.L.T
            if np.array_equal(previous, z):
                break
        return np.asarray(z)

    def gradient(self, signs: Array) -> Array:
        """The gradient in the plane, shape (2,), where z has the signs."""
        rows = self.of_z
        for _ in range(self.form.s + 1):
            previous, rows = rows, self.of_z + self.form.L @ (signs[:, None] * rows)
            if np.array_equal(previous, rows):
                break
        return np.asarray(self.of_y + (self.form.Y @ (signs[:, None] * rows))[0])


def arrangement(form: AbsNormalForm, axes: Array, radius: float) -> tuple[list[Cell], list[Kink]]:
    """The cells of the square of half width ``radius`` around x, and the kinks between them.

    Raises
    ------
    BudgetError
        where there are too many cells to be seen
    """
    model = Model(form, axes)
    square = radius * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    zero = _ZERO * np.abs(model.switching(np.r_[square, [[0.0, 0.0]]])).max(axis=0, initial=0.0)
    cells: list[Cell] = []
    segments: list[Array] = []
    stack = [square]
    while stack:
        if len(stack) + len(cells) > _CELLS:
            raise BudgetError(
                f"the plane has more than {_CELLS} cells within {radius:g} of x: choose a smaller radius, or look at f"
                " along a line (report.plot_line)"
            )
        corners = stack.pop()
        z = model.switching(corners)
        changing = (z.max(axis=0, initial=-np.inf) > zero) & (z.min(axis=0, initial=np.inf) < -zero)
        if not changing.any():
            inside = np.sign(model.switching(corners.mean(axis=0)[None])[0])
            cells.append(Cell(corners, model.gradient(inside)))
            continue
        first = int(np.argmax(changing))
        left, right, ends = _split(corners, z[:, first], zero[first])
        stack += [right, left]
        segments.append(ends)
    return cells, _kinks(model, segments, zero)


def _split(corners: Array, values: Array, zero: float) -> tuple[Array, Array, Array]:
    """A convex polygon cut where an affine function is 0: the positive part, the negative one, the segment between."""
    values = np.where(np.abs(values) <= zero, 0.0, values)
    parts: tuple[list[Array], list[Array], list[Array]] = ([], [], [])
    for k, (corner, value) in enumerate(zip(corners, values, strict=True)):
        if value >= 0:
            parts[0].append(corner)
        if value <= 0:
            parts[1].append(corner)
        if value == 0:
            parts[2].append(corner)
        follower, next_value = corners[(k + 1) % len(corners)], values[(k + 1) % len(corners)]
        if value * next_value < 0:
            crossing = corner + value / (value - next_value) * (follower - corner)
            for part in parts:
                part.append(crossing)
    return np.stack(parts[0]), np.stack(parts[1]), np.stack(parts[2])


def _kinks(model: Model, segments: list[Array], zero: Array) -> list[Kink]:
    """The segments with all switches that are 0 along them."""
    found = []
    for ends in segments:
        middle = ends.mean(axis=0)
        vanishing = (np.abs(model.switching(np.r_[ends, middle[None]])) <= 10 * zero).all(axis=0)
        # A switch that is 0 on a whole cell is no kink between cells.
        varying = zero > 0
        found.append(Kink(ends, tuple(np.flatnonzero(vanishing & varying).tolist())))
    return found
