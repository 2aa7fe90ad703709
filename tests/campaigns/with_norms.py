"""Programs with norms: what is drawn from a seed, and what is wrong with a report, by the oracle for norms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Protocol

import numpy as np

import absnormal as an
from absnormal.sweeps.table import Sweeps

from ..oracle.dice import Dice
from ..oracle.expressions import Expr, Norm, Vector, source
from ..oracle.norms.drawn_forms import INNER, UNIT
from ..oracle.norms.form import NormForm, Slopes, norm_form
from ..oracle.norms.hull import gradients, outer, under
from ..oracle.norms.programs import program
from ..oracle.norms.truth import Answer, Told, answer, scale, separated
from . import in_numpy
from .frameworks import KEPT
from .judged import unproved
from .spelled import Spellings, spelled

#: What is rounding, in units of the size of the gradients, of a gradient in numbers of so many bytes.
_ROUNDING = {8: 1e-7, 4: 1e-5}
#: What is asked of a NumPy function, the more often the more that is.
_QUESTIONS = ("zero", "slopes", "slopes", "vector", "vector", "off", "limit", "edge")


@dataclass(frozen=True)
class WithNorms:
    """A function with norms, at a point, under the slopes of a tool.

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

    def answer(self, vector: Any, itemsize: int = 8) -> Answer:
        """Whether a vector, in numbers of so many bytes, is a Clarke gradient of the function at x."""
        return answer(self.form, np.asarray(vector, dtype=float), rounding=_ROUNDING[itemsize])

    def no(self, vector: Any, itemsize: int = 8) -> bool:
        """Whether a vector is known to be none; by the outer bound alone where nothing else can tell."""
        if self.form.homogeneous:
            return self.answer(vector, itemsize).no
        vector = np.asarray(vector, dtype=float)
        return not np.isfinite(vector).all() or separated(self.form, vector, _ROUNDING[itemsize] * scale(self.form)) > 0


class Front(Protocol):
    """How a framework writes a program: `in_numpy`, `in_torch`, `in_jax`."""

    @property
    def SPELLINGS(self) -> Spellings: ...

    @property
    def FINITE(self) -> Sequence[Callable[..., Any]]: ...

    @property
    def LEAKY(self) -> Sequence[Callable[[Any, float], Any]]: ...

    @property
    def SOFT(self) -> Sequence[Callable[[Any], Any]]: ...


def drawn(seed: int, front: Front = in_numpy) -> tuple[WithNorms, Dice]:
    """A case, and the dice for more.  One of four has smooth functions in between, with the same linearization.

    Three of four have norms only whose derivatives at 0 are finite in that framework.
    """
    expr, point, dice = program(seed)
    soft, finite = dice.pick((True, False, False, False)), dice.pick((True, True, True, False))
    ways = front.SPELLINGS if not finite else {**front.SPELLINGS, Norm: front.FINITE}
    f = spelled(expr, ways, dice, point, front.LEAKY, front.SOFT if soft else (lambda u: u,))
    form = norm_form(expr, point)
    # With smooth functions in between the limiting gradients of the linearization need not be all.
    form = replace(form, homogeneous=form.homogeneous and not soft)
    slopes = tuple(dice.pick((*UNIT[k], *INNER[k])) for k in form.sizes)
    x = [float(a) for a in point]
    return WithNorms(f, x, expr, form, slopes, f"{source(expr)} at {x}"), dice


@dataclass(frozen=True)
class NormCase:
    """A question about a case with norms, as `drawn.Drawn`; ``gradient`` is None where it is not known.

    ``checked`` says whether certificates are checked, too, which takes as long as all else; ``itemsize`` is that of the
    numbers in which the front end computes; ``member`` says that what is judged is a Clarke gradient, where that is
    known from how it was drawn.
    """

    verify: Callable[[], an.Report]
    case: WithNorms
    gradient: Vector | None
    text: str
    checked: bool = True
    itemsize: int = 8
    member: bool = False

    def faults(self, report: an.Report) -> Iterator[str]:
        """What the oracle says against a report, and the checker against its certificates."""
        if self.member and report.verdict is an.Verdict.NOT_CLARKE:
            yield f"NOT_CLARKE by {report.method} is wrong: it is a limiting gradient"
        yield from faults(report, self.case, self.gradient, self.checked, self.itemsize)


def of_norms(seed: int) -> Iterator[NormCase]:
    """One question: what is returned under drawn slopes, or slope 0 everywhere; or a given vector.

    That is g_c under drawn slopes, or one a little off; a limiting gradient; or what lies on the boundary of the outer
    bound, or a little beyond.  Certificates are checked in one case of four.
    """
    case, dice = drawn(seed)
    f, x, form = case.function, case.x, case.form
    question, checked = dice.pick(_QUESTIONS), dice.pick((True, False, False, False))
    if question == "zero":
        yield NormCase(lambda: an.verify(f, x, slope=0.0), case, None, f"slope 0: {case.text}", checked)
        return
    if question == "slopes":
        traced = an.trace(f, x)
        c = _slopes(Sweeps(traced, np.array(x)), dice)
        text = f"slopes {c.tolist()}: {case.text}"
        yield NormCase(lambda: an.verify(traced, x, slope=c), case, None, text, checked)
        return
    exact: Vector | None = None
    if question in ("vector", "off"):
        exact = case.gradient
        if question == "off":
            exact = (exact[0] + Fraction(dice.pick((-2, -1, 1, 2)), 4), *exact[1:])
        given = [float(a) for a in exact]
    else:
        v = np.array([dice.pick((0, 1, -1, 2, -3)) for _ in x], float) + dice.pick((0.0, 1e-3, 1.0)) * np.sqrt(len(x))
        if question == "limit":
            given = gradients(form, v[None])[0].tolist()
        else:
            size = scale(form) * dice.pick((0.0, 1e-4, 1e-3, 1e-2))
            given = (under(form, outer(form, v)[1]) + size * v / (np.linalg.norm(v) or 1.0)).tolist()
        if not np.isfinite(given).all():
            return
    text = f"{given} for {case.text}"
    yield NormCase(
        lambda: an.verify(f, x, gradient=given), case, exact, text, checked, member=question == "limit")


def _slopes(at: Sweeps, dice: Dice) -> np.ndarray:
    """Slopes of all switches, those of a norm in its ball; half of the time the same at all kinks of one size."""
    alike = dice.pick((True, False))
    among = dice.pick((UNIT, INNER, {k: (*UNIT[k], *INNER[k]) for k in UNIT}))
    known: dict[int, Vector] = {}

    def one(size: int) -> list[float]:
        drawn = dice.pick(among[size])
        return [float(a) for a in (known.setdefault(size, drawn) if alike else drawn)]

    c = np.array([one(1)[0] for _ in range(at.program.s)])
    for own in at.balls:
        for block in own.T:
            c[block] = one(len(block))
    return c


def of_norms_in_torch(seed: int) -> Iterator[NormCase]:
    """What torch returns, with respect to a tensor in double precision, or to a parameter in single precision."""
    import torch

    from . import in_torch as front

    case, dice = drawn(seed, front)
    f, wide, checked = case.function, dice.pick((True, False)), dice.pick((True, False, False, False))
    if wide:
        x = torch.tensor(case.x, dtype=torch.float64)
        yield NormCase(lambda: an.verify(f, x), case, None, case.text, checked)
        return
    leaf = torch.tensor(case.x, requires_grad=True)
    yield NormCase(lambda: an.torch.verify(leaf, lambda: f(leaf)), case, None, f"float32: {case.text}", checked, 4)


def of_norms_in_jax(seed: int) -> Iterator[NormCase]:
    """What JAX returns, in double or in single precision, now and then compiled."""
    import jax
    import jax.numpy as jnp

    from . import in_jax as front

    if seed % KEPT == 0:
        jax.clear_caches()
    case, dice = drawn(seed, front)
    f, wide, checked = case.function, dice.pick((True, False)), dice.pick((True, False, False, False))
    f = jax.jit(f) if dice.pick((True, *[False] * 9)) else f

    def verify() -> an.Report:
        with jax.enable_x64(wide):
            return an.verify(f, jnp.array(case.x))

    text = case.text if wide else f"float32: {case.text}"
    yield NormCase(verify, case, None, text, checked, 8 if wide else 4)


def faults(
    report: an.Report, case: WithNorms, gradient: Vector | None = None, checked: bool = True, itemsize: int = 8
) -> Iterator[str]:
    """What the oracle says against a report of ``gradient``, and the checker against its certificates."""
    judged = np.asarray(report.flat_gradient, dtype=float)
    if gradient is not None and not np.allclose(judged, np.array(gradient, float), rtol=1e-9, atol=1e-9):
        yield f"the gradient is {[str(a) for a in gradient]}, not {judged.tolist()}"
    told = case.answer(judged, itemsize) if report.verdict is an.Verdict.NOT_CLARKE else None
    if told is not None and told.told is Told.YES:
        yield f"NOT_CLARKE by {report.method} is wrong: {told.told.value} ({told.distance:.3g} away)"
    if report and case.no(judged, itemsize):
        yield f"CLARKE by {report.method} is wrong: {Told.NO.value}"
    if checked and report.certificate is not None:
        yield from unproved(report.certificate)
    if not report:
        offered = np.asarray(report.flat_clarke_gradient, dtype=float)
        if case.no(offered, itemsize):
            yield f"the certified gradient {offered.tolist()} is no Clarke gradient"
