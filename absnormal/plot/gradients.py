"""The generalized gradient: an interval, a polygon, a polytope, or the projection of one, with a tool's gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal._optional import require
from absnormal.arrays import Array
from absnormal.clarke.projection import hull
from absnormal.plot import plane as planes
from absnormal.plot.style import axes, colours, frame, legend, vector

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from absnormal.clarke.generalized_gradient import GeneralizedGradient

#: Of the size of the picture: less than this is 0.
_NOTHING = 1e-9


def gradients(G: GeneralizedGradient, gradient: Any = None, *, plane: Any = None, ax: Axes | None = None) -> Axes:
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
    marks = _Marks(G.least, flat, answer)
    if solid:
        return _solid(G, marks, ax)
    ax = axes(ax)
    used = colours(ax)
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
    points = G.dots
    single = points is not None and len(points) == 1
    label = "Clarke generalized gradient" + (": one point" if single else ", projected" if projected else "")
    _fill(ax, corners, label if G.exact else label + ", as far as known")
    if points is not None and not single:
        dots: dict[str, Any] = {"color": used.true, "markersize": 5, "linestyle": "none"}
        ax.plot(*(points @ view.T).T, "o", zorder=4, label="limiting gradients", **dots)
    hidden = _Hidden(corners, projected)
    for point, style, name in marks.all(ax, lambda point: hidden(view @ point)):
        ax.plot(*(view @ point), linestyle="none", label=name, zorder=5, **style)
    _draw_zero(ax, G.is_stationary() is False and hidden(np.zeros(2)))
    ax.set_xlabel(names[0])
    ax.set_ylabel(names[1])
    if size == 1:
        ax.set_yticks([])
        ax.set_ylim(-1, 1)
        ax.margins(x=0.2)
    else:
        ax.set_aspect("equal", adjustable="datalim")
        ax.margins(0.15)
    ax.grid(color=used.faint, alpha=0.25)
    frame(ax, _title(G) + (", projected" if projected else ""))
    legend(ax)
    return ax


class _Marks:
    """The element of least norm and the vector of a tool, as they are drawn."""

    def __init__(self, least: Array, flat: Array | None, inside: bool | None) -> None:
        self.least, self.flat, self.inside = least, flat, inside

    def all(self, ax: Axes, hidden: Callable[[Array], bool]) -> list[tuple[Array, dict[str, Any], str]]:
        """Each with its style and its name, which says where a projection hides that it lies outside."""
        used = colours(ax)
        ring = {"marker": "o", "markersize": 12, "markerfacecolor": "none", "markeredgecolor": used.third, "mew": 2}
        found = [(self.least, ring, f"least-norm element {vector(self.least)}")]
        if self.flat is not None and np.isfinite(self.flat).all():
            said = {True: "inside", False: "outside", None: "not decided"}[self.inside]
            if self.inside is False and hidden(self.flat):
                said += ", hidden by the projection"
            cross = {"marker": "X", "markersize": 10, "markerfacecolor": used.tool, "markeredgecolor": used.ground}
            found.append((self.flat, cross, f"tool's gradient {vector(self.flat)}: {said}"))
        return found


@dataclass(frozen=True, eq=False)
class _Hidden:
    """Whether a point of the plane lies in a projection of the set, where one outside of it may, too."""

    corners: Array
    projected: bool

    def __call__(self, point: Array) -> bool:
        if not self.projected:
            return False
        sides = np.roll(self.corners, -1, axis=0) - self.corners
        lengths = np.linalg.norm(sides, axis=1)
        along = sides[lengths > 0] / lengths[lengths > 0, None]
        # A convex polygon is left across one of its sides; one that is flat or a point also along one, or anywhere.
        half = np.concatenate([along, along[:, ::-1] * [1.0, -1.0], np.eye(2)])
        directions = np.concatenate([half, -half])
        reach = (directions @ self.corners.T).max(axis=1)
        size = np.abs(np.r_[self.corners, point[None]]).max(initial=0.0)
        return bool((directions @ point <= reach + _NOTHING * size).all())


def _draw_zero(ax: Axes, hidden: bool) -> None:
    """A cross at 0; one that lies outside and is projected into the picture of the set says so."""
    used = colours(ax)
    colour, name = (used.faint, "0 (outside)") if hidden else (used.ink, "0")
    label = "0: outside, hidden by the projection" if hidden else "_0"
    ax.plot(0, 0, "+", color=colour, markersize=12, markeredgewidth=1.5, linestyle="none", label=label, zorder=3)
    ax.annotate(name, (0, 0), (6, -11), textcoords="offset points", fontsize=9, color=used.ink)


def _fill(ax: Axes, corners: Array, label: str) -> None:
    """The polygon; a segment or a point is named by what is seen of it."""
    patches = require("matplotlib.patches", "plot")
    colour = colours(ax).true
    flat = len(corners) < 3
    ax.add_patch(patches.Polygon(
        corners, closed=True, facecolor=colour, edgecolor=colour, alpha=0.25, linewidth=0,
        label="_" if flat else label, zorder=1,
    ))
    outline = np.r_[corners, corners[:1]]
    seen: dict[str, Any] = {"marker": "o", "linestyle": "none"} if len(corners) == 1 else {"linewidth": 2.5}
    ax.plot(*outline.T, color=colour, zorder=2, label=label if flat else "_", **seen)


def _solid(G: GeneralizedGradient, marks: _Marks, ax: Axes | None) -> Axes:
    """The polytope itself, in three dimensions, whatever dimension it has."""
    art = require("mpl_toolkits.mplot3d.art3d", "plot")
    space: Any = axes(ax, "3d")
    points = G.surface
    faces, edges = _faces(points), 1.5 if G.dots is not None else 0.1
    used = colours(space)
    name = "Clarke generalized gradient" + (": one point" if len(points) == 1 else "")
    space.add_collection3d(art.Poly3DCollection(
        faces, facecolor=used.true, edgecolor=used.true, alpha=0.22, linewidth=edges,
        label="_" if len(points) == 1 else name,
    ))
    if G.dots is not None:
        dots = name if len(points) == 1 else "vertices"
        space.plot(*points.T, "o", color=used.true, markersize=5, linestyle="none", label=dots)
    for point, style, name in marks.all(space, lambda _: False):
        space.plot(*point[:, None], linestyle="none", label=name, **style)
    space.plot([0], [0], [0], "+", color=used.ink, markersize=12, markeredgewidth=1.5, linestyle="none", label="0")
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
