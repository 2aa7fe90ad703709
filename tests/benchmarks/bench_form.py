"""Times and memory of tracing and of the abs-normal form: python tests/benchmarks/bench_form.py"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

from absnormal.form import extract
from absnormal.frontends.numpy import trace
from absnormal.sweeps.sparse import rows
from absnormal.sweeps.table import Sweeps


def chebyshev_rosenbrock(x: Any) -> Any:
    """The second nonsmooth Chebyshev-Rosenbrock function of Nesterov."""
    return np.abs(x[0] - 1) / 4 + np.sum(np.abs(x[1:] - 2 * np.abs(x[:-1]) + 1))


def measured(work: Callable[[], Any], repeat: int) -> tuple[float, float, float]:
    """The first time and the best of the others in ms, and the peak of memory in MB."""
    times = []
    for _ in range(repeat + 1):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1e3)
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return times[0], min(times[1:]), peak


def main() -> None:
    print(f"{'n':>8}  {'step':<20} {'first ms':>9} {'best ms':>9} {'peak MB':>9} {'nonzeros':>9}")
    for n, repeat in ((1000, 300), (100_000, 20), (1_000_000, 3)):
        x = np.random.default_rng(0).normal(size=n)
        program = trace(chebyshev_rosenbrock, x)
        sweeps = Sweeps(program, x)
        form = extract(program, x)
        stored = form.Z.nnz + form.L.nnz + form.J.nnz + form.Y.nnz
        steps: dict[str, Callable[[], Any]] = {
            "trace": lambda: trace(chebyshev_rosenbrock, x),
            "evaluate": lambda: Sweeps(program, x),
            "rows": lambda: rows(program, sweeps),
            "extract": lambda: extract(program, x),
            "model at a point": lambda: form(x),
        }
        for name, work in steps.items():
            first, best, peak = measured(work, repeat)
            print(f"{n:>8}  {name:<20} {first:>9.3f} {best:>9.3f} {peak:>9.2f} {stored:>9}")


if __name__ == "__main__":
    main()
