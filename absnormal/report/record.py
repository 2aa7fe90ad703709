"""A verdict in one JSON line: what a sweep, a command and a test run keep of a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from absnormal.errors import AbsNormalError
from absnormal.program.nodes import Source
from absnormal.report.explanation import excess, sentences
from absnormal.report.plain import data
from absnormal.report.raised import in_one_line, raised_at
from absnormal.report.report import Report
from absnormal.report.verdict import Verdict

#: The verdict of a point at which f cannot be analysed.
ERROR = "ERROR"
#: Lines that a record names.
_LINES = 8


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the user's code: its file and number, its text, the operation with its count of switches."""

    path: str
    line: int
    text: str
    operation: str
    count: int

    @property
    def place(self) -> str:
        """The file and the number in short: "model.py:4"; "" where no line is known."""
        return str(Source(self.path, self.line)) if self.path else ""


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept of a verdict at one of many points.

    Attributes
    ----------
    index
        the number of the point
    verdict
        "CLARKE", "NOT_CLARKE", "UNDECIDED", or "ERROR" where f cannot be analysed at the point
    method
        the theorem that decided; the kind of the error
    reason
        why, in the user's words; "" for CLARKE
    active, switches
        the number of active switches and of all
    excess
        how much more slope the gradient predicts in some direction than any Clarke gradient has; 0.0 where that is not
        known
    lines
        the lines of the user's code that are behind it, the first few; none for CLARKE
    t
        where on the segment from the point before the kink lies, in [0, 1]; None for a point itself
    x
        the point, where it is on a kink that was searched for: numbers, or fractions as text
    digest
        of the point, so that a file of records is continued with the points it was begun with
    constant
        whether f, as it ran, does not depend on x at all

    Examples
    --------
    >>> import absnormal as an
    >>> from absnormal import gallery
    >>> found = record(an.verify(gallery.identity, [0.0], slope=-1))
    >>> found.verdict, found.method, found.excess, [line.operation for line in found.lines]
    ('NOT_CLARKE', 'separation', 1.0, ['np.maximum'])
    >>> Record.from_dict(found.to_dict()) == found
    True
    """

    index: int
    verdict: str
    method: str
    reason: str = ""
    active: int = 0
    switches: int = 0
    excess: float = 0.0
    lines: tuple[Line, ...] = field(default=())
    t: float | None = None
    x: Any = None
    digest: str = ""
    constant: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain data that `json.dumps` takes."""
        return {**{name: data(value) for name, value in asdict(self).items()}, "excess": self.excess}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Record:
        """The inverse of `to_dict`."""
        found = cls(**values)
        return replace(found, lines=tuple(Line(**line) for line in values["lines"]))


def record(report: Report, index: int = 0) -> Record:
    """The record of a report."""
    proved = report.verdict is Verdict.CLARKE
    wrong = excess(report) if report.verdict is Verdict.NOT_CLARKE else None
    return Record(
        index=index, verdict=report.verdict.name, method=report.method,
        reason="" if proved else ". ".join(sentences(report)),
        active=len(report.problem.sweeps.alpha), switches=report.program.s,
        excess=0.0 if wrong is None else wrong.predicted - wrong.highest,
        lines=tuple(Line(group.path, group.number, group.line, group.operation, group.count)
                    for group in report.culprits[:_LINES]),
        constant=not report.program.nodes[report.program.output].varied,
    )  # fmt: skip


def record_of_error(error: BaseException, index: int = 0) -> Record:
    """The record of a point at which f cannot be analysed."""
    named = getattr(error, "source", None) if isinstance(error, AbsNormalError) else None
    source = named or raised_at(error)
    operation = getattr(error, "operation", "") if named is not None else type(error).__name__
    lines = () if source is None else (Line(source.file, source.line, source.text, operation, 0),)
    return Record(index, ERROR, type(error).__name__, in_one_line(error), lines=lines)
