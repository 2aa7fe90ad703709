"""Running maxima and minima along axis 0: the maximum where the sign is 1, the minimum where it is -1."""

from __future__ import annotations

import numpy as np

from absnormal.arrays import Array


def running(sign: int, u: Array) -> Array:
    """The running maximum or minimum along axis 0."""
    better = np.maximum if sign > 0 else np.minimum
    if len(u) > 64 or u.dtype == object:
        return np.asarray(better.accumulate(u, axis=0))
    # Row by row: faster than an accumulation across rows.
    result = np.empty(u.shape, u.dtype)
    result[:1] = u[:1]
    for j in range(1, len(u)):
        better(result[j - 1 : j], u[j : j + 1], out=result[j : j + 1])
    return result


def running_ties(sign: int, u: Array, ties: Array, t: Array) -> Array:
    """Before each comparison of a fold, the derivative along a direction of the value so far, where tied.

    ``u`` and ``t`` have the shape of the argument, ``ties`` and the result one entry less along axis 0.
    Among tied values the one with the largest (smallest, for a minimum) derivative ``t`` leads.  Values that count as
    tied need not be equal.
    """
    flat_u, flat_t = u.reshape(len(u), -1), t.reshape(len(t), -1)
    flat_ties = ties.reshape(len(ties), -1)
    better = np.maximum if sign > 0 else np.minimum
    columns = np.flatnonzero(flat_ties.any(axis=0))
    result = np.zeros(flat_ties.shape)
    along = _together if len(u) <= len(columns) else _one_by_one
    result[:, columns] = along(better, running(sign, flat_u[:, columns]), flat_ties[:, columns], flat_t[:, columns])
    return result.reshape(ties.shape)


def _together(better: np.ufunc, best: Array, ties: Array, t: Array) -> Array:
    """Comparison by comparison, in all columns; a run of ties begins where a value is better beyond a tie."""
    result, leading = np.zeros(ties.shape), t[0]
    for j, tied in enumerate(ties, start=1):
        result[j - 1, tied] = leading[tied]
        other = np.where(best[j] != best[j - 1], t[j], leading)
        leading = np.where(tied, better(leading, t[j]), other)
    return result


def _one_by_one(better: np.ufunc, best: Array, ties: Array, t: Array) -> Array:
    """Column by column, run by run."""
    result = np.zeros(ties.shape)
    for column, value in enumerate(best.T):
        tied = np.flatnonzero(ties[:, column]) + 1
        reached = np.flatnonzero(np.r_[True, (value[1:] != value[:-1]) & ~ties[:, column]])
        firsts = reached[np.searchsorted(reached, tied, side="right") - 1]
        for run in np.split(np.arange(len(tied)), np.flatnonzero(firsts[1:] != firsts[:-1]) + 1):
            members = np.r_[firsts[run[0]], tied[run]]
            leading = better.accumulate(t[members, column])
            result[members[1:] - 1, column] = leading[:-1]
    return result
