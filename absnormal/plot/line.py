"""f along a line: its graph, its one-sided slopes at x, and the slope that a tool's gradient promises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal._optional import require
from absnormal.arrays import Array
from absnormal.errors import AbsNormalError
from absnormal.plot.style import axes, colours, frame, legend
from absnormal.report.explanation import excess
from absnormal.report.plain import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from absnormal.report.report import Report

_SAMPLES = 201


def line(report: Report, direction: Any = None, *, radius: float = 1.0, ax: Axes | None = None) -> Axes:
    """t -> f(x + t d), with the slopes of f to the left and to the right of t = 0 and the slope g . d of the tool.

    The one-sided slopes are those of f itself: f is directionally differentiable, with the derivative of its
    piecewise-linear model (Griewank 2013).

    Parameters
    ----------
    report
        of `absnormal.verify`
    direction
        d, in the structure of x; by default the one in which a wrong gradient is wrong, else the tool's gradient, else
        the first variable
    radius
        how far t goes to both sides
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
    ValueError
        for the direction 0, or a radius that is not positive

    Examples
    --------
    >>> import absnormal as an
    >>> from absnormal import gallery
    >>> ax = an.plot.line(an.verify(gallery.identity, [0.0], slope=-1), [1.0])
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['f', 'slope of f to the left: 1', 'slope of f to the right: 1', "slope of the tool's gradient: 0"]
    """
    program = report.program
    if not radius > 0:
        raise ValueError(f"radius must be positive, got {radius!r}")
    d, name = _direction(report, direction)
    x = np.concatenate([np.asarray(leaf, dtype=float).reshape(-1) for leaf in program.inputs(report.tool.values)])
    left, right = (side * float(report.tool.directional(side * d).dy[0]) + 0.0 for side in (-1.0, 1.0))
    promised = float(np.asarray(report.flat_gradient, dtype=float) @ d) + 0.0
    times = np.linspace(-radius, radius, _SAMPLES)
    values = np.array([_value(report, x + t * d) for t in times])
    middle = float(report.tool.y[0])
    ax = axes(ax)
    used = colours(ax)
    ax.plot(times, values, color=used.ink, linewidth=2.5, label="f", zorder=2)
    half = 0.6 * radius
    broad: dict[str, Any] = {"linewidth": 5, "alpha": 0.55, "solid_capstyle": "butt", "zorder": 3}
    ax.plot([-half, 0], [middle - left * half, middle], color=used.true,
            label=f"slope of f to the left: {number(left)}", **broad)
    ax.plot([0, half], [middle, middle + right * half], color=used.third,
            label=f"slope of f to the right: {number(right)}", **broad)
    if np.isfinite(promised):
        ax.plot([-half, half], [middle - promised * half, middle + promised * half], "--", color=used.tool, linewidth=2,
                label=f"slope of the tool's gradient: {number(promised)}", zorder=4)
    ax.plot(0, middle, "o", color=used.ink, markersize=6, zorder=5)
    ax.axvline(0, color=used.faint, linewidth=0.8, zorder=1)
    ax.xaxis.set_major_locator(require("matplotlib.ticker", "plot").MaxNLocator(5))
    ax.set_xlabel(f"t, along {name}")
    ax.set_ylabel("f(x + t d)")
    frame(ax, f"{report.verdict.name} by {report.method}")
    legend(ax)
    return ax


def _direction(report: Report, direction: Any) -> tuple[Array, str]:
    tree = report.program.tree
    if direction is not None:
        d = np.asarray(tree.flatten(direction, "direction"), dtype=float)
        if not d.any():
            raise ValueError("direction must not be 0")
        return d, "d"
    if tree.size == 1:
        return np.ones(1), tree.entry(0)
    wrong = excess(report)
    if wrong is not None:
        return wrong.direction, "the direction of excess slope"
    gradient = np.asarray(report.flat_gradient, dtype=float)
    if gradient.any() and np.isfinite(gradient).all():
        return gradient / np.linalg.norm(gradient), "the tool's gradient, normalised"
    return np.eye(1, tree.size)[0], tree.entry(0)


def _value(report: Report, x: Array) -> float:
    """f at x; NaN where the traced program does not hold."""
    try:
        return float(report.program(x))
    except AbsNormalError:
        return float("nan")
