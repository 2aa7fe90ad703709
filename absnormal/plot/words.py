"""Words in a square picture, each where it covers neither other words nor an arrow; where there is no room, none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal.arrays import Array
from absnormal.plot.style import colours, vector

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from absnormal.plot.arrangement import Cell, Kink

#: Cells up to which each says its gradient, and kinks up to which each says its switches.
_CELLS, _KINKS = 10, 6
#: Half the width of a letter and half the height of a line, of the radius.
_LETTER, _LINE = 0.022, 0.055
#: What an arrow keeps free on both sides, of the radius.
_AROUND = 0.05


class Words:
    """The words in the square of half width ``radius``, and what they must not cover: arrows from 0 to ``tips``."""

    def __init__(self, ax: Axes, tips: list[Array], radius: float) -> None:
        self.ax, self.radius = ax, radius
        self.boxes = [(share * tip, np.full(2, _AROUND * radius)) for tip in tips for share in np.linspace(0.1, 1, 10)]

    def place(self, text: str, places: Iterable[Array], **style: Any) -> None:
        """Write at the first place that is free, moved into the square."""
        half = self.radius * np.array([_LETTER * len(text), _LINE])
        room = 0.98 * self.radius - half
        for wanted in places:
            centre = np.clip(wanted, -room, room)
            if all((np.abs(centre - other) >= half + size).any() for other, size in self.boxes):
                self.boxes.append((centre, half))
                self.ax.text(
                    centre[0], centre[1], text, ha="center", va="center", fontsize=8, zorder=5,
                    color=colours(self.ax).ink, **style,
                )
                return


def name_kinks(words: Words, kinks: list[Kink]) -> None:
    """The switches of each kink line, near its ends; nothing where there are many."""
    ends: dict[tuple[int, ...], list[Array]] = {}
    for kink in kinks:
        ends.setdefault(kink.switches, []).extend(kink.ends)
    used = colours(words.ax)
    box = {"boxstyle": "round,pad=0.15", "facecolor": used.ground, "edgecolor": used.faint, "linewidth": 0.6}
    for switches, points in ends.items() if len(ends) <= _KINKS else ():
        if switches:
            name = ", ".join(f"z{k}" for k in switches[:2]) + (", ..." if len(switches) > 2 else "")
            outward = sorted(points, key=lambda end: -float(np.abs(end).max()))
            words.place(name, [share * end for share in (1.0, 0.7) for end in outward], bbox=box)


def name_cells(words: Words, cells: list[Cell]) -> None:
    """The gradient of each cell, inside it; nothing where there are many."""
    for cell in cells if len(cells) <= _CELLS else ():
        text = vector(cell.gradient)
        chords = [_chord(cell.corners, share) for share in (0.5, 0.7, 0.3, 0.85, 0.15)]
        words.place(text, [middle for middle, width in chords if width >= 2 * _LETTER * len(text) * words.radius])


def _chord(corners: Array, share: float) -> tuple[Array, float]:
    """The middle and the length of the horizontal chord of a convex polygon at a share of its height."""
    a, b = corners, np.roll(corners, -1, axis=0)
    height = corners[:, 1].min() + share * float(np.ptp(corners[:, 1]))
    meeting = (a[:, 1] - height) * (b[:, 1] - height) < 0
    along = (height - a[meeting, 1]) / (b[meeting, 1] - a[meeting, 1])
    ends = a[meeting, 0] + along * (b[meeting, 0] - a[meeting, 0])
    return (np.array([ends.mean(), height]), float(np.ptp(ends))) if ends.size else (corners.mean(axis=0), 0.0)
