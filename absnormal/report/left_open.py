"""Where a verdict is open: what is known all the same, and what would settle it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from absnormal.arrays import Array
from absnormal.program.nodes import placed
from absnormal.report.plain import number
from absnormal.sweeps.bounds import curvatures

if TYPE_CHECKING:
    from absnormal.report.report import Report

#: Lines that are named, and limiting gradients and entries of them that are looked at.
_NAMED, _GRADIENTS, _ENTRIES = 3, 256, 1 << 20
#: What a report of a limit that was reached says, and the limit.
_LIMITS = {"open cells": "cells", "feasibility problems": "programs"}


def known(report: Report) -> list[str]:
    """How near the vector is to limiting gradients that were found, and where the kinks enter with either sign."""
    return [*_nearest(report), *_signs(report)]


def _nearest(report: Report) -> list[str]:
    """A bound on the distance to the generalized gradient: that to the hull of the gradients in the list so far."""
    from absnormal.clarke.polytope import Summand, nearest_point
    from absnormal.judgement.vector import gradients_in_x

    problem = report.problem
    # What the search has not made is not made for a message.
    cells, system = problem.listed, vars(problem).get("relevant")
    n = problem.sweeps.program.n
    if cells is None or not cells.cells or system is None or not system.proved:
        return []
    some = cells.cells[: min(_GRADIENTS, _ENTRIES // n)]
    found = gradients_in_x(problem, [list(cell.signature) for cell in some])
    if not found:
        return []
    points = np.array([[float(entry) for entry in gradient] for gradient in found])
    g = np.asarray(report.flat_gradient, dtype=float)
    if not np.isfinite(g).all():
        return []
    distance = float(np.linalg.norm(nearest_point(-g, [Summand(np.arange(n), points)])))
    hull = "a limiting gradient" if len(points) == 1 else f"the hull of {len(points)} limiting gradients"
    apart = f"the vector is {number(distance)} away, in the 2-norm, from {hull} found so far"
    return [f"{apart}, and no farther from the generalized gradient"]


def _signs(report: Report) -> list[str]:
    """The lines whose kinks keep f from being regular: those of the less frequent sign, or of either."""
    sweeps = report.problem.sweeps
    if sweeps.rational or not len(sweeps.alpha):
        return []
    found = curvatures(sweeps)
    below, above = found.lower < -found.error, found.upper > found.error
    fewer, sign = (below, "negative") if below.sum() <= above.sum() else (above, "positive")
    if not fewer.any():
        return []
    lines = _lines(report, sweeps.alpha[fewer])
    more = "" if len(lines) <= _NAMED else f" and on {len(lines) - _NAMED} more lines"
    return [
        f"regular, the closest theorem, fails for {int(fewer.sum()):,} of {len(sweeps.alpha):,} active switches, which"
        f" may enter f with a {sign} factor: {', '.join(lines[:_NAMED])}{more}"
    ]


def _lines(report: Report, switches: Array) -> list[str]:
    program = report.program
    nodes = (program.nodes[index] for index in program.kinked)
    return list(dict.fromkeys(
        placed(node.operation, node.source) for node in nodes
        if node.owns(switches).any()
    ))


def what_would_settle(report: Report) -> list[str]:
    """What is worth trying, in the order of what it costs."""
    problem = report.problem
    advice = []
    ended = problem.ended
    if ended:
        limit = next((name for words, name in _LIMITS.items() if words in ended.partition(")")[0]), "seconds")
        advice.append(f"a larger budget: budget=absnormal.Budget({limit}={10 * getattr(problem.budget, limit):g})")
    elif report.program.is_piecewise_linear and not problem.sweeps.rational:
        advice.append("rational arithmetic: exact=True")
    if len(problem.sweeps.alpha) > 1:
        advice.append("fewer active switches: a smaller batch, or a point where fewer kinks are tied")
    return advice
