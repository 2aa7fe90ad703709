"""The whole Clarke generalized gradient of a traced call."""

from __future__ import annotations

import numpy as np

from absnormal.active.system import build
from absnormal.clarke.blocks import summands
from absnormal.clarke.generalized_gradient import GeneralizedGradient
from absnormal.frontends.traced_call import TracedCall
from absnormal.judgement.flow import exact_problem
from absnormal.judgement.options import Options
from absnormal.sweeps.overflow import overflow
from absnormal.sweeps.rounding import rounding
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.problem import Problem


def whole_set(call: TracedCall, options: Options) -> GeneralizedGradient:
    """dC f(x) as a sum of blocks, or the generalized Jacobian; see `absnormal.generalized_gradient`."""
    program, sweeps = call.program, call.sweeps(options.atol)
    if options.exact or call.rational:
        problem, _ = exact_problem(sweeps, call.values, Problem(sweeps, np.zeros(len(sweeps.alpha)), options.limits))
        floats = sweeps
        sweeps = Sweeps(program, None, options.atol, floats.values)
        sweeps.z, sweeps.active = np.asarray(problem.sweeps.z, dtype=float), problem.sweeps.active
        system = build(problem.sweeps)
    else:
        system = build(sweeps)
    size = np.asarray(sum(
        sweeps.pull_magnitude(sweeps.signature(slope), None, np.eye(program.m))[0] for slope in (-1.0, 1.0)
    ), dtype=float).reshape(-1)
    if not np.isfinite(size).all():
        raise overflow(sweeps)
    found = summands(sweeps, system, options.limits)
    shape = (program.n,) if program.m == 1 else (program.m, program.n)
    return GeneralizedGradient(
        base=found.base, blocks=tuple(found.blocks), signs=sweeps.signs, complete=found.complete, exact=found.proved,
        reason=found.reason, tolerance=rounding(sweeps.pull_depth) * size,
        tree=program.tree, shape=shape, budget=options.limits,
    )
