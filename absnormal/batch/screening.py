"""Points of a sweep that are judged together: those at which certainly no kink is active.

One point is judged by itself, as `absnormal.verify` does.  Where that says that f is smooth there, the other points at
which `absnormal.sweeps.many.clear` finds the same program without an active kink have the same record: the verdict and
the theorem, the counts of switches, and no reason or line.  All other points are judged one by one.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.errors import GuardError
from absnormal.frontends.frameworks import many_calls
from absnormal.frontends.many import ManyCalls
from absnormal.judgement.comparison import tolerance_of
from absnormal.judgement.tolerances import DOUBLE
from absnormal.program.program import Program
from absnormal.program.tree import Tree
from absnormal.report.record import Record
from absnormal.sweeps.conditioning import is_lost
from absnormal.sweeps.many import NoRule, clear, looked_at

#: Numbers in the nodes of a program at all points of a chunk, up to which they are computed together.
_LARGEST = 1 << 22


#: Points from which the gradients of a framework are compiled for all of them.
_MANY = 16


class Screen:
    """What was found about programs: the record of a smooth point, None where they are not screened.

    Parameters
    ----------
    atol
        switches with |z| <= atol are active
    """

    def __init__(self, atol: float) -> None:
        self.atol = atol
        self._known: weakref.WeakKeyDictionary[Program, Record | None] = weakref.WeakKeyDictionary()

    def records(
        self, programs: Sequence[Program], points: Sequence[Any], alone: Callable[[int], Record]
    ) -> list[Record | None]:
        """A record, of any number, for each point at which no kink is active, and None for the others.

        Parameters
        ----------
        programs
            of one function, in the order in which they are tried at a point
        alone
            the record of a point, by its number, when it is judged by itself
        """
        found: list[Record | None] = [None] * len(points)
        flat = stacked(points)
        if flat is None:
            return found
        tree, rows = flat
        left = np.arange(len(points))
        fitting = [program for program in programs if fits(program, tree)]
        for number, program in enumerate(fitting):
            if not len(left):
                break
            for index in left[self._clear(program, rows[left])].tolist():
                if not all(_leaves(earlier, rows[index]) for earlier in fitting[:number]):
                    continue
                if program not in self._known:
                    record = alone(index)
                    self._known[program] = record if _is_smooth(record) else None
                    found[index] = record
                    continue
                found[index] = self._known[program]
            left = np.array([index for index in left.tolist() if found[index] is None], int)
        return found

    def _clear(self, program: Program, rows: Array) -> Array:
        """Whether each of some points is clear; none where a program is not screened."""
        if self._known.get(program, program) is None or program.m != 1 or _is_large(program, len(rows)):
            return np.zeros(len(rows), bool)
        try:
            return clear(program, program.tree.split(rows), self.atol)
        except NoRule:
            self._known[program] = None
            return np.zeros(len(rows), bool)


def _is_smooth(record: Record) -> bool:
    """Whether a record says that f is smooth at its point."""
    return record.verdict == "CLARKE" and record.method == "smooth" and not record.active


def _is_large(program: Program, count: int) -> bool:
    """Whether the numbers of a program at some points are too many to be computed together."""
    return bool(count * sum(np.prod(node.shape, dtype=int) for node in program.nodes if node.varied) > _LARGEST)


def fits(program: Program, tree: Tree) -> bool:
    """Whether a program takes a point: of its structure, or one array of its size."""
    return program.tree == tree or (program.n == tree.size and len(tree.shapes) == 1)


def stacked(points: Sequence[Any]) -> tuple[Tree, Array] | None:
    """The structure of all points, and their numbers, shape (count, n); None where they differ, or are no floats."""
    if {(type(point), getattr(point, "shape", None), getattr(point, "dtype", None)) for point in points} == {
        (np.ndarray, np.shape(points[0]), np.dtype(float))
    }:
        return Tree.of(points[0])[0], np.stack(points).reshape(len(points), -1)
    found: tuple[Tree, Array] | None = None
    try:
        parts = [Tree.of(point) for point in points]
    except (TypeError, ValueError):
        return found
    tree = parts[0][0]
    floats = all(leaf.dtype == np.float64 for _, leaves in parts for leaf in leaves)
    if floats and all(other == tree for other, _ in parts):
        found = tree, np.stack([np.concatenate([leaf.reshape(-1) for leaf in leaves]) for _, leaves in parts])
    return found


def _leaves(program: Program, row: Array) -> bool:
    """Whether a program says that another branch is taken at a point."""
    try:
        program.evaluate(row)
    except GuardError:
        return True
    except Exception:
        return False
    return False


class FrameworkScreen:
    """The same for a function of a framework, whose own gradient is judged at each point.

    The function is traced once.  At a point that is clear in the precisions in which it runs, its plain value is
    compared with that of the program, and the gradient that the framework returns with that of the program, which is
    computed in float64 and has its digits.  Where both are close, that is the gradient of a smooth function, as it is
    found to be at one point that is judged by itself.

    Parameters
    ----------
    f
        the function
    options
        of `absnormal.verify`
    """

    def __init__(self, f: Any, options: dict[str, Any]) -> None:
        self.f, self.options = f, options
        self._calls: ManyCalls | None = None
        self._smooth: Record | None = None
        self._open = "slope" not in options and not options.get("exact")

    def records(self, points: Sequence[Any], alone: Callable[[int], Record]) -> list[Record | None]:
        """A record, of any number, for each point at which f is smooth, and None for the others.

        ``alone`` is the record of a point, by its number, when it is judged by itself.
        """
        found: list[Record | None] = [None] * len(points)
        if not self._open or len(points) < _MANY:
            return found
        try:
            close = self._close(points)
        except KeyboardInterrupt:
            raise
        except BaseException:  # SystemExit too
            # What f raises, and what has no rule, is in the records of single calls.
            self._open = False
            return found
        for number in np.flatnonzero(close).tolist() if close is not None else ():
            if self._smooth is None:
                found[number] = record = alone(number)
                self._open = _is_smooth(record)
                if not self._open:
                    break
                self._smooth = record
            found[number] = self._smooth
        return found

    def _close(self, points: Sequence[Any]) -> Array | None:
        """At which points f and its gradient are those of the program; None where they are not looked at together."""
        if self._calls is None:
            self._calls = many_calls(self.f, points[0])
        self._open = self._calls is not None and self._calls.first.program.m == 1
        calls = self._calls
        if calls is None or not self._open or not all(map(calls.same, points)):
            return None
        call, inputs = calls.first, calls.inputs(points)
        if _is_large(call.program, len(points)):
            return None
        looked = looked_at(call.program, inputs, self.options.get("atol", 0.0), call.units)
        if not looked.clear.any():
            return looked.clear
        values, given = calls.results(points, looked.clear)
        made, sensitivity = looked.gradients()
        close = looked.clear if values is None else looked.clear & (np.abs(values - looked.values) <= looked.errors)
        if not call.program.is_piecewise_linear:
            close = close & ~is_lost(sensitivity, DOUBLE, np.abs(looked.values))
        tolerance = tolerance_of(call)
        for number, (own, other) in enumerate(zip(made, given, strict=True)):
            sizes = np.abs(own).reshape(len(points), -1).max(axis=1, initial=0.0)
            apart = np.abs(own - other).reshape(len(points), -1).max(axis=1, initial=0.0)
            close = close & (apart <= [tolerance.leaf(number, size) for size in sizes.tolist()])
        return close
