"""The whole set: open cells per second, against a linear program at every node; independent pairs of dependent kinks.

    python -m tests.benchmarks set
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import combinations
from typing import Any

import numpy as np

import absnormal as an
from absnormal import Budget
from absnormal.active.system import build
from absnormal.clarke.cells import open_cells
from absnormal.sweeps.table import Sweeps
from tests.benchmarks.measure import best
from tests.benchmarks.table import Growth, Line

TITLE = "the whole set: open cells; independent pairs of dependent kinks"
#: Cells up to which a linear program at every node is waited for.
_PEER = 2000

AMPLE = Budget(cells=10**6, programs=10**7, seconds=3600)


def arrangements() -> Iterator[tuple[str, Any]]:
    """Hyperplanes through the origin, by their normals."""
    rng = np.random.default_rng(0)
    for k, r in ((12, 4), (20, 5)):
        yield f"{k} generic in R^{r}", rng.integers(-50, 51, (k, r))
    for n in (5, 6):
        yield f"braid, n = {n}", [[(j == a) - (j == b) for j in range(n)] for a, b in combinations(range(n), 2)]
    for n in (4, 5):
        subsets = [S for size in range(1, n + 1) for S in combinations(range(n), size)]
        yield f"subset sums, n = {n}", [[int(j in S) for j in range(n)] for S in subsets]


def by_programs(rows: Any, opened: Callable[[Any], Any]) -> int:
    """The number of cells by the same search: a direction is kept, so that one linear program a node is enough."""
    stack: list[tuple[tuple[int, ...], Any]] = [((), np.zeros(rows.shape[1]))]
    count = 0
    while stack:
        sigma, d = stack.pop()
        if len(sigma) == len(rows):
            count += 1
            continue
        rate = rows[len(sigma)] @ d
        for sign in (1, -1):
            chosen = (*sigma, sign)
            inside = d if sign * rate > 1e-9 else opened(np.array(chosen)[:, None] * rows[: len(chosen)])
            if inside is not None:
                stack.append((chosen, inside))
    return count


def linprog(signed: Any) -> Any:
    from scipy.optimize import linprog as solve

    k, width = signed.shape
    return solve(np.zeros(width), A_ub=-signed, b_ub=-np.ones(k), bounds=(None, None), method="highs").x


def warm(width: int) -> Callable[[Any], Any]:
    """HiGHS, warm: rows in common with the last branch stay."""
    import highspy

    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("presolve", "off")
    for _ in range(width):
        solver.addVar(-highspy.kHighsInf, highspy.kHighsInf)
    places, known = np.arange(width, dtype=np.int32), [np.zeros((0, width))]

    def opened(signed: Any) -> Any:
        before = known[0]
        same = min(len(before), len(signed))
        while same and not np.array_equal(before[:same], signed[:same]):
            same -= 1
        if same < len(before):
            solver.deleteRows(len(before) - same, np.arange(same, len(before), dtype=np.int32))
        for row in signed[same:]:
            solver.addRow(1.0, highspy.kHighsInf, width, places, row.astype(float))
        known[0] = signed
        solver.run()
        optimal = solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
        return np.array(solver.getSolution().col_value) if optimal else None

    return opened


def sums(rows: Any) -> Callable[[Any], Any]:
    matrix = np.array(rows, dtype=float)
    return lambda x: np.sum(np.abs(matrix @ x))


def pairs(count: int, wrong: bool) -> Callable[[Any], Any]:
    """Duplicates, opposites, scaled copies in turn; with ``wrong`` the last pair has a wrong gradient for slope 0."""
    factor = np.resize([1.0, -1.0, 2.0], count)

    def f(x: Any) -> Any:
        total = np.sum(np.abs(x)) - np.sum(np.abs(factor * x))
        return total + 2 * np.abs(x[-1]) - np.abs(2 * x[-1] + np.abs(x[-1])) if wrong else total

    return f


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


def cells() -> Iterator[Line]:
    """Open cells of arrangements, against the same search with a linear program at every node."""
    for name, rows in arrangements():
        x = np.zeros(np.shape(rows)[1])
        system = build(Sweeps(an.trace(sums(rows), x), x))
        assert system is not None
        seconds, found = timed(lambda of=system: open_cells(of, AMPLE.start()))
        count = len(found.cells)
        size = f"{count:,} cells, {count / seconds:,.0f} a second"
        for peer, make in (("linprog", lambda w: linprog), ("HiGHS, warm", warm)):
            if make is warm and not find_spec("highspy"):
                yield Line(name, size, seconds, peer, "not installed")
            elif count > _PEER:
                yield Line(name, size, seconds, peer, "too slow")
            else:
                normals = np.array([[float(a) for a in row] for row in system.rows])
                theirs, same = timed(lambda make=make, normals=normals: by_programs(normals, make(normals.shape[1])))
                assert same == count
                yield Line(name, size, seconds, peer, theirs, 1.0)


def lines() -> Iterator[Line | Growth]:
    """Arrangements, then pairs, in units of evaluations of the function."""
    import scipy.optimize  # noqa: F401 - loaded before anything is timed

    yield from cells()
    grown: dict[str, list[float]] = {}
    floor = []
    counts = (100, 1000, 10_000, 100_000)
    for count in counts:
        right, wrong, x = pairs(count, False), pairs(count, True), np.zeros(count)
        G = an.generalized_gradient(right, x)
        unit = best(lambda f=right, x=x: f(x), 0.1)
        floor.append(unit)
        for what, run in {
            "pairs, verify": lambda f=right, x=x: an.verify(f, x, slope=0.0),
            "pairs, one of them wrong, verify": lambda f=wrong, x=x: an.verify(f, x, slope=0.0),
            "pairs, the set": lambda f=right, x=x: an.generalized_gradient(f, x),
            "pairs, G.contains": lambda G=G, x=x: G.contains(x),
            "pairs, G.min_norm": G.min_norm,
        }.items():
            seconds, result = timed(run)
            assert getattr(result, "verdict", True) is not an.Verdict.UNDECIDED
            grown.setdefault(what, []).append(seconds)
            yield Line(what, f"{count:,} pairs", seconds, "f(x)", unit)
    for what, seconds in grown.items():
        yield Growth(what, "active switches", [2 * count for count in counts], seconds, floor)
