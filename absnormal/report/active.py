"""The active switches as a person looks for them: by operation and line of the user's code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.program.nodes import Node, Source
from absnormal.report.plain import interval, number, ranges
from absnormal.sweeps.table import Sweeps


@dataclass(frozen=True)
class Active:
    """The active switches of one operation on one line.

    Attributes
    ----------
    operation
        what the user wrote, for example "np.maximum"
    source
        where, "file.py:12"
    line
        the text of the line; empty when the file cannot be read
    path, number
        the file's whole name and the number of the line; "" and 0 where they are not known
    count, total
        the number of active switches, and of all switches, of this operation on this line
    switches
        their numbers, as ranges: "z0..z2, z5"; the first few
    slopes
        the smallest and the largest slope used for |z| at them; None when the judged vector was given
    values
        the smallest and the largest z; both 0 unless ``atol`` counts more as active
    shape
        of the operation's result; () where a line holds several operations
    """

    operation: str
    source: str
    line: str
    path: str
    number: int
    count: int
    total: int
    switches: str
    slopes: tuple[float, float] | None
    values: tuple[Any, Any]
    shape: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return f"<Active {self}>"

    def __str__(self) -> str:
        where = f" at {self.source}" if self.source else ""
        large = len(self.shape) > 1 and self.total >= 1000
        shape = f" ({' x '.join(map(str, self.shape))})" if large else ""
        text = f"{self.operation}{where}{shape}: {self.count:,} of {self.total:,} active ({self.switches})"
        if self.slopes is not None:
            text += f", slope {interval(*self.slopes)}"
        if any(self.values):
            text += f", |z| up to {number(max(map(abs, self.values)))}"
        return text


def active(sweeps: Sweeps, slopes: Array | None, only: Array | None = None) -> tuple[Active, ...]:
    """The groups, in the order of the program.

    ``slopes`` are those at the active switches; ``only`` names the active switches to be listed, by number.
    """
    groups: dict[tuple[str, Source | None], list[Node]] = {}
    for index in sweeps.program.kinked:
        node = sweeps.program.nodes[index]
        groups.setdefault((node.operation, node.source), []).append(node)
    found = (_group(sweeps, slopes, only, *key, nodes) for key, nodes in groups.items())
    return tuple(group for group in found if group is not None)


def _group(
    sweeps: Sweeps, slopes: Array | None, only: Array | None, operation: str, source: Source | None, nodes: list[Node]
) -> Active | None:
    alpha = sweeps.alpha
    places = [np.arange(*np.searchsorted(alpha, [node.own.start, node.own.stop])) for node in nodes]
    own = np.concatenate(places)
    if only is not None:
        own = own[np.isin(alpha[own], only)]
    if not own.size:
        return None
    z = sweeps.z[alpha[own]]
    used = None if slopes is None else (float(slopes[own].min()), float(slopes[own].max()))
    return Active(
        operation=operation or nodes[0].op,
        source="" if source is None else str(source),
        line="" if source is None else source.text,
        path="" if source is None else source.file,
        number=0 if source is None else source.line,
        count=own.size,
        total=sum(node.switches for node in nodes),
        switches=ranges(alpha[own].tolist()),
        slopes=used,
        values=(z.min(), z.max()),
        shape=nodes[0].shape if len(nodes) == 1 else (),
    )
