"""What all pictures share: axes, colours on light and on dark grounds, legends, names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal._optional import require
from absnormal.arrays import Array
from absnormal.report.plain import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Colours:
    """Lines and words, quieter ones, the ground; and what is true, what a tool says, and a third: Okabe and Ito, Color
    Universal Design, 2008."""

    ink: str
    faint: str
    ground: str
    true: str
    tool: str
    third: str
    #: How much of a colour an area has that words are written on; the rest is the ground.
    share: float


LIGHT = Colours("#222222", "#888888", "#ffffff", "#0072B2", "#D55E00", "#009E73", 0.5)
DARK = Colours("#e8e8e8", "#909090", "#161616", "#56B4E9", "#E69F00", "#009E73", 0.35)
#: Of red, green and blue in what an eye takes for bright (ITU-R BT.709).
_BRIGHT = np.array([0.2126, 0.7152, 0.0722])

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


def colours(ax: Axes) -> Colours:
    """Those that read on the ground of the axes: whoever made them wrote their labels in light or in dark."""
    matplotlib = require("matplotlib.colors", "plot")
    label = np.array(matplotlib.to_rgb(ax.xaxis.label.get_color()))
    return DARK if _BRIGHT @ label > 0.5 else LIGHT


def mixed(colour: Any, ground: str, share: float) -> Array:
    """A colour with that share of it on a ground: red, green and blue."""
    matplotlib = require("matplotlib.colors", "plot")
    one, other = (np.array(matplotlib.to_rgb(name)) for name in (colour, ground))
    return np.asarray(share * one + (1 - share) * other)


def legend(ax: Axes, handles: list[Any] | None = None) -> None:
    """Below the picture, where it covers nothing."""
    options: dict[str, Any] = {
        "loc": "upper center", "bbox_to_anchor": (0.5, -0.14), "frameon": False, "fontsize": 9,
        "labelcolor": colours(ax).ink,
    }
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
