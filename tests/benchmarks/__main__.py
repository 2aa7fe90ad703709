"""All benchmarks in one table: `python -m tests.benchmarks`, or one section of it: `python -m tests.benchmarks form`.

Ratios are measured in the same run, on one processor.  Peers come from package registries (`pip install torch jax
autograd casadi`, Debian's `libadolc-dev`, compiled here); what is not installed is said to be so.
"""

from __future__ import annotations

import os

# One processor: libraries that ignore OMP_NUM_THREADS obey this.
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import sys
import time
from importlib import import_module

from tests.benchmarks.table import show

SECTIONS = ("form", "gradient", "verdicts", "set", "models", "showcase")


def main(names: list[str]) -> int:
    """Print the sections and what missed its target."""
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        print(f"sections are {', '.join(SECTIONS)}; got {', '.join(unknown)}")
        return 2
    start, lines = time.perf_counter(), []
    for name in names or SECTIONS:
        section = import_module(f"tests.benchmarks.bench_{name}")
        lines += show(section.TITLE, section.lines())
    judged = [line for line in lines if line.met is not None]
    met = sum(line.met is True for line in judged)
    print(f"\n{met} of {len(judged)} targets met, {time.perf_counter() - start:.0f} s")
    for line in judged:
        if not line.met:
            print(f"  {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
