"""`minimize` beside SciPy's BFGS, and PyGRANSO where it is, on the classical nonsmooth problems.

    python -m tests.benchmarks.bench_minimize              the classical small ones
    python -m tests.benchmarks.bench_minimize 50           those of any number of variables with 50, too
    python -m tests.benchmarks.bench_minimize 1000         those of 1,000 variables alone
    python -m tests.benchmarks.bench_minimize Wolfe        one of them

The gap to the least value, calls of f, and seconds of processor time, of which a solver has 300 for a problem; "!"
marks what is not solved.
"""

from __future__ import annotations

import signal
import sys
import time
import warnings
from importlib.util import find_spec
from typing import Any

import numpy as np
from scipy.optimize import minimize as scipys

import absnormal as an
from tests.benchmarks.peers import granso
from tests.training.problems import LONG, SMALL, large

_SOLVED, _SECONDS = 1e-5, 300.0


def ours(f: Any, x0: Any) -> tuple[float, int, str]:
    found = an.minimize(f, x0)
    near = found.certificate
    return found.fun, found.nfev, f"{found.status}, |g*| {near.norm:.1e} within {near.radius:.0e}"


def theirs(f: Any, x0: Any) -> tuple[float, int, str]:
    """With the gradients that backward mode gives."""
    found = scipys(f, x0, jac=lambda x: an.gradient(f, x), method="BFGS")
    return found.fun, found.nfev, str(found.status)


SOLVERS = {"ours": ours, "BFGS": theirs, **({"PyGRANSO": granso.minimized} if find_spec("pygranso") else {})}


def _late(number: int, frame: Any) -> None:
    raise TimeoutError


def answer(solve: Any, f: Any, x0: Any) -> tuple[float, int, str]:
    """What a solver says, within its time; infinity where it says nothing."""
    signal.signal(signal.SIGPROF, _late)
    signal.setitimer(signal.ITIMER_PROF, _SECONDS)
    try:
        found: tuple[float, int, str] = solve(f, np.asarray(x0, dtype=float))
        return found
    except (Exception, SystemExit) as error:  # PyGRANSO ends the process where its quadratic program fails.
        return np.inf, 0, type(error).__name__
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def main(sizes: list[int], names: list[str]) -> None:
    warnings.simplefilter("ignore")
    problems = [(name, *each) for name, each in (SMALL | LONG).items()] if not sizes or min(sizes) < 1000 else []
    problems += [(f"{name} {n}", *each) for n in sizes for name, each in large(n).items()]
    problems = [problem for problem in problems if not names or problem[0] in names]
    solved = dict.fromkeys(SOLVERS, 0)
    print(f"{'problem':22s}" + "".join(f" {f'{who}: f - f*':>18s}  calls       s" for who in SOLVERS))
    for name, f, x0, least in problems:
        line, last = f"{name:22s}", ""
        for who, solve in SOLVERS.items():
            start = time.process_time()
            value, calls, said = answer(solve, f, x0)
            good = value - least <= _SOLVED * max(1.0, abs(least))
            solved[who] += good
            line += f" {value - least:18.1e}{' ' if good else '!'}{calls:6d} {time.process_time() - start:7.2f}"
            last = last or f"  {said}"
        print(line + last, flush=True)
    counts = ", ".join(f"{who} {count}" for who, count in solved.items())
    print(f"solved to {_SOLVED:g}, of {len(problems)}: {counts}")


if __name__ == "__main__":
    given = sys.argv[1:]
    main([int(n) for n in given if n.isdigit()], [name for name in given if not name.isdigit()])
