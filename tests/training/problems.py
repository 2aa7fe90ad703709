"""The classical nonsmooth test problems with their standard starts and minima, for a number of variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.theorems import test_classical_problems as classical

Start = tuple[Callable[[Any], Any], Any, float]


def mixed(n: int) -> Any:
    """1, 2, ... with the second half negative."""
    return np.where(np.arange(n) < n // 2, 1.0, -1.0) * np.arange(1, n + 1)


SMALL: dict[str, Start] = {
    "CB2": (classical.cb2, [1.0, -0.1], 1.9522245), "CB3": (classical.cb3, [2.0, 2.0], 2.0),
    "DEM": (classical.dem, [1.0, 1.0], -3.0), "QL": (classical.ql, [-1.0, 5.0], 7.2),
    "LQ": (classical.lq, np.array([-0.5, -0.5]), -(2**0.5)), "Mifflin 1": (classical.mifflin_1, [0.8, 0.6], -1.0),
    "Mifflin 2": (classical.mifflin_2, np.array([-1.0, -1.0]), -1.0), "Wolfe": (classical.wolfe, [3.0, 2.0], -8.0),
    "Rosen-Suzuki": (classical.rosen_suzuki, [0.0, 0.0, 0.0, 0.0], -44.0),
}  # fmt: skip


def large(n: int) -> dict[str, Start]:
    """Those that are there for every number of variables."""
    functions = {name: make(n)[0] for name, make in classical.LARGE.items()}
    starts: dict[str, tuple[Any, float]] = {
        "MAXQ": (mixed(n), 0.0), "MAXL": (mixed(n), 0.0), "Goffin": (np.arange(n) - (n - 1) / 2, 0.0),
        "MXHILB": (np.ones(n), 0.0), "L1HILB": (np.ones(n), 0.0), "chained CB3 I": (np.full(n, 2.0), 2.0 * (n - 1)),
        "chained CB3 II": (np.full(n, 2.0), 2.0 * (n - 1)), "active faces": (np.ones(n), 0.0),
        "crescent I": (np.where(np.arange(n) % 2, 2.0, -1.5), 0.0),
        "crescent II": (np.where(np.arange(n) % 2, 2.0, -1.5), 0.0),
    }  # fmt: skip
    found = {name: (functions[name], start, least) for name, (start, least) in starts.items()}
    return {**found, "chained LQ": (classical.lq, np.full(n, -0.5), -(2**0.5) * (n - 1))}
