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
    best = running(sign, flat_u)
    result = np.zeros(flat_ties.shape)
    for column in np.flatnonzero(flat_ties.any(axis=0)):
        value = best[:, column]
        tied = np.flatnonzero(flat_ties[:, column]) + 1
        # Tied comparisons form a run from where a value was reached that is better beyond a tie.
        reached = np.flatnonzero(np.r_[True, (value[1:] != value[:-1]) & ~flat_ties[:, column]])
        firsts = reached[np.searchsorted(reached, tied, side="right") - 1]
        for run in np.split(np.arange(len(tied)), np.flatnonzero(firsts[1:] != firsts[:-1]) + 1):
            members = np.r_[firsts[run[0]], tied[run]]
            leading = better.accumulate(flat_t[members, column])
            result[members[1:] - 1, column] = leading[:-1]
    return result.reshape(ties.shape)
