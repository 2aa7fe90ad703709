"""How verdicts follow one another over very many points, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from absnormal.report.record import ERROR, Record
from absnormal.report.verdict import Verdict

#: Intervals that are kept: more than a picture has columns.
_MOST = 512
#: The worst first.
ORDER = (Verdict.NOT_CLARKE.name, ERROR, Verdict.UNDECIDED.name, Verdict.CLARKE.name)


@dataclass(slots=True)
class Interval:
    """Consecutive points: the worst of their verdicts, and the most active switches that one of them had."""

    worst: str
    active: int

    def merge(self, other: Interval) -> None:
        """Take in the points of another one."""
        self.worst = min(self.worst, other.worst, key=ORDER.index)
        self.active = max(self.active, other.active)


@dataclass
class History:
    """The records of a sweep by the number of their point, in intervals of equal width that grow with their number.

    >>> history = History()
    >>> for index in range(2000):
    ...     history.add(Record(index, "CLARKE", "smooth", active=index % 7))
    >>> history.width, len(history.intervals), history.intervals[0].active
    (4, 500, 3)
    """

    width: int = 1
    intervals: dict[int, Interval] = field(default_factory=dict)

    def add(self, found: Record) -> None:
        """Take in one more record."""
        while found.index // self.width >= _MOST:
            self._double()
        self._merge(found.index // self.width, Interval(found.verdict, found.active))

    def _merge(self, number: int, interval: Interval) -> None:
        self.intervals.setdefault(number, interval).merge(interval)

    def _double(self) -> None:
        old, self.intervals = self.intervals, {}
        self.width *= 2
        for number, interval in old.items():
            self._merge(number // 2, interval)
