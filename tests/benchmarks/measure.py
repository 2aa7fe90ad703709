"""Timing and memory for the benchmarks: best of several runs, peaks by tracemalloc.

The allocator is told to keep freed memory.  Otherwise glibc gives megabytes back to the system after one call and
faults them in again at the next, or not, depending on what ran before: a factor of 2 either way, for the hand-written
codes too.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import ctypes
import gc
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3


def keep_freed_memory() -> None:
    """Never trim the heap, and take large arrays from it (glibc only)."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, 2**30)
        mallopt(_MMAP_THRESHOLD, 2**30)


keep_freed_memory()


def best(action: Callable[[], Any], seconds: float = 0.5, least: int = 3) -> float:
    """The shortest of several runs, in seconds."""
    shortest, count, start = float("inf"), 0, time.perf_counter()
    while count < least or (time.perf_counter() - start < seconds and count < 200):
        before = time.perf_counter()
        action()
        shortest = min(shortest, time.perf_counter() - before)
        count += 1
    return shortest


def in_turns(
    *actions: Callable[[], Any], seconds: float = 3.0, least: int = 3, clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """The shortest of several runs of each action, one after the other, in seconds of a clock.

    All find the caches and the machine in the state in which the others leave them, as they do in a training loop.
    """
    shortest, count, start = [float("inf")] * len(actions), 0, time.perf_counter()
    while count < least or (time.perf_counter() - start < seconds and count < 200):
        for place, action in enumerate(actions):
            before = clock()
            action()
            shortest[place] = min(shortest[place], clock() - before)
        count += 1
    return shortest


def peak(action: Callable[[], Any]) -> float:
    """The peak of newly allocated memory, in MB."""
    gc.collect()
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def resident_peak(action: Callable[[], Any]) -> float | None:
    """The peak of newly resident memory, of libraries too, in MB; None where the system does not tell (Linux does)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    status, forget = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if trim is None or not forget.exists():
        return None
    gc.collect()
    trim(0)
    forget.write_text("5")

    def known(name: str) -> int:
        return int(status.read_text().partition(f"{name}:")[2].split()[0])

    before = known("VmRSS")
    action()
    return max(0, known("VmHWM") - before) / 1e3
