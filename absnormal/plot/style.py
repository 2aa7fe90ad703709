"""What all pictures share: axes, colours, legends, names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal._optional import require
from absnormal.arrays import Array
from absnormal.report.plain import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Okabe and Ito, Color Universal Design, 2008: what is true, what a tool says, and a third.
TRUE, TOOL, THIRD = "#0072B2", "#D55E00", "#009E73"
INK, FAINT = "#222222", "#888888"

_SIZE = (5.4, 4.8)
_ENTRIES = 4


def axes(ax: Axes | None, projection: str | None = None) -> Axes:
    """``ax``, or that of a new figure."""
    if ax is not None:
        return ax
    plt = require("matplotlib.pyplot", "plot")
    options = {} if projection is None else {"projection": projection}
    new: Axes = plt.figure(figsize=_SIZE, layout="constrained").add_subplot(**options)
    return new


def legend(ax: Axes, handles: list[Any] | None = None) -> None:
    """Below the picture, where it covers nothing."""
    options: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14), "frameon": False, "fontsize": 9}
    if handles is None:
        ax.legend(**options)
    else:
        ax.legend(handles=handles, **options)


def frame(ax: Axes, title: str) -> None:
    """A title and a quiet frame."""
    ax.set_title(title, fontsize=11)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def vector(values: Array) -> str:
    """A vector in round brackets, rounded; the length of a long one."""
    if len(values) > _ENTRIES:
        return f"of length {number(float(np.linalg.norm(values)))}"
    entries = ", ".join(f"{float(value):.3g}" for value in np.where(np.abs(values) < 1e-12, 0.0, values))
    return f"({entries})"
