"""The whole Clarke generalized gradient of a traced call."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np

from absnormal.active.one_layer import OneLayer
from absnormal.active.system import MANY, build
from absnormal.arrays import Array
from absnormal.clarke.blocks import Summands, base_gradient, listed_summands, summands
from absnormal.clarke.budget import Budget
from absnormal.clarke.generalized_gradient import Block, GeneralizedGradient
from absnormal.clarke.regular_function import RegularFunction
from absnormal.clarke.regular_gradient import RegularGradient
from absnormal.frontends.traced_call import TracedCall
from absnormal.judgement.flow import exact_problem
from absnormal.judgement.options import Options
from absnormal.judgement.vector import Limits
from absnormal.sweeps.overflow import overflow
from absnormal.sweeps.rounding import rounding
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.merging import layer_of
from absnormal.theorems.problem import Problem
from absnormal.theorems.regular import regular_function

#: Cells and feasibility problems of an enumeration that is not needed, in all and for each active switch; no seconds,
#: which differ from run to run.
_IN_ALL, _EACH = 800, 8
_LONG = "they are too many, or a curve where a 2-norm is 0"


@np.errstate(all="ignore")
def whole_set(call: TracedCall, options: Options) -> GeneralizedGradient:
    """dC f(x) as a sum of blocks, or the generalized Jacobian; see `absnormal.generalized_gradient`."""
    program, sweeps, started = call.program, call.sweeps(options.atol), time.monotonic()
    exact = options.exact or call.rational
    layer = None if exact or program.m > 1 else layer_of(sweeps)
    system, known = None, None
    if exact:
        problem, _ = exact_problem(sweeps, call.values, Problem(sweeps, np.zeros(len(sweeps.alpha)), options.limits))
        floats = sweeps
        sweeps = Sweeps(program, None, options.atol, floats.values)
        sweeps.z, sweeps.active = np.asarray(problem.sweeps.z, dtype=float), problem.sweeps.active
        layer, system = layer_of(problem.sweeps), build(problem.sweeps)
    elif layer is None or not layer.negligible.all():
        known = _regular(sweeps, options) if program.m == 1 else None
        system = build(sweeps) if known is None or not _no_list(sweeps) else None
    size = np.asarray(sum(
        sweeps.pull_magnitude(sweeps.signature(slope), None, np.eye(program.m))[0] for slope in (-1.0, 1.0)
    ), dtype=float).reshape(-1)
    if not np.isfinite(size).all():
        raise overflow(sweeps)
    shape = (program.n,) if program.m == 1 else (program.m, program.n)
    given: dict[str, Any] = {
        "signs": sweeps.signs, "tolerance": rounding(sweeps.pull_depth) * size, "tree": program.tree, "shape": shape,
        "budget": options.limits,
    }
    if program.m == 1 and layer is not None and layer.negligible.all():
        given["tolerance"] = given["tolerance"] + np.asarray(layer.set_aside(), dtype=float)
        return _as_list(_one_gradient(sweeps, layer), given)
    if known is None:
        return _as_list(summands(sweeps, system, options.limits.start(started)), given)
    found, doubts = None, [_LONG]
    if not _no_list(sweeps):
        found, doubts = listed_summands(sweeps, system, _a_part(options.limits, len(sweeps.alpha)).start(started))
    if found is not None and found.proved:
        return _as_list(found, given)
    function, refuted = known
    given["tolerance"] = given["tolerance"] + function.deviation
    return RegularGradient(
        base=base_gradient(sweeps).reshape(-1), blocks=(), complete=False, exact=True,
        reason=next(iter(doubts), _LONG), function=function, refuted=refuted,
        listing=lambda: _as_list(summands(sweeps, build(sweeps), options.limits.start()), given), **given
    )


def _as_list(found: Summands, given: dict[str, Any]) -> GeneralizedGradient:
    return GeneralizedGradient(
        base=found.base, blocks=tuple(found.blocks), complete=found.complete, exact=found.proved,
        reason=found.reason, **given
    )


def _one_gradient(sweeps: Sweeps, layer: OneLayer) -> Summands:
    """J~, where kinks on one set weigh 0 together, with the signature of a direction."""
    sigma = sweeps.directional(np.random.default_rng(0).standard_normal(sweeps.program.n)).sigma[sweeps.alpha]
    signature = np.where(sigma == 0, 1, sigma).astype(int)
    base = np.asarray(layer.base, dtype=float)
    return Summands(base, [Block(tuple(sweeps.alpha.tolist()), signature[None], np.arange(len(base)), 0 * base[None])])


def _regular(sweeps: Sweeps, options: Options) -> tuple[RegularFunction, Array] | None:
    """f by its directional derivative, where its active kinks enter with one sign; and how far from its generalized
    gradient a vector is outside for sure."""
    problem = Problem(sweeps, np.zeros(len(sweeps.alpha)), options.limits)
    known = regular_function(problem)
    if known is None or not known[1].small:
        return None
    refuted = Limits(problem, sweeps.gradient(problem.sigma), sweeps).refuted
    return None if refuted is None else (known[0], refuted)


def _no_list(sweeps: Sweeps) -> bool:
    """Whether there is no list of limiting gradients, or one that would be as long as its maxima."""
    nodes = (sweeps.program.nodes[index] for index in sweeps.program.kinked)
    return bool(sweeps.lanes) or any(
        node.switches > MANY * math.prod(node.shape) and sweeps.active[node.own].any()
        for node in nodes
    )


def _a_part(budget: Budget, active: int) -> Budget:
    """What a list may cost where there is an answer without one."""
    many = max(_IN_ALL, _EACH * active)
    return replace(budget, cells=min(budget.cells, many), programs=min(budget.programs, many))
