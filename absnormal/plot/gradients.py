"""The generalized gradient: an interval, a polygon, a polytope, or the projection of one, with a tool's gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal._optional import require
from absnormal.arrays import Array
from absnormal.clarke.projection import hull
from absnormal.plot import plane as planes
from absnormal.plot.style import FAINT, INK, THIRD, TOOL, TRUE, axes, frame, legend, vector

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from absnormal.clarke.generalized_gradient import GeneralizedGradient


def gradients(
    G: GeneralizedGradient, gradient: Any = None, *, plane: Any = None, ax: Axes | None = None
) -> Axes:
    """The set dC f(x), its limiting gradients, its element of least norm, and a vector inside or outside.

    In one, two and three dimensions the set itself; otherwise, and for generalized Jacobians, its projection on a
    plane, in which a vector outside the set is seen outside.

    Parameters
    ----------
    G
        of `absnormal.generalized_gradient`
    gradient
        a vector to be shown, for example ``report.gradient``, in the structure of x
    plane
        two entries by number, or two directions, on which the set is projected
    ax
        matplotlib axes to draw on; in three dimensions those with ``projection="3d"``

    Returns
    -------
    matplotlib.axes.Axes
        on which it was drawn

    Raises
    ------
    ImportError
        where matplotlib is missing
    ValueError
        for a plane that is none

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> G = an.generalized_gradient(lambda x: np.abs(x[0]) + np.maximum(x[0], x[1]), [0.0, 0.0])
    >>> ax = an.plot.gradients(G)
    >>> ax.patches[0].get_xy()[:-1].tolist()
    [[-1.0, 1.0], [0.0, 0.0], [2.0, 0.0], [1.0, 1.0]]
    """
    flat = None if gradient is None else G.flat(gradient)
    size = len(G.base)
    solid = size == 3 and plane is None and (ax is None or ax.name == "3d")
    answer = None if flat is None else G.contains(gradient)
    said = {True: "inside", False: "outside", None: "not decided"}[answer] if flat is not None else ""
    marks = _Marks(G.least, flat, said)
    if solid:
        return _solid(G, marks, ax)
    ax = axes(ax)
    if size == 1:
        view, names = np.array([[1.0], [0.0]]), (_entry(G, 0), "")
    elif plane is not None:
        chosen = planes.given(G.tree, plane)
        view, names = chosen.axes, chosen.names
    elif size == 2:
        view, names = np.eye(2), (_entry(G, 0), _entry(G, 1))
    else:
        chosen = planes.of_set(G, flat)
        view, names = chosen.axes, chosen.names
    corners = G.outline(view)
    projected = size > 2
    label = "Clarke generalized gradient" + (", projected" if projected else "")
    _fill(ax, corners, label if G.exact else label + ", as far as known")
    points = G.dots
    if points is not None:
        dots: dict[str, Any] = {"color": TRUE, "markersize": 5, "linestyle": "none", "label": "limiting gradients"}
        ax.plot(*(points @ view.T).T, "o", zorder=4, **dots)
    for point, style, name in marks.all():
        ax.plot(*(view @ point), linestyle="none", label=name, zorder=5, **style)
    ax.plot(0, 0, "+", color=INK, markersize=12, markeredgewidth=1.5, zorder=3)
    ax.annotate("0", (0, 0), (6, -11), textcoords="offset points", fontsize=9, color=INK)
    ax.set_xlabel(names[0])
    ax.set_ylabel(names[1])
    if size == 1:
        ax.set_yticks([])
        ax.set_ylim(-1, 1)
        ax.margins(x=0.2)
    else:
        ax.set_aspect("equal", adjustable="datalim")
        ax.margins(0.15)
    ax.grid(color=FAINT, alpha=0.25)
    frame(ax, _title(G) + (", projected" if projected else ""))
    legend(ax)
    return ax


class _Marks:
    """The element of least norm and the vector of a tool, as they are drawn."""

    def __init__(self, least: Array, flat: Array | None, said: str) -> None:
        self.least, self.flat, self.said = least, flat, said

    def all(self) -> list[tuple[Array, dict[str, Any], str]]:
        ring = {"marker": "o", "markersize": 12, "markerfacecolor": "none", "markeredgecolor": THIRD, "mew": 2}
        found = [(self.least, ring, f"least-norm element {vector(self.least)}")]
        if self.flat is not None and np.isfinite(self.flat).all():
            star = {"marker": "X", "markersize": 10, "markerfacecolor": TOOL, "markeredgecolor": "white"}
            found.append((self.flat, star, f"tool's gradient {vector(self.flat)}: {self.said}"))
        return found


def _fill(ax: Axes, corners: Array, label: str) -> None:
    patches = require("matplotlib.patches", "plot")
    ax.add_patch(patches.Polygon(
        corners, closed=True, facecolor=TRUE, edgecolor=TRUE, alpha=0.25, linewidth=0, label=label, zorder=1
    ))
    outline = np.r_[corners, corners[:1]]
    ax.plot(*outline.T, color=TRUE, linewidth=2.5, zorder=2)


def _solid(G: GeneralizedGradient, marks: _Marks, ax: Axes | None) -> Axes:
    """The polytope itself, in three dimensions, whatever dimension it has."""
    art = require("mpl_toolkits.mplot3d.art3d", "plot")
    space: Any = axes(ax, "3d")
    points = G.surface
    faces, edges = _faces(points), 1.5 if G.dots is not None else 0.1
    space.add_collection3d(art.Poly3DCollection(
        faces, facecolor=TRUE, edgecolor=TRUE, alpha=0.22, linewidth=edges, label="Clarke generalized gradient"
    ))
    if G.dots is not None:
        space.plot(*points.T, "o", color=TRUE, markersize=5, linestyle="none", label="vertices")
    for point, style, name in marks.all():
        space.plot(*point[:, None], linestyle="none", label=name, **style)
    space.plot([0], [0], [0], "+", color=INK, markersize=12, markeredgewidth=1.5, linestyle="none", label="0")
    for k, setter in enumerate((space.set_xlabel, space.set_ylabel, space.set_zlabel)):
        setter(_entry(G, k))
    space.set_title(_title(G), fontsize=11)
    legend(space)
    result: Axes = space
    return result


def _faces(points: Array) -> list[Array]:
    """The faces of the hull of points in space, each a polygon; a flat hull is one face."""
    centred = points - points.mean(axis=0)
    _, values, directions = np.linalg.svd(centred, full_matrices=True)
    rank = int((values > 1e-9 * values.max(initial=0.0)).sum()) if values.any() else 0
    if rank < 3:
        corners = hull(centred @ directions[:2].T) if rank else np.zeros((1, 2))
        return [corners @ directions[:2] + points.mean(axis=0)]
    spatial = require("scipy.spatial", "plot")
    solid = spatial.ConvexHull(points)
    rounded = np.round(solid.equations / np.abs(points).max(), 9)
    planes_of = np.unique(rounded, axis=0, return_inverse=True)[1].reshape(-1)
    faces = []
    for kind in range(planes_of.max() + 1):
        own = np.unique(solid.simplices[planes_of == kind])
        normal = solid.equations[planes_of == kind][0, :3]
        across = np.linalg.svd(normal[None])[2][1:]
        middle = points[own].mean(axis=0)
        angles = np.arctan2(*((points[own] - middle) @ across.T).T)
        faces.append(points[own[np.argsort(angles)]])
    return faces


def _entry(G: GeneralizedGradient, index: int) -> str:
    return f"entry of {G.tree.entry(index)}" if len(G.shape) == 1 else f"entry {index}"


def _title(G: GeneralizedGradient) -> str:
    stationary = {True: "0 inside: stationary", False: "0 outside: not stationary", None: "stationarity not decided"}
    return stationary[G.is_stationary()]
