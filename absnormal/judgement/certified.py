"""A certified Clarke gradient of a traced call, without a verdict on the tool's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from absnormal.arrays import Array
from absnormal.clarke.budget import Budget
from absnormal.clarke.fallback import certified, checked
from absnormal.frontends.traced_call import TracedCall
from absnormal.judgement.flow import judged
from absnormal.judgement.ladder import STRUCTURAL
from absnormal.judgement.options import Options
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.problem import Problem
from absnormal.theorems.regular import regular


def own_slopes_are_proved(call: TracedCall, sweeps: Sweeps) -> bool:
    """Whether a cheap theorem proves that the slopes of the tool's own kernels give a Clarke gradient."""
    if call.slopes is None:
        return False
    problem = Problem(sweeps, call.slopes[sweeps.alpha], Budget())
    return any(rung(problem) is not None for rung in (*STRUCTURAL, regular))


def certified_gradient(call: TracedCall, seed: int, report: str) -> Array:
    """A Clarke gradient, shape (n,).

    It is that of the tool's own slopes, in the tool's own precision, where a cheap theorem proves it; otherwise a
    limiting gradient along a direction that is drawn from ``seed``; otherwise that of the tool's slopes, or of the
    slopes 0, where any theorem proves it.  ``report`` is the call that says why there is none.

    Raises
    ------
    BudgetError, DomainError
        where nothing is proved, or a derivative overflows
    """
    with np.errstate(all="ignore"):
        sweeps = call.sweeps()
        return computed(call, sweeps, own_slopes_are_proved(call, sweeps), seed, report)


@np.errstate(all="ignore")
def computed(call: TracedCall, sweeps: Sweeps, proved: bool, seed: int, report: str) -> Array:
    """The same from the sweeps of the call, where it is known whether its own slopes are proved."""
    if call.slopes is None:
        working, sigma = sweeps, sweeps.signature(0.0)
    else:
        working = Sweeps(call.program, None, values=call.values if call.working is None else call.working)
        sigma = sweeps.signature(call.slopes[sweeps.alpha]).astype(working.y.dtype, copy=False)
    if proved:
        gradient = working.gradient(sigma)
        if np.isfinite(gradient).all():
            return gradient
    limiting = certified(sweeps, seed)
    if not limiting.proved:
        own = call.program.tree.split(working.gradient(sigma))
        modelled = replace(call, leaves=own) if call.slopes is not None else call
        found = judged(modelled, Options(slope=None if call.slopes is not None else 0.0, seed=seed), sweeps)
        if found:
            return found.flat_gradient
    return checked(limiting, sweeps, report)
