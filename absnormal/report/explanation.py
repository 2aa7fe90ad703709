"""Why: the shortest true explanation of a verdict, in the user's words."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from absnormal.arrays import Array
from absnormal.certificates.evidence import Separates
from absnormal.report.on_one_set import on_one_set
from absnormal.report.plain import array, number, tree
from absnormal.report.relation import relation
from absnormal.report.verdict import Verdict
from absnormal.theorems.merging import BeyondMergedKinks
from absnormal.theorems.separation import NotTheGradient

if TYPE_CHECKING:
    from absnormal.report.report import Report

_SHOWN = 6
_NAMED = 3
#: Methods that have listed the active switches exactly.
_LISTED = ("direction", "componentwise", "membership")


@dataclass(frozen=True, eq=False)
class Excess:
    """A direction in which a gradient is wrong.

    Attributes
    ----------
    direction
        d, shape (n,), with a largest entry of size 1
    predicted
        the slope g . d that the gradient predicts
    highest
        a bound on what Clarke gradients give along d; less than ``predicted``
    """

    direction: Array
    predicted: float
    highest: float


def excess(report: Report) -> Excess | None:
    """How wrong a gradient that is not Clarke is; None where that is not known in the variables x."""
    found = report.proof.evidence
    if not isinstance(found, Separates):
        return None
    exact = [Fraction(a) for a in found.separator]
    largest = max(map(abs, exact), default=Fraction(0))
    if not largest:
        return None
    scaled = [float(a / largest) for a in exact]
    direction = np.zeros(report.program.n)
    if not found.in_columns:
        direction[:] = scaled
    else:
        system = report.problem.relevant
        if system is None or system.inputs is None:
            return None
        direction[[system.inputs[j] for j in system.columns]] = scaled
    predicted = float(np.asarray(report.flat_gradient, dtype=float) @ direction)
    highest = Fraction(predicted) - Fraction(found.gap) / largest if np.isfinite(predicted) else Fraction(0)
    known = np.isfinite(predicted) and abs(highest) < np.finfo(float).max
    return Excess(direction, predicted, float(highest)) if known else None


def sentences(report: Report) -> list[str]:
    """The explanation, a sentence a line."""
    if not len(report.problem.sweeps.alpha) and report.verdict is Verdict.CLARKE:
        return ["f is smooth at x: no switch is active"]
    if report.verdict is Verdict.UNDECIDED:
        return [report.proof.reason]
    slopes_judged = not report.given and report.consistent
    if report.method == "merging":
        shared = on_one_set(report.problem, False)
        return [*([] if shared is None else [shared.text]), report.proof.reason]
    if report.verdict is Verdict.CLARKE:
        tie = relation(report.problem, False) if report.method in _LISTED else ""
        return [f"{tie}; still, {report.proof.reason}" if tie else report.proof.reason]
    apart = report.method == "separation" and not isinstance(report.proof.evidence, NotTheGradient)
    tie = relation(report.problem, slopes_judged) if apart else ""
    if isinstance(report.proof.evidence, BeyondMergedKinks):
        shared = on_one_set(report.problem, slopes_judged)
        tie = tie if shared is None else shared.text
    fix = report.remedy
    fixes = [] if fix is None else [fix.in_words(report.program)]
    fixes += [report.instead] if report.instead else []
    return [*_wrong_signs(report), *([tie] if tie else []), *_wrongness(report, bool(tie)), *fixes]


def _wrong_signs(report: Report) -> list[str]:
    """The switches at which the tool's float64 sign is not the exact one, where that is what made it wrong."""
    wrong = () if report.given or report.consistent else report.near.wrong
    return [f"the tool's float64 sign is wrong: {switch}" for switch in wrong[:_NAMED]]


def _wrongness(report: Report, explained: bool) -> list[str]:
    found = excess(report)
    if found is None:
        return [] if explained else [report.proof.reason]
    predicted, highest = number(found.predicted), number(found.highest)
    less = found.predicted - found.highest
    bound = f"more than {highest}" if highest != predicted else f"more than {number(less)} less than that"
    where = along(found.direction)
    said = f"along {where} the gradient predicts the slope {predicted}"
    return [f"{said}, and no Clarke gradient gives {bound if less else 'as much'}"]


def along(d: Array) -> str:
    """A direction in words."""
    if d.size <= _SHOWN:
        return f"d = {array(d)}"
    positions = np.flatnonzero(d)
    if positions.size > 3:
        return f"a direction with {positions.size} nonzero entries"
    entries = ", ".join(f"d[{position}] = {number(d[position])}" for position in positions)
    return f"the direction with {entries} and 0 elsewhere"


def right(report: Report) -> str:
    """What would be right."""
    if report.verdict is not Verdict.NOT_CLARKE or not report.fallback.proved:
        return ""
    value = report.arrays(report.flat_clarke_gradient)
    return f"a Clarke gradient is {'; '.join(tree(value))}" if report.program.n <= _SHOWN else ""


def explanation(report: Report) -> str:
    """All of it in one string."""
    said = [*sentences(report), right(report)]
    return ". ".join(sentence for sentence in said if sentence)
