"""Is a wrong gradient called CLARKE, and is a right one not?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from absnormal.report.report import Report
from tests.planted.plants import FAULTS, Fault

#: The error in a leaf, relative to its largest entry, beyond which a gradient must not be called CLARKE.
LIMITS = {"float64": 0.05, "float32": 0.05, "bfloat16": 0.2}
#: A leaf whose largest entry in float64 is below this part of the largest of all is zero up to cancellation.
_NOTHING = 1e-9

#: A gradient, leaf by leaf, in the arrays of a tool.
Leaves = Mapping[str, Any]


class Subject(Protocol):
    """A model with weights and data, in a precision, and the ways in which its tool runs a wrong derivative.

    Attributes
    ----------
    ways
        how a fault can be planted
    places
        the number of layers in which it can be
    """

    name: str
    precision: str
    ways: tuple[str, ...]

    @property
    def places(self) -> int: ...

    def gradients(self) -> Leaves:
        """What the tool returns."""

    def exact(self) -> Leaves:
        """The gradient in double precision."""

    def verify(self, gradient: Leaves | None = None) -> tuple[Report, Leaves]:
        """The verdict on what the tool returns, or on a given vector; and the certified gradient."""

    def planted(self, way: str, place: int, fault: Fault) -> AbstractContextManager[Subject]:
        """The model with a fault in one layer."""


@dataclass(frozen=True)
class Outcome:
    """A gradient with what was planted, how wrong it is, and what was said of it."""

    name: str
    precision: str
    plant: str
    error: float
    verdict: str
    certified: float

    def __str__(self) -> str:
        return (f"{self.name:14} {self.precision:9} {self.plant:36} error {self.error:8.2g}  {self.verdict:10}"
                f" certified {self.certified:.2g}")  # fmt: skip


def _numbers(leaf: Any) -> Any:
    """NumPy has no bfloat16 of torch's."""
    return np.asarray(leaf.double() if hasattr(leaf, "double") else leaf, dtype=float)


def _largest(leaf: Any) -> float:
    return float(np.abs(_numbers(leaf)).max())


def sizes(subject: Subject) -> dict[str, float]:
    """The largest entries of the leaves but for those that are zero up to cancellation: a bias before a batch norm."""
    exact = {name: _largest(g) for name, g in subject.exact().items()}
    largest = max(exact.values())
    own = subject.gradients()
    return {name: _largest(own[name]) for name, size in exact.items() if size > _NOTHING * largest}


def error_of(found: Leaves, right: Leaves, scales: Mapping[str, float]) -> float:
    """The largest error in a leaf, relative to its largest entry."""
    return max(_largest(_numbers(found[name]) - _numbers(right[name])) / size for name, size in scales.items())


def judged(
    subject: Subject, plant: str, right: Leaves, scales: Mapping[str, float], gradient: Leaves | None = None
) -> Outcome:
    returned = subject.gradients() if gradient is None else gradient
    report, certified = subject.verify(gradient)
    # At a tie there are other Clarke gradients than the tool's.
    one = not len(report.problem.sweeps.alpha)
    return Outcome(
        subject.name, subject.precision, plant, error_of(returned, right, scales),
        report.verdict.name, error_of(certified, right, scales) if one else 0.0,
    )


def own(subject: Subject) -> Outcome:
    """The gradient of a model as it is."""
    return judged(subject, "none", subject.gradients(), sizes(subject))


def wrong(subject: Subject, few: bool = False) -> Iterator[Outcome]:
    """The gradients of a model with one fault each."""
    right, scales, count = subject.gradients(), sizes(subject), subject.places
    chosen = {0: "first", count // 2: "middle"} | ({} if few else {count - 1: "last"})
    for place, where in chosen.items():
        for number, way in enumerate(subject.ways):
            for kind, (fault, change) in enumerate(FAULTS.items()):
                if few and kind != (number + place) % len(FAULTS):
                    continue
                with subject.planted(way, place, change) as changed:
                    yield judged(changed, f"{way}: {fault}, {where} layer", right, scales)
    for leaf in [*right][:: max(1, len(right) // (2 if few else 6))]:
        for fault, change in FAULTS.items():
            given = {**right, leaf: change(right[leaf])}
            yield judged(subject, f"given: {fault} in {leaf}", right, scales, given)


def faults_of(outcome: Outcome) -> list[str]:
    """What is wrong with what was said."""
    found = []
    if outcome.verdict == "CLARKE" and outcome.error > LIMITS[outcome.precision]:
        found.append("a wrong gradient is called CLARKE")
    if outcome.verdict == "NOT_CLARKE" and outcome.plant == "none":
        found.append("the model's own gradient is called NOT_CLARKE")
    if outcome.verdict == "UNDECIDED" and outcome.plant == "none" and outcome.precision != "bfloat16":
        found.append("the model's own gradient is left open")
    if outcome.certified > LIMITS[outcome.precision]:
        found.append("the certified gradient is wrong")
    return found
