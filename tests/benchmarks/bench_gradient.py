"""A certified Clarke gradient of NumPy functions, tracing counted, against autograd's gradient and ADOL-C's.

    python -m tests.benchmarks gradient
"""

from __future__ import annotations

from tests.benchmarks.measure import best  # isort: skip  (sets the number of threads before NumPy loads)

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

import absnormal as an
from tests.benchmarks.peers import Times, adolc, attempted
from tests.benchmarks.problems import Arrays, Problem, network, rosenbrock
from tests.benchmarks.table import Growth, Line

TITLE = "a Clarke gradient, at ones (half of the switches active); a network at a random point"


def floor(problem: Problem) -> Times:
    """autograd's gradient, which is not certified."""
    import autograd.numpy as anp
    from autograd import grad

    xp = Arrays(anp)
    own = grad(lambda x: problem.recorded(xp, x)[1])
    seconds = best(lambda: own(problem.x), 0.2)
    return seconds, seconds


def lines() -> Iterator[Line | Growth]:
    """A line for each function and peer."""
    sizes, seconds, floors = [], [], []
    for exponent in range(1, 7):
        problem = replace(rosenbrock(10**exponent), x=np.ones(10**exponent))
        program = an.trace(problem.ours, problem.x)
        ours = best(lambda: an.clarke_gradient(problem.ours, problem.x), 0.3)
        again = best(lambda: an.clarke_gradient(program, problem.x), 0.3)
        sizes.append(10**exponent)
        seconds.append(ours)
        floors.append(best(lambda: problem.ours(problem.x), 0.1))
        for what, own, name, found in (
            ("Clarke gradient", ours, "autograd's gradient", attempted(floor, problem)),
            ("Clarke gradient, traced", again, "ADOL-C", attempted(lambda p: adolc(p, "gradient"), problem)),
        ):
            yield Line(what, problem.label, own, name, found if isinstance(found, str) else found[1])
    for layers in ((64, 64, 64, 1), (784, 256, 128, 10)):
        problem = network(*layers)
        ours = best(lambda: an.clarke_gradient(problem.ours, problem.x), 0.5)
        found = attempted(floor, problem)
        yield Line("Clarke gradient", problem.label, ours, "autograd's gradient",
                   found if isinstance(found, str) else found[1], 3.0)
    yield Growth("Clarke gradient", "n and s", sizes, seconds, floors)
