"""The verdicts of a sweep, point after point."""

from __future__ import annotations

from typing import TYPE_CHECKING

from absnormal._optional import require
from absnormal.plot.style import Colours, axes, colours, frame, legend
from absnormal.report.history import ORDER
from absnormal.report.record import ERROR
from absnormal.report.verdict import Verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from absnormal.batch.stream import Sweep

#: The height of the strip of verdicts under the axis, of the tallest bar.
_STRIP = 0.08


def verdicts(sweep: Sweep, *, ax: Axes | None = None) -> Axes:
    """How many switches were active at the points of a sweep, coloured by the worst verdict there.

    It shows the records that were read so far.  Past 512 points a bar stands for several ones: for the most switches
    that were active at one of them, and for the worst verdict.  The strip below the axis has the same colours, so that
    points without an active switch are seen, too.

    Parameters
    ----------
    sweep
        of `absnormal.sweep`
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

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> f = lambda x: np.maximum(x[0], 0) - np.maximum(-x[0], 0)
    >>> sweep = an.sweep(f, np.linspace(-1, 1, 5)[:, None], slope=-1)
    >>> records = list(sweep)
    >>> ax = an.plot.verdicts(sweep)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['1 NOT_CLARKE', '4 CLARKE']
    """
    patches = require("matplotlib.patches", "plot")
    ticker = require("matplotlib.ticker", "plot")
    ax = axes(ax)
    history, counts = sweep.history, sweep.summary.verdicts
    shades = _shades(colours(ax))
    tallest = max([interval.active for interval in history.intervals.values()], default=0) or 1
    for number, interval in sorted(history.intervals.items()):
        shade, left = shades[interval.worst], number * history.width - 0.5
        for height in (interval.active, -_STRIP * tallest):
            ax.bar(left, height, width=history.width, align="edge", color=shade, linewidth=0)
    ax.axhline(0, color=colours(ax).faint, linewidth=0.8)
    ax.set_ylim(-_STRIP * tallest, 1.05 * tallest)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(ticker.MaxNLocator(integer=True))
    ax.set_xlabel("number of the point")
    ax.set_ylabel("active switches" if history.width == 1 else f"active switches, the most of {history.width} points")
    total = sum(counts.values())
    frame(ax, "1 record" if total == 1 else f"{total} records")
    met = [verdict for verdict in ORDER if counts[verdict]]
    legend(ax, [patches.Patch(color=shades[verdict], label=f"{counts[verdict]} {verdict}") for verdict in met])
    return ax


def _shades(used: Colours) -> dict[str, str]:
    return {
        Verdict.CLARKE.name: used.true, Verdict.NOT_CLARKE.name: used.tool, Verdict.UNDECIDED.name: used.faint,
        ERROR: used.ink,
    }
