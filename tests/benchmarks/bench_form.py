"""The abs-normal form: for the first time, tracing counted, and again at a new point, against other tools.

    python -m tests.benchmarks form
"""

from __future__ import annotations

from tests.benchmarks.measure import best  # isort: skip  (sets the number of threads before NumPy loads)

from collections.abc import Iterator

import absnormal as an
from tests.benchmarks.peers import PEERS, attempted
from tests.benchmarks.problems import Problem, affine, network, rosenbrock
from tests.benchmarks.table import Growth, Line

TITLE = "abs-normal form"
#: Variables from which the targets hold.
_FROM = 1000


def problems() -> Iterator[Problem]:
    for exponent in range(2, 7):
        yield rosenbrock(10**exponent)
    yield affine(200, 100)
    yield network(64, 64, 64, 1)
    yield network(784, 256, 128, 10)


def own(problem: Problem) -> tuple[float, float]:
    """Seconds for the first form, and for the form at another point."""
    first = best(lambda: an.trace(problem.ours, problem.x).abs_normal_form(problem.x), 0.2, 1)
    program = an.trace(problem.ours, problem.x)
    program.abs_normal_form(problem.x)
    return first, best(lambda: program.abs_normal_form(problem.x), 0.3)


def lines() -> Iterator[Line | Growth]:
    """A line for each function and peer."""
    own(rosenbrock(50))  # modules are loaded
    grown: dict[int, tuple[float, float, float]] = {}
    for problem in problems():
        ours = own(problem)
        if problem.name == "rosenbrock":
            grown[len(problem.x)] = (*ours, best(lambda: problem.ours(problem.x), 0.1))
        target = 1.0 if len(problem.x) >= _FROM or problem.name == "affine" else None
        for name, peer in PEERS.items():
            found = attempted(peer, problem)
            for k, which in enumerate(("first", "again")):
                theirs = found if isinstance(found, str) else found[k]
                yield Line(f"form, {which}", problem.label, ours[k], name, theirs, target)
    for k, which in enumerate(("first", "again")):
        seconds, floor = ([times[column] for times in grown.values()] for column in (k, 2))
        yield Growth(f"form, {which}", "n and s", list(grown), seconds, floor)
