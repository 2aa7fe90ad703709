"""Verdicts at many points: one compact record each, as a stream that can be stopped and continued.

Points are judged in chunks; a bounded number of chunks is on its way at a time, so that memory does not grow with the
number of points.  Every chunk goes to ``map`` by itself: when a worker dies, the chunks that others have finished are
still delivered.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from copy import deepcopy
from itertools import islice
from typing import TYPE_CHECKING, Any

from absnormal._optional import require
from absnormal._shown import shown
from absnormal.batch.origin import digest
from absnormal.batch.records_file import RecordsFile
from absnormal.batch.verdicts import OPTIONS, Item, Task, Work, judge
from absnormal.program.program import Program
from absnormal.report.history import History
from absnormal.report.record import Record
from absnormal.report.summary import Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Chunks on their way at a time.
_AHEAD = 64

Map = Callable[[Callable[[Any], Any], list[Any]], Iterable[Any]]
Progress = Callable[[int, "int | None"], None]


def sweep(
    f: Callable[[Any], Any] | Program, points: Iterable[Any], *, map: Map = map, chunk: int = 64, kinks: bool = False,
    file: str | os.PathLike[str] | None = None, on_progress: Progress | None = None, **options: Any,
) -> Sweep:
    """Verify f at many points, one record each.

    Parameters
    ----------
    f
        a function of one argument that returns one number, or its `Program`; a NumPy function is traced once for all
        points of one shape that take the same branches
    points
        an array, one point a row, or any iterable of points as `absnormal.verify` takes them; it is read as needed
    map
        how chunks are judged: the ``map`` of a `concurrent.futures` executor, the ``imap`` of a pool, the ``map`` of a
        Dask client, or any function that starts work and gives its results, or futures, when it is iterated
    chunk
        the number of points that are judged together
    kinks
        also go to the kinks on the segment from each point to the next; their records come before that point's own
    file
        a JSON Lines file to which every record is appended as it comes; the records that it has are not computed again.
        It is bound to f (its name, its code, the files that this comes from, the values that it holds), the options and
        the points
    on_progress
        called with the number of points that were read and the number of all, None where that is not known
    **options
        of `absnormal.verify`: slope, exact, atol, budget, seed

    Returns
    -------
    Sweep
        an iterator of `Record`; its ``summary`` grows as it is read

    Raises
    ------
    ValueError
        for arguments that do not fit, and for a file that was made with another function, other points or options

    Notes
    -----
    The points of a chunk at which certainly no kink is active are found by computing with all of them together; every
    other point is judged by itself.  Of a NumPy function, or a `Program`, they have the record of a single call.  A
    function of PyTorch or JAX is called at each, its gradients are those of backward() and of ``jax.grad``, compiled
    for all points, and value and gradient are compared with those of the traced function in float64.

    A point at which f cannot be analysed gives a record with the verdict "ERROR".  When a worker process dies, its
    error is raised after the records of the other workers; with ``file`` the same call continues.

    Processes for functions of PyTorch or JAX must not be forked, as a fork of their threads' locks waits for ever:
    ``ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")).map``.

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> found = an.sweep(lambda x: np.maximum(x[0], 0) - np.maximum(-x[0], 0), [[1.0], [0.0]], slope=-1)
    >>> [(record.index, record.verdict) for record in found]
    [(0, 'CLARKE'), (1, 'NOT_CLARKE')]
    >>> found.summary.methods
    Counter({'smooth': 1, 'separation': 1})
    """
    if not (isinstance(chunk, int) and chunk > 0):
        raise ValueError(f"chunk must be an integer > 0, got {chunk!r}")
    for name, value in (("f", f), ("map", map)):
        if not callable(value):
            raise ValueError(f"{name} must be a function, got {type(value).__name__}")
    unknown = sorted(options.keys() - OPTIONS)
    if unknown:
        raise ValueError(f"options must be among {', '.join(sorted(OPTIONS))}, got {unknown[0]!r}")
    if isinstance(points, (str, bytes, dict)) or not isinstance(points, Iterable):
        raise ValueError(f"points must be an array or an iterable of points, got {type(points).__name__}")
    work = Work(f, kinks, options)
    records = None if file is None else RecordsFile(os.fspath(file), work.head)
    return Sweep(work, points, map, chunk, records, on_progress)


class Sweep(Iterator[Record]):
    """The records of `sweep`; made by it.

    Attributes
    ----------
    summary
        about the records that were read so far: counts of verdicts and theorems, the worst cases, the source lines that
        are named most often
    history
        the records that were read so far, by the number of their point, as `plot` draws them
    total
        the number of points, None where it is not known

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> sweep = an.sweep(lambda x: np.abs(x[0]), [[0.0], [1.0], [2.0]])
    >>> sweep.total, [record.method for record in sweep]
    (3, ['private directions', 'smooth', 'smooth'])
    >>> sweep.summary.verdicts
    Counter({'CLARKE': 3})
    """

    def __init__(
        self, work: Work, points: Iterable[Any], map: Map, chunk: int, file: RecordsFile | None,
        on_progress: Progress | None,
    ) -> None:
        self.summary = Summary()
        self.history = History()
        self.total = len(points) if isinstance(points, Sized) else None
        self._work, self._map, self._chunk, self._file = work, map, chunk, file
        self._on_progress, self._done = on_progress, 0
        #: Digests of points whose records are in the file ahead of their turn.
        self._early: dict[int, str] = {}
        # Points are read ahead: an iterator may write the next one where this one was.
        self._records = self._run(enumerate(points if isinstance(points, Sized) else (deepcopy(one) for one in points)))

    def __repr__(self) -> str:
        of = "" if self.total is None else f" of {self.total:,}"
        counts = "".join(f", {count:,} {verdict}" for verdict, count in self.summary.verdicts.items())
        return f"<Sweep {self._done:,}{of} points read{counts}>"

    def __next__(self) -> Record:
        found = next(self._records)
        self.summary.add(found)
        self.history.add(found)
        if found.t is None:
            self._done += 1
            if self._on_progress is not None:
                self._on_progress(self._done, self.total)
        return found

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """The verdicts of the records that were read so far, point after point.

        See `absnormal.plot.verdicts`.

        Examples
        --------
        >>> import numpy as np, absnormal as an
        >>> sweep = an.sweep(lambda x: np.abs(x[0]), [[0.0], [1.0], [2.0]])
        >>> records = list(sweep)
        >>> sweep.plot().get_title()
        '3 records'
        """
        axes: Axes = shown("Sweep.plot")(self, ax=ax)
        return axes

    def to_frame(self) -> Any:
        """The records that are left, as a pandas DataFrame: a row each, with the first line behind it in short.

        Raises
        ------
        ImportError
            without pandas: ``pip install pandas``
        """
        pandas = require("pandas", "pandas")
        return pandas.DataFrame([_row(record) for record in self])

    def _run(self, points: Iterator[tuple[int, Any]]) -> Iterator[Record]:
        if self._file is None:
            yield from self._judged(self._fresh(points, None))
            return
        try:
            before, expected = None, 0
            for group in self._file.groups():
                self._early[group[-1].index] = group[-1].digest
                while expected in self._early:
                    index, before = next(points, (None, None))
                    if index is None:
                        raise ValueError(f"{self._file.path} was made with more points: name another file")
                    self._matched(index, before)
                    expected += 1
                yield from group
            yield from self._judged(self._fresh(points, before))
        finally:
            self._file.close()

    def _matched(self, index: int, point: Any) -> None:
        assert self._file is not None
        if self._early.pop(index) != digest(point):
            raise ValueError(f"{self._file.path} was made with other points (point {index} differs): name another file")

    def _fresh(self, points: Iterator[tuple[int, Any]], before: Any) -> Iterator[Item]:
        """The points that have no records yet, each with the one before it."""
        for index, point in points:
            if index in self._early:
                self._matched(index, point)
            else:
                yield index, before if self._work.kinks else None, point
            before = point

    def _judged(self, fresh: Iterator[Item]) -> Iterator[Record]:
        """The records of chunks in their order; after a failure those of all that were finished, then the error."""
        pending: deque[tuple[Task, Iterator[Any]]] = deque()
        failure: Exception | None = None
        while True:
            while failure is None and len(pending) < _AHEAD and (items := list(islice(fresh, self._chunk))):
                task = self._work.task(items)
                try:
                    pending.append((task, iter(self._map(judge, [task]))))
                except Exception as error:
                    failure = error
            if not pending:
                break
            task, results = pending.popleft()
            try:
                groups = next(results)
                groups = groups.result() if hasattr(groups, "result") else groups
            except Exception as error:
                failure = failure or error
                continue
            for item, group in zip(task.items, groups, strict=True):
                records = self._work.judge(item) if group is None else group
                if self._file is not None:
                    self._file.append(records)
                yield from records
        if failure is not None:
            raise failure


def _row(record: Record) -> dict[str, Any]:
    """A record as a row of a table."""
    first = record.lines[0] if record.lines else None
    values = {name: value for name, value in record.to_dict().items() if name not in ("lines", "digest")}
    return {**values, "line": first.place if first else "", "operation": first.operation if first else ""}
