"""One table for all benchmarks: a line is a ratio, both sides of it measured in the same run on one thread."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_WIDTHS = (34, 25, 11, 32, 8, 8)


@dataclass(frozen=True)
class Line:
    """What is measured, seconds here and with a peer; ``theirs`` is a word where there is no such time.

    ``target`` is the largest ratio wanted, None where none is; ``slack`` are seconds that do not count.
    """

    what: str
    size: str
    ours: float
    peer: str
    theirs: float | str
    target: float | None = None
    slack: float = 0.0

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs if isinstance(self.theirs, float) else math.nan

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None or not isinstance(self.theirs, float):
            return None
        return self.ours <= self.target * self.theirs + self.slack

    def __str__(self) -> str:
        known = isinstance(self.theirs, float)
        peer = f"{self.peer}: {self.theirs}" if isinstance(self.theirs, str) else f"{self.peer} {readable(self.theirs)}"
        bound = "" if self.target is None else f"{self.target:g}{' + 1 ms' if self.slack else ''}"
        cells = (self.what, self.size, readable(self.ours), peer, f"{self.ratio:.2f}" if known else "-", bound)
        word = {True: "met", False: "MISSED", None: ""}[self.met]
        return " ".join(f"{cell:<{width}}" for cell, width in zip(cells, _WIDTHS, strict=True)) + f" {word}"


@dataclass(frozen=True)
class Growth:
    """The exponent with which a cost grows between the last two sizes.

    ``floor`` are the seconds of one evaluation of f: where its own arrays fall out of a cache, its exponent is what one
    can ask for.
    """

    what: str
    in_what: str
    sizes: Sequence[float]
    seconds: Sequence[float]
    floor: Sequence[float]

    def _exponent(self, seconds: Sequence[float]) -> float:
        return math.log(seconds[-1] / seconds[-2]) / math.log(self.sizes[-1] / self.sizes[-2])

    @property
    def target(self) -> float:
        """Linear, or as f itself, and a tenth for noise."""
        return 0.1 + max(1.0, self._exponent(self.floor))

    @property
    def met(self) -> bool:
        return self._exponent(self.seconds) <= self.target

    def __str__(self) -> str:
        times = ", ".join(f"{size:g}: {readable(time)}" for size, time in zip(self.sizes, self.seconds, strict=True))
        own, floor = self._exponent(self.seconds), self._exponent(self.floor)
        exponents = f"exponent {own:.2f} in {self.in_what} (f: {floor:.2f})"
        return f"{self.what}: {exponents} {'met' if self.met else 'MISSED'}   ({times})"


@dataclass(frozen=True)
class Remark:
    """What is said below a line."""

    said: str
    met: None = None

    def __str__(self) -> str:
        return self.said


def readable(seconds: float) -> str:
    """A time in the unit that fits it."""
    for unit, factor in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= factor:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"


def show(title: str, lines: Iterable[Line | Growth | Remark]) -> list[Line | Growth | Remark]:
    """Print lines as they come."""
    heads = ("what", "size", "ours", "peer", "ratio", "target")
    print(f"\n{title}\n" + " ".join(f"{head:<{width}}" for head, width in zip(heads, _WIDTHS, strict=True)), flush=True)
    shown = []
    for line in lines:
        print(line, flush=True)
        shown.append(line)
    return shown
