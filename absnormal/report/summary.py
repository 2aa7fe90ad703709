"""What many records say together: counts, the worst cases, the lines that are named most often."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from absnormal.report.plain import number
from absnormal.report.record import Record

#: Worst cases and source lines that are kept and shown.
_WORST = 10
_LINES = 10


@dataclass
class Summary:
    """What a sweep has found so far.

    Attributes
    ----------
    verdicts, methods
        how often each verdict, and each theorem (for errors: each kind), was met
    worst
        the records that are not CLARKE with the largest excess, up to ten, largest first
    culprits
        source line -> the number of records, not CLARKE, that name it
    constant
        the number of records of points at which f does not depend on x
    """

    verdicts: Counter[str] = field(default_factory=Counter)
    methods: Counter[str] = field(default_factory=Counter)
    culprits: Counter[str] = field(default_factory=Counter)
    constant: int = 0
    _heap: list[tuple[float, int, Record]] = field(default_factory=list, repr=False)

    def add(self, found: Record) -> None:
        """Count one more record."""
        self.verdicts[found.verdict] += 1
        self.methods[found.method] += 1
        self.constant += found.constant
        if found.verdict == "CLARKE":
            return
        self.culprits.update({f"{line.place}   | {line.text}" if line.text else line.place for line in found.lines})
        heapq.heappush(self._heap, (found.excess, -sum(self.verdicts.values()), found))
        if len(self._heap) > _WORST:
            heapq.heappop(self._heap)

    @property
    def nothing(self) -> str:
        """Why nothing was judged; "" where something was."""
        if not self.verdicts:
            return "nothing was judged: no point, or no kink, was met"
        if self.constant == sum(self.verdicts.values()):
            return "nothing was judged: the result of f does not depend on x"
        return ""

    @property
    def worst(self) -> list[Record]:
        """The worst records, the first of them the worst."""
        return [found for *_, found in sorted(self._heap, reverse=True)]

    def to_dict(self) -> dict[str, Any]:
        """Plain data that `json.dumps` takes."""
        return {
            "points": sum(self.verdicts.values()), "verdicts": dict(self.verdicts.most_common()),
            "methods": dict(self.methods.most_common()), "culprits": dict(self.culprits.most_common(_LINES)),
            "worst": [found.to_dict() for found in self.worst],
        }  # fmt: skip

    def brief(self) -> str:
        """The counts, and the lines that are named most often."""
        total = sum(self.verdicts.values())
        if not total:
            return self.nothing
        records = "1 record" if total == 1 else f"{total} records"
        lines = [f"{records}: {_counted(self.verdicts)}", f"by: {_counted(self.methods)}"]
        if self.culprits:
            lines.append("lines named most often")
            lines += [f"  {count} x {place}" for place, count in self.culprits.most_common(_LINES)]
        return "\n".join(lines)

    def __str__(self) -> str:
        lines = [self.brief(), *(["worst"] if self._heap else [])]
        for found in self.worst:
            where = f"point {found.index}" + ("" if found.t is None else f", kink at t = {number(found.t)}")
            size = f", slope too large by {number(found.excess)}" if found.excess else ""
            lines.append(f"  {found.verdict} at {where}{size}: {found.reason}")
        return "\n".join(lines)


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())
