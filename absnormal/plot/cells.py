"""Around a point: kink lines, cells coloured by gradient, the step a tool takes and the true steepest descent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal._optional import require
from absnormal.arrays import Array
from absnormal.errors import BudgetError
from absnormal.plot import plane as planes
from absnormal.plot.arrangement import Cell, Kink, arrangement
from absnormal.plot.line import line
from absnormal.plot.style import axes, colours, frame, legend, mixed, vector
from absnormal.plot.words import Words, name_cells, name_kinks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from absnormal.clarke.generalized_gradient import GeneralizedGradient
    from absnormal.report.report import Report

#: Active switches whose rows are looked at for a plane.
_ROWS = 64
#: The longest arrow, of the radius.
_ARROW = 0.62
#: Of the size of the set: a shorter vector is 0.
_NOTHING = 1e-9


def cells(report: Report, *, plane: Any = None, radius: float = 1.0, ax: Axes | None = None) -> Axes:
    """The piecewise-linear model of f around x: its kinks, its gradients, and where a descent step leads.

    For piecewise-linear functions the model is the function.  Cells with the same gradient have the same colour.  The
    arrows are minus the gradient of the tool and minus the element of least norm of dC f(x), the steepest descent, in
    one scale.  A function of one variable is drawn as a graph.

    Parameters
    ----------
    report
        of `absnormal.verify`
    plane
        two entries of x by number, or two directions in the structure of x; by default the variables where there are
        two, otherwise a plane that shows a wrong gradient wrong
    radius
        half the width of the square around x
    ax
        matplotlib axes to draw on

    Returns
    -------
    matplotlib.axes.Axes
        on which it was drawn

    Raises
    ------
    ImportError
        where matplotlib is missing
    BudgetError
        where there are more cells than a picture can show
    ValueError
        for a plane that is none, or a radius that is not positive

    Examples
    --------
    >>> import absnormal as an
    >>> from absnormal import gallery
    >>> report = an.verify(gallery.coupled_abs, [0.0, 0.0], slope=0)
    >>> ax = an.plot.cells(report)
    >>> len(ax.collections[0].get_paths()), ax.get_xlabel(), ax.get_ylabel()
    (6, 'x[0]', 'x[1]')
    """
    if not radius > 0:
        raise ValueError(f"radius must be positive, got {radius!r}")
    program = report.program
    if program.n == 1:
        return line(report, radius=radius, ax=ax)
    x = np.concatenate([leaf.reshape(-1) for leaf in program.inputs(report.tool.values)])
    form = program.abs_normal_form(x)
    active = report.tool.alpha[:_ROWS]
    G = _set(report, x)
    if plane is None:
        chosen = planes.of_report(report, form.Z[active].toarray(), None if G is None else -_clean(G.least, G))
    else:
        chosen = planes.given(program.tree, plane)
    found, kinks = arrangement(form, chosen.axes, radius)
    ax = axes(ax)
    _draw_cells(ax, found)
    _draw_kinks(ax, kinks, set(report.problem.sweeps.alpha.tolist()), radius)
    steps, tips = _draw_steps(ax, report, G, chosen.axes, radius)
    words = Words(ax, tips, radius)
    name_kinks(words, kinks)
    name_cells(words, found)
    ax.plot(0, 0, "o", color=colours(ax).ink, markersize=6, zorder=6)
    ax.set_xlim(-radius, radius)
    ax.set_ylim(-radius, radius)
    ax.set_aspect("equal")
    _ticks(ax, x, chosen.axes)
    ax.set_xlabel(chosen.names[0])
    ax.set_ylabel(chosen.names[1])
    model = "" if program.is_piecewise_linear else ", piecewise-linear model"
    frame(ax, f"{report.verdict.name} by {report.method}{model}")
    kink_lines = [artist for artist in ax.collections if str(artist.get_label()).endswith(("kinks", "kinks at x"))]
    legend(ax, kink_lines + steps)
    return ax


def _set(report: Report, x: Array) -> GeneralizedGradient | None:
    """dC f(x), or None where it is too large."""
    from absnormal.verify import generalized_gradient

    try:
        return generalized_gradient(report.program, x, atol=report.tool.atol)
    except BudgetError:
        return None


def _clean(vector: Array, G: GeneralizedGradient) -> Array:
    """A vector without entries that are nothing beside the set."""
    return np.where(np.abs(vector) <= _NOTHING * G.size, 0.0, vector)


def _draw_cells(ax: Axes, found: list[Cell]) -> None:
    matplotlib = require("matplotlib", "plot")
    collections = require("matplotlib.collections", "plot")
    gradients = np.stack([cell.gradient for cell in found])
    size = max(float(np.abs(gradients).max()), 1e-300)
    _, kinds = np.unique(np.round(gradients / size, 9), axis=0, return_inverse=True)
    count = kinds.max() + 1
    shades = matplotlib.colormaps["cividis"](np.linspace(0, 1, count) if count > 1 else [0.6])
    # Towards the ground, so that words and arrows read on every cell.
    used = colours(ax)
    pale = np.array([mixed(shade[:3], used.ground, used.share) for shade in shades])
    patches = collections.PolyCollection(
        [cell.corners for cell in found], facecolors=pale[kinds.reshape(-1)], edgecolors="none", zorder=1
    )
    ax.add_collection(patches)


def _draw_kinks(ax: Axes, kinks: list[Kink], active: set[int], radius: float) -> None:
    """Kinks of active switches that go through x, and the others."""
    collections = require("matplotlib.collections", "plot")
    used = colours(ax)
    through = [bool(active & {*kink.switches}) and _distance(kink.ends) <= 1e-6 * radius for kink in kinks]
    for kind, colour, width, name in ((True, used.ink, 2.0, "kinks at x"), (False, used.faint, 1.2, "other kinks")):
        own = [kink.ends for kink, at in zip(kinks, through, strict=True) if at is kind]
        if own:
            ax.add_collection(collections.LineCollection(own, colors=colour, linewidths=width, label=name, zorder=3))


def _distance(ends: Array) -> float:
    """From 0 to a segment."""
    a, b = ends
    step = b - a
    t = float(np.clip(-(a @ step) / (step @ step), 0.0, 1.0)) if step.any() else 0.0
    return float(np.linalg.norm(a + t * step))


def _draw_steps(ax: Axes, report: Report, G: GeneralizedGradient | None, frame_axes: Array, radius: float) -> Any:
    """Minus the tool's gradient and minus the least-norm element, in one scale; a ring where there is none.

    Returns the entries of the legend and the tips of the arrows.
    """
    lines = require("matplotlib.lines", "plot")
    judged = np.asarray(report.flat_gradient, dtype=float)
    used = colours(ax)
    steps = [(-judged, used.tool, "tool's descent step")]
    if G is not None:
        name = "steepest descent" if G.exact else "steepest descent, as far as known"
        steps.append((-_clean(G.least, G), used.true, name))
    steps = [step for step in steps if np.isfinite(step[0]).all()]
    size = max((float(np.linalg.norm(step)) for step, *_ in steps), default=0.0)
    seen = [frame_axes @ step for step, *_ in steps]
    longest = max((float(np.linalg.norm(arrow)) for arrow in seen), default=0.0)
    handles, tips = [], []
    for k, (arrow, (step, colour, name)) in enumerate(zip(seen, steps, strict=True)):
        label = f"{name} {vector(step)}"
        if np.linalg.norm(arrow) > _NOTHING * size:
            # The second one is thinner, so that both are seen where they agree.
            a, b = _ARROW * radius / longest * arrow
            tips.append(np.array([a, b]))
            ax.quiver(
                0, 0, a, b, angles="xy", scale_units="xy", scale=1, color=colour, width=0.016 - 0.007 * k,
                edgecolor=used.ground, linewidth=0.6, label=label, zorder=7 + k,
            )
            handles.append(lines.Line2D([], [], color=colour, linewidth=3, marker=">", markersize=7, label=label))
        else:
            label += ": none" if not step.any() else ", orthogonal to the plane"
            ring: dict[str, Any] = {"marker": "o", "markerfacecolor": "none", "markeredgecolor": colour, "mew": 2}
            ax.plot(0, 0, linestyle="none", markersize=13 + 6 * k, label=label, zorder=6, **ring)
            handles.append(lines.Line2D([], [], linestyle="none", markersize=9, label=label, **ring))
    return handles, tips


def _ticks(ax: Axes, x: Array, frame_axes: Array) -> None:
    """Ticks say the values of the variables where the axes are variables."""
    ticker = require("matplotlib.ticker", "plot")
    for axis, direction in zip((ax.xaxis, ax.yaxis), frame_axes, strict=True):
        positions = np.flatnonzero(direction)
        shift = float(x[positions[0]]) if len(positions) == 1 and direction[positions[0]] == 1 else 0.0
        axis.set_major_locator(ticker.MaxNLocator(4, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(ticker.FuncFormatter(lambda t, _, shift=shift: f"{t + shift:.4g}"))
