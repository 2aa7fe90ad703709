"""What a worker of a sweep does: verdicts at a few points, with Programs that were traced once."""

from __future__ import annotations

import functools
import pickle
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from absnormal import __version__
from absnormal.batch.origin import digest, origin
from absnormal.batch.screening import FrameworkScreen, Screen, fits
from absnormal.errors import AbsNormalError, GuardError
from absnormal.frontends.frameworks import plain, traced_call
from absnormal.frontends.points import arrays, framework
from absnormal.kinks.segment import find_kink
from absnormal.program.program import Program
from absnormal.program.tree import Tree
from absnormal.report.plain import data
from absnormal.report.record import Record, record, record_of_error
from absnormal.verify import verify

#: The options of `absnormal.verify` that a sweep passes on.
OPTIONS = frozenset({"slope", "exact", "atol", "budget", "seed"})
#: Points with at most this many entries are written into the records of kinks.
_WRITTEN = 1_000
#: Programs of one function that are kept: one a shape and a combination of branches.
_PROGRAMS = 16

#: A point with its number and, where kinks are looked for, the point before it.
Item = tuple[int, Any, Any]


class Work:
    """A function to be verified at many points, with its Programs; it pickles, without a function that does not.

    Parameters
    ----------
    f
        a function or a `Program`
    kinks
        whether the kinks on the way from one point to the next are judged too
    options
        of `absnormal.verify`
    """

    def __init__(self, f: Any, kinks: bool, options: dict[str, Any]) -> None:
        self.f = None if isinstance(f, Program) else f
        self.programs: list[Program] = [f] if isinstance(f, Program) else []
        self.kinks, self.options = kinks, options
        #: False where the function did not come along.
        self.whole = True
        self._sent: tuple[list[Program], bytes] | None = None

    def __reduce__(self) -> tuple[Any, tuple[bytes]]:
        if self._sent is None or self._sent[0] is not self.programs:
            f = self._function
            state = {"f": f, "whole": f is self.f, "programs": self.programs, "kinks": self.kinks,
                     "options": self.options, "_sent": None}  # fmt: skip
            self._sent = self.programs, pickle.dumps(state)
        return _arrived, (self._sent[1],)

    @cached_property
    def _function(self) -> Any:
        """The function, or None where it does not pickle."""
        try:
            pickle.dumps(self.f)
        except Exception:
            return None
        return self.f

    @property
    def head(self) -> dict[str, Any]:
        """What records must agree in to be continued: the function, the options, the version of the package."""
        plain = {key: repr(value) if key == "budget" else data(value) for key, value in sorted(self.options.items())}
        made = origin(self.programs[0] if self.f is None else self.f)
        return {**made, "options": {"kinks": self.kinks, **plain}, "version": __version__}

    def task(self, items: list[Item]) -> Task:
        """The work on a few points; a NumPy function is traced here when it meets a new shape."""
        seen: set[tuple[int, ...]] = set()
        for _, _, point in items:
            if type(point) is np.ndarray:
                if point.shape in seen:
                    continue
                seen.add(point.shape)
            if self.f is not None and not framework(point) and not self._fitting(point):
                try:
                    self._trace(point)
                except KeyboardInterrupt:
                    raise
                except BaseException:
                    # The worker meets the same error, and records it.
                    continue
        return Task(self, items)

    def known(self, items: list[Item]) -> list[Record | None]:
        """The records of the points of a chunk at which no kink is active, as far as all points together tell."""
        points = [point for _, _, point in items]

        def alone(number: int) -> Record:
            return self._record(items[number][0], items[number][2])

        if not all(type(point) is np.ndarray for point in points):
            of_frameworks = [bool(framework(point)) for point in points]
            if self.f is not None and any(of_frameworks):
                return self._of_framework.records(points, alone) if all(of_frameworks) else [None] * len(items)
            points = [plain(p) if converted else p for p, converted in zip(points, of_frameworks, strict=True)]
        if self.options.get("exact") or not self.programs:
            return [None] * len(items)
        return self._screen.records(self.programs, points, alone)

    @cached_property
    def _screen(self) -> Screen:
        return Screen(self.options.get("atol", 0.0))

    @cached_property
    def _of_framework(self) -> FrameworkScreen:
        return FrameworkScreen(self.f, self.options)

    def judge(self, item: Item, known: Record | None = None) -> list[Record]:
        """The records of a point: those of the kinks on the way to it, then its own, where it is not ``known`` yet.

        Raises
        ------
        GuardError
            where the function is needed, and only Programs have come along
        """
        index, before, point = item
        records: list[Record] = []
        if before is not None:
            records = self._on_the_way(index, before, point)
        own = self._record(index, point) if known is None else known
        return [*records, replace(own, index=index, digest=digest(point))]

    def _record(self, index: int, point: Any) -> Record:
        try:
            return record(self._report(point), index)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit too: a function that leaves has no verdict
            if isinstance(error, GuardError) and not self.whole:
                raise
            return record_of_error(error, index)

    def _report(self, point: Any) -> Any:
        if self.f is not None and framework(point):
            return verify(self.f, point, **self.options)
        for program in self._fitting(point):
            try:
                return verify(program, point, **self.options)
            except GuardError:
                continue
            except AbsNormalError:
                # A root, or another kink, that was none where the program was traced.
                if self.f is None and self.whole:
                    raise
        if self.f is None:
            problem = "another branch, or shape, is met at this point than where the program was traced"
            raise GuardError("f", problem, "sweep the function in place of its Program")
        return verify(self.programs[-1] if self._trace(point) else self.f, point, **self.options)

    def _trace(self, point: Any) -> bool:
        """Trace the function at a point, for other points too; a Program is not always what a tool runs."""
        call = traced_call(self.f, point)
        kept = call.is_what_a_tool_runs and not call.here_only
        if kept:
            self._remember(call.program)
        return kept

    def _on_the_way(self, index: int, before: Any, point: Any) -> list[Record]:
        if not self.whole and (not self.programs or self.programs[-1].guards):
            raise GuardError("f", "may take other branches on the way to this point", "use a function that pickles")
        source = self.f if self.f is not None else self.programs[-1]
        try:
            kinks = find_kink(source, before, point)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return [replace(record_of_error(error, index), t=0.0)]
        return [
            replace(self._record(index, kink.x), t=float(kink.t), x=written(kink.x))
            for kink in kinks if 0 < kink.t < 1 and (kink.landed or not isinstance(kink.t, float))
        ]

    def _fitting(self, point: Any) -> list[Program]:
        tree, _ = Tree.of(point)
        return [program for program in self.programs if fits(program, tree)]

    def _remember(self, program: Program) -> None:
        self.programs = [*self.programs[-_PROGRAMS + 1 :], program]


@functools.lru_cache(maxsize=4)
def _arrived(state: bytes) -> Work:
    """The work in a worker: the same for all its chunks, so that what is known of a Program is kept."""
    work = Work.__new__(Work)
    work.__dict__.update(pickle.loads(state))
    return work


@dataclass(frozen=True)
class Task:
    """A few points and the work on them."""

    work: Work
    items: list[Item]


def judge(task: Task) -> list[list[Record] | None]:
    """The records of every point; None for one that needs the function, which did not come along."""
    groups: list[list[Record] | None] = []
    for item, known in zip(task.items, task.work.known(task.items), strict=True):
        try:
            groups.append(task.work.judge(item, known))
        except GuardError:
            groups.append(None)
    return groups


def written(x: Any) -> Any:
    """A point as plain data; None where it is long."""
    leaves = arrays(x)
    return data(leaves[0] if framework(x) else x) if sum(leaf.size for leaf in leaves) <= _WRITTEN else None
