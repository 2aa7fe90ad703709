"""The base rows of active switches as floats, and when they are independent for sure."""

from __future__ import annotations

from functools import partial

import numpy as np

from absnormal.arrays import Array, lengths, unit_vectors
from absnormal.sweeps.adjoints import nonzero
from absnormal.sweeps.conditioning import beyond_values
from absnormal.sweeps.rounding import FLOOR, rounding
from absnormal.sweeps.table import Sweeps

#: Numbers up to which rows are collected.
ENTRIES = 4_000_000


def certainly_independent(rows: Array, errors: Array) -> bool:
    """Whether rows that were computed with errors up to these are independent for sure.

    The smallest singular value of the rows, scaled to norm 1, must exceed the norm of all errors.
    """
    count, width = rows.shape
    if count > width:
        return False
    norms = lengths(rows.T)
    if count and not norms.min() > FLOOR:
        return False
    scaled = rows / norms[:, None]
    known = float(np.linalg.norm(errors / norms[:, None])) + 8 * count * width * np.finfo(float).eps
    return not count or (known < 1 and bool(np.linalg.svd(scaled, compute_uv=False)[-1] > known))


def certainly_triangular(rows: Array, errors: Array) -> bool:
    """Whether the rows become triangular by taking off, again and again, columns with one possible nonzero entry."""
    possible = errors > 0
    sure = np.abs(rows) > errors + FLOOR
    left = np.ones(len(rows), bool)
    while left.any():
        single = possible[left].sum(axis=0) == 1
        taken = left & (sure & single & possible).any(axis=1)
        if not taken.any():
            return False
        left &= ~taken
    return True


def by_inputs(sweeps: Sweeps) -> list[tuple[list[int], list[int]]] | None:
    """The same without the rows: switches with an input each whose column has one nonzero entry, on one path, among the
    rows that are left, round by round; None where some rows are left in the end.

    Labels say to which switch the path leads.  An entry counts beyond the rounding of sweeps and values.
    """
    alpha, sigma = sweeps.alpha, sweeps.signature(0.0)
    left, rounds = np.ones(len(alpha), bool), []
    while left.any():
        seeds = np.zeros((2, sweeps.program.s))
        seeds[0, alpha[left]], seeds[1, alpha[left]] = 1.0, 1.0 + np.flatnonzero(left)
        paths, labels = sweeps.pull_magnitude(sigma, seeds, None, change=lambda a: nonzero(a))[0]
        here = sweeps.pull(sigma, seeds[:1], None)[0]
        error = rounding(sweeps.pull_depth) * sweeps.pull_magnitude(sigma, seeds[:1], None)[0] + FLOOR
        error = error + beyond_values(sweeps, sigma, here, partial(_pulled, sigma=sigma, seeds=seeds[:1]))
        alone = np.flatnonzero((paths == 1) & (np.abs(here) > error)[0])
        taken, first = np.unique(labels[alone].astype(int) - 1, return_index=True)
        if not taken.size:
            return None
        left[taken] = False
        rounds.append((alpha[taken].tolist(), alone[first].tolist()))
    return rounds


def _pulled(near: Sweeps, sigma: Array, seeds: Array) -> Array:
    return near.pull(sigma, seeds, None)[0]


def base_rows(sweeps: Sweeps) -> tuple[Array, Array] | None:
    """R (k, n) and Lt (k, k) of the active switches as floats, by one pull of k unit seeds; None when too large."""
    alpha, program = sweeps.alpha, sweeps.program
    k = len(alpha)
    if k == 0:
        return np.zeros((0, program.n)), np.zeros((0, 0))
    if k * max(program.n, program.s, 1) > ENTRIES:
        return None
    rows, wbar = sweeps.pull(sweeps.signature(0.0), unit_vectors(alpha, program.s), None)
    return rows, wbar[:, alpha]


def errors_of_base_rows(sweeps: Sweeps, rows: Array, rng: np.random.Generator | None = None) -> Array:
    """How far R (k, n), computed as ``rows``, may be off by the rounding of sweeps and values; ``rng`` draws roundings
    of values."""
    sigma, seeds = sweeps.signature(0.0), unit_vectors(sweeps.alpha, sweeps.program.s)
    own = rounding(sweeps.pull_depth) * sweeps.pull_magnitude(sigma, seeds, None)[0]
    return np.asarray(own + beyond_values(sweeps, sigma, rows, lambda near: near.pull(sigma, seeds, None)[0], rng))
