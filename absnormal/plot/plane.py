"""The plane of a picture: the first two variables, or one in which a wrong gradient is seen to be wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal.arrays import Array
from absnormal.program.tree import Tree
from absnormal.report.explanation import excess

if TYPE_CHECKING:
    from absnormal.clarke.generalized_gradient import GeneralizedGradient
    from absnormal.report.report import Report


@dataclass(frozen=True, eq=False)
class Plane:
    """Two orthonormal directions, shape (2, n), and what they are called."""

    axes: Array
    names: tuple[str, str]


def given(tree: Tree, choice: Any) -> Plane:
    """The plane of two entries of x, by number, or of two directions in the structure of x.

    Raises
    ------
    ValueError
        when they span no plane
    """
    first, second = choice
    if all(isinstance(item, (int, np.integer)) for item in (first, second)):
        if first == second or not all(0 <= item < tree.size for item in (first, second)):
            raise ValueError(f"plane must be two different entries 0..{tree.size - 1}, got {choice}")
        return Plane(np.eye(tree.size)[[first, second]], (tree.entry(int(first)), tree.entry(int(second))))
    a, b = (np.asarray(tree.flatten(item, "plane"), dtype=float) for item in (first, second))
    axes = _orthonormal([a, b])
    if len(axes) < 2:
        raise ValueError("plane must be two independent directions")
    return Plane(axes, ("along the first direction", "along the second direction"))


def of_report(report: Report, rows: Array, descent: Array | None) -> Plane:
    """The plane of a report: (x[0], x[1]) in two dimensions, otherwise one through the direction in which the gradient
    is wrong, or the steepest descent, and through the rows (k, n) of active switches; that of the rows, in which all
    cells are seen, where they span one."""
    tree = report.program.tree
    if tree.size == 2:
        return Plane(np.eye(2), (tree.entry(0), tree.entry(1)))
    wrong = excess(report)
    flat = _orthonormal(list(rows)) if _spans_a_plane(rows) else None
    candidates = []
    if wrong is not None:
        direction = wrong.direction
        if flat is not None and _differs_within(report, flat):
            direction = flat.T @ (flat @ direction)
        candidates.append(("along the direction of excess slope", direction))
    elif descent is not None and flat is None:
        candidates.append(("along the steepest descent", descent))
    candidates += [("along the gradient of an active switch", row) for row in rows]
    candidates += [("", row) for row in np.eye(2, tree.size)]
    names: list[str] = []
    chosen: list[Array] = []
    for name, direction in candidates:
        axes = _orthonormal([*chosen, direction])
        if len(axes) > len(chosen):
            chosen.append(axes[-1])
            positions = np.flatnonzero(axes[-1])
            names.append(tree.entry(int(positions[0])) if len(positions) == 1 and axes[-1][positions[0]] > 0 else name)
        if len(chosen) == 2:
            break
    if names[0] == names[1]:
        names[1] = "along that of another, orthogonal"
    return Plane(np.stack(chosen), (names[0], names[1]))


def of_set(G: GeneralizedGradient, judged: Array | None) -> Plane:
    """The plane of a projected set: from the set to the judged vector, or from 0 to the set, and where it is wide."""
    first, name = None, "widest direction"
    if G.least.any():
        first, name = G.least, "along the least-norm element"
    if judged is not None and np.isfinite(judged).all():
        away = judged - G.nearest(judged)
        if np.abs(away).max() > 1e-9 * max(1.0, float(np.abs(judged).max())):
            # In a plane that has the least-norm element, 0 is outside, too.
            both = _orthonormal([away, G.least])
            if len(both) == 2:
                return Plane(both, ("away from the set", "along the least-norm element, orthogonal"))
            first, name = away, "away from the set"
    return Plane(G.wide_axes(first), (name, "widest orthogonal direction"))


def _spans_a_plane(rows: Array) -> bool:
    """Whether all cells are seen in one plane: that of the rows."""
    return len(rows) > 0 and np.linalg.matrix_rank(rows) == 2


def _differs_within(report: Report, axes: Array) -> bool:
    """Whether the judged vector differs from Clarke gradients, which all differ in a space, in that space alone."""
    difference = np.asarray(report.flat_gradient - report.flat_clarke_gradient, dtype=float)
    rest = difference - axes.T @ (axes @ difference)
    return bool(np.abs(rest).max(initial=0.0) <= 1e-9 * np.abs(difference).max(initial=0.0))


def _orthonormal(directions: list[Array]) -> Array:
    found: list[Array] = []
    for direction in directions:
        left = np.asarray(direction, dtype=float)
        length = np.linalg.norm(left)
        for axis in found * 2:
            left = left - (axis @ left) * axis
        size = np.linalg.norm(left)
        if size > 1e-9 * length:
            found.append(left / size)
    return np.array(found)
