"""`minimize` beside SciPy's BFGS on the classical nonsmooth problems: python -m tests.benchmarks.bench_minimize 20."""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
from scipy.optimize import minimize as scipys

import absnormal as an
from tests.training.problems import SMALL, large

_SOLVED = 1e-5


def ours(f: Any, x0: Any) -> tuple[float, int, str]:
    found = an.minimize(f, x0)
    near = found.certificate
    return found.fun, found.nfev, f"{found.status}, |g*| {near.norm:.1e} within {near.radius:.0e}"


def theirs(f: Any, x0: Any) -> tuple[float, int, str]:
    """With the gradients that backward mode gives."""
    found = scipys(f, x0, jac=lambda x: an.gradient(f, x), method="BFGS")
    return found.fun, found.nfev, str(found.status)


def main(sizes: list[int]) -> None:
    problems = [(name, *each) for name, each in SMALL.items()]
    problems += [(f"{name} {n}", *each) for n in sizes for name, each in large(n).items()]
    solved = [0, 0]
    print(f"{'problem':20s}" + "".join(f" {who:>12s} calls      s" for who in ("f - f*", "BFGS: f - f*")))
    for name, f, x0, least in problems:
        line = f"{name:20s}"
        for k, solve in enumerate((ours, theirs)):
            start = time.process_time()
            value, calls, said = solve(f, np.asarray(x0, dtype=float))
            good = value - least <= _SOLVED * max(1.0, abs(least))
            solved[k] += good
            seconds = time.process_time() - start
            line += f" {value - least:12.1e}{' ' if good else '!'}{calls:5d} {seconds:6.2f}"
            line += "" if k else f"  {said}"
        print(line, flush=True)
    print(f"solved to {_SOLVED:g}: {solved[0]} of {len(problems)}, BFGS {solved[1]}")


if __name__ == "__main__":
    main([int(n) for n in sys.argv[1:]])
