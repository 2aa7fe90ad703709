"""Programs with norms: what is drawn from a seed, and what is wrong with a report, by the oracle for norms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

import absnormal as an

from ..oracle.dice import Dice
from ..oracle.expressions import Expr, Vector, source
from ..oracle.norms.drawn_forms import INNER, UNIT
from ..oracle.norms.form import NormForm, Slopes, norm_form
from ..oracle.norms.programs import program
from ..oracle.norms.truth import Answer, Told, answer
from . import in_numpy
from .judged import unproved
from .spelled import spelled


@dataclass(frozen=True)
class WithNorms:
    """A NumPy function with norms, at a point, under the slopes of a tool.

    Attributes
    ----------
    function, x
        what is judged, and where
    expr, form
        what it means: the expression, and its active switches in blocks to first order at x
    slopes
        c_i in the unit ball for each block, in evaluation order
    text
        what is needed to see the case again
    """

    function: Callable[[Any], Any]
    x: list[float]
    expr: Expr
    form: NormForm
    slopes: Slopes
    text: str

    @property
    def gradient(self) -> Vector:
        """g_c."""
        return self.form.gradient(self.slopes)

    def answer(self, vector: Any) -> Answer:
        """Whether a vector is a Clarke gradient of the function at x."""
        return answer(self.form, np.asarray(vector, dtype=float))


def drawn(seed: int) -> tuple[WithNorms, Dice]:
    """A case, and the dice for more.  Every other one has smooth functions in between, with the same linearization."""
    expr, point, dice = program(seed)
    soft = dice.pick((True, False))
    f = spelled(expr, in_numpy.SPELLINGS, dice, point, in_numpy.LEAKY, in_numpy.SOFT if soft else (lambda u: u,))
    form = norm_form(expr, point)
    # With smooth functions in between the limiting gradients of the linearization need not be all.
    form = replace(form, homogeneous=form.homogeneous and not soft)
    slopes = tuple(dice.pick((*UNIT[k], *INNER[k])) for k in form.sizes)
    x = [float(a) for a in point]
    return WithNorms(f, x, expr, form, slopes, f"{source(expr)} at {x}"), dice


@dataclass(frozen=True)
class NormCase:
    """A question about a case with norms, as `drawn.Drawn`; ``gradient`` is None where it is not known."""

    verify: Callable[[], an.Report]
    case: WithNorms
    gradient: Vector | None
    text: str

    def faults(self, report: an.Report) -> Iterator[str]:
        """What the oracle says against a report, and the checker against its certificates."""
        return faults(report, self.case, self.gradient)


def of_norms(seed: int) -> Iterator[NormCase]:
    """Under slope 0 at every kink; and given vectors: g_c under drawn slopes, and one a little off."""
    case, dice = drawn(seed)
    f, x = case.function, case.x
    zero = tuple(tuple(Fraction(0) for _ in c) for c in case.slopes)
    first, *others = case.gradient
    off = (first + Fraction(dice.pick((-2, -1, 1, 2)), 4), *others)
    yield NormCase(lambda: an.verify(f, x, slope=0.0), replace(case, slopes=zero), None, f"slope 0: {case.text}")
    for vector in (case.gradient, off):
        given = [float(a) for a in vector]
        yield NormCase(lambda given=given: an.verify(f, x, gradient=given), case, vector, f"{given} for {case.text}")


def faults(report: an.Report, case: WithNorms, gradient: Vector | None = None) -> Iterator[str]:
    """What the oracle says against a report of ``gradient``, and the checker against its certificates."""
    judged = np.asarray(report.flat_gradient, dtype=float)
    if gradient is not None and not np.allclose(judged, np.array(gradient, float), rtol=1e-9, atol=1e-9):
        yield f"the gradient is {[str(a) for a in gradient]}, not {judged.tolist()}"
    told = case.answer(judged)
    if (bool(report) and told.no) or (report.verdict is an.Verdict.NOT_CLARKE and told.told is Told.YES):
        yield f"{report.verdict.name} by {report.method} is wrong: {told.told.value} ({told.distance:.3g} away)"
    if report.certificate is not None:
        yield from unproved(report.certificate)
    if not report:
        offered = np.asarray(report.flat_clarke_gradient, dtype=float)
        if case.answer(offered).no:
            yield f"the certified gradient {offered.tolist()} is no Clarke gradient"
