"""The report: a verdict with everything that belongs to it, computed when asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal._shown import shown
from absnormal.arrays import Array
from absnormal.certificates.certificate import Certificate, certificate_of, certificate_of_fallback
from absnormal.clarke.fallback import Certified, certified
from absnormal.errors import BudgetError
from absnormal.program.program import Program
from absnormal.program.tree import join
from absnormal.report import active as lines
from absnormal.report import explanation, html, near, on_one_set, plain, relation, remedy, text
from absnormal.report.active import Active
from absnormal.report.verdict import Verdict
from absnormal.sweeps.overflow import overflow
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.likq import decide as decide_likq
from absnormal.theorems.merging import BeyondMergedKinks
from absnormal.theorems.problem import Problem, Proof

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from absnormal.judgement.conventions import Conventions

#: Switches near a kink that `Report.to_dict` lists.
_NEAR = 100


@dataclass(frozen=True, eq=False, repr=False)
class Report:
    """What `absnormal.verify` found.  True as a bool only when the verdict is CLARKE.

    Printed it reads top down; Jupyter shows it as a table; `to_dict` is for programs.  It pickles.

    Examples
    --------
    >>> import absnormal as an
    >>> from absnormal import gallery
    >>> report = an.verify(gallery.identity, [0.0], slope=-1)
    >>> report
    <Report NOT_CLARKE by separation, 2 of 2 switches active>
    >>> print(report.explanation)
    z0 and z1 kink on the same set: z1 = -z0 (np.maximum at kinks.py:...); where one is positive the other is
    negative, so relu'(0) = 0 cannot hold at both. along d = [-1] the gradient predicts the slope 0, and no Clarke
    gradient gives more than -1. relu'(0) = 1/2 at every tie would do. Fix: take them from one operation, such as
    t = max(z, 0), with max(-z, 0) = t - z, min(z, 0) = z - t and |z| = 2 t - z. a Clarke gradient is [1]
    """

    verdict: Verdict
    proof: Proof
    leaves: Sequence[Array]
    problem: Problem
    tool: Sweeps
    slope: Any
    given: bool
    tolerance: float
    tried: tuple[str, ...]
    seed: int
    consistent: bool
    wrap: Callable[[Array], Any] | None = None
    notes: tuple[str, ...] = ()
    framework: str = ""
    instead: str = ""
    finer: bool = False

    def __bool__(self) -> bool:
        return self.verdict is Verdict.CLARKE

    def __str__(self) -> str:
        return text.text(self)

    def __repr__(self) -> str:
        count, total = len(self.problem.sweeps.alpha), self.program.s
        return f"<Report {self.verdict.name} by {self.method}, {count} of {total} switches active>"

    def _repr_html_(self) -> str:
        return html.html(self)

    def plot(self, *, plane: Any = None, radius: float = 1.0, ax: Axes | None = None) -> Axes:
        """The kinks and the gradients around x, the tool's step and the steepest descent; see `absnormal.plot.cells`.

        >>> import absnormal as an
        >>> from absnormal import gallery
        >>> ax = an.verify(gallery.cyclic_relu, [0.0, 0.0, 0.0], slope=-1).plot()
        >>> ax.get_title(), ax.get_xlabel()
        ('NOT_CLARKE by separation', 'along the direction of excess slope')
        """
        axes: Axes = shown("Report.plot")(self, plane=plane, radius=radius, ax=ax)
        return axes

    def plot_line(self, direction: Any = None, *, radius: float = 1.0, ax: Axes | None = None) -> Axes:
        """f along a line through x, with its one-sided slopes and the tool's; see `absnormal.plot.line`.

        >>> import absnormal as an
        >>> from absnormal import gallery
        >>> ax = an.verify(gallery.coupled_abs, [0.0, 0.0], slope=1).plot_line([0.0, 1.0])
        >>> ax.get_xlabel()
        't, along d'
        """
        axes: Axes = shown("Report.plot_line")(self, direction, radius=radius, ax=ax)
        return axes

    @property
    def program(self) -> Program:
        """The abs-only evaluation form."""
        return self.tool.program

    @property
    def method(self) -> str:
        """The theorem that decided, or "budget", "undecided", "nonfinite"."""
        return self.proof.method

    @property
    def deviation(self) -> float:
        """A bound on the rounding that was set aside, in the units of the gradient."""
        return self.proof.deviation

    @cached_property
    def flat_gradient(self) -> Array:
        """What the tool returned, or would return, as one vector, shape (n,)."""
        return join(self.leaves)

    @property
    def gradient(self) -> Any:
        """What the tool returned, or would return, in the structure of x, as the arrays that x was made of."""
        return self._shaped(self.flat_gradient)

    @property
    def clarke_gradient(self) -> Any:
        """A certified Clarke gradient, in the structure of x.

        Raises
        ------
        DomainError
            where it is larger than float64, or than the precision of x, can hold
        """
        if not np.isfinite(self.flat_clarke_gradient).all():
            raise overflow(self.tool)
        return self._shaped(self.flat_clarke_gradient)

    @property
    def flat_clarke_gradient(self) -> Array:
        """The same as one vector, shape (n,)."""
        return self._proved if self and not self.given else self.fallback.gradient

    @cached_property
    def _proved(self) -> Array:
        """g_c, of which the tool's gradient is a rounded copy."""
        if not self.framework:
            return self.flat_gradient
        return np.asarray(self.problem.sweeps.gradient(self.problem.sigma), dtype=float)

    def arrays(self, flat: Array) -> Any:
        """A flat vector in the structure of x, as NumPy arrays with memory of their own."""
        return self.program.tree.unflatten(flat.copy())

    def _shaped(self, flat: Array) -> Any:
        """A flat vector in the structure of x, as the arrays that x was made of."""
        return self.arrays(flat) if self.wrap is None else self.wrap(flat)

    @cached_property
    def fallback(self) -> Certified:
        """A limiting gradient with its direction."""
        return certified(self.problem.sweeps, self.seed, self.problem.system)

    @cached_property
    def likq(self) -> bool | None:
        """LIKQ by its literal definition; None where deciding it would cost more than the verdict."""
        return decide_likq(self.problem)[0]

    @cached_property
    def certificate(self) -> Certificate | None:
        """The certificate of the verdict; None for UNDECIDED."""
        return certificate_of(self)

    @cached_property
    def clarke_certificate(self) -> Certificate | None:
        """The certificate of `clarke_gradient`; None where it is not proved."""
        return self.certificate if self and not self.given else certificate_of_fallback(self)

    @property
    def slopes(self) -> Array:
        """The slopes used at the active switches."""
        return np.asarray(self.problem.c, dtype=float)

    @cached_property
    def active(self) -> tuple[Active, ...]:
        """The active switches, grouped by operation and source line.

        >>> import absnormal as an
        >>> from absnormal import gallery
        >>> print(*an.verify(gallery.maxmin, [0.0] * 4, slope=-1).active, sep="\\n")
        np.maximum at kinks.py:...: 2 of 2 active (z0..z1), slope -1
        np.minimum at kinks.py:...: 2 of 2 active (z2..z3), slope -1
        """
        return lines.active(self.problem.sweeps, None if self.given else self.slopes)

    @cached_property
    def culprits(self) -> tuple[Active, ...]:
        """The lines behind a verdict that is not CLARKE: where switches are tied together, or else all active ones.

        >>> import absnormal as an
        >>> from absnormal import gallery
        >>> print(*an.verify(gallery.identity, [0.0], slope=-1).culprits)
        np.maximum at kinks.py:...: 2 of 2 active (z0..z1), slope -1
        """
        if self.verdict is Verdict.CLARKE:
            return ()
        judged, slopes = not self.given and self.consistent, None if self.given else self.slopes
        if self.method == "nonfinite":
            switches = tuple(self.problem.sweeps.alpha[np.isnan(self.slopes)].tolist())
        else:
            switches = self._tied(judged) if self.verdict is Verdict.NOT_CLARKE else ()
        return lines.active(self.problem.sweeps, slopes, np.array(switches)) if switches else self.active

    def _tied(self, judged: bool) -> tuple[int, ...]:
        """The switches that are tied together."""
        if isinstance(self.proof.evidence, BeyondMergedKinks):
            shared = on_one_set.on_one_set(self.problem, judged)
            return () if shared is None else tuple(shared.switches.tolist())
        return relation.tied(self.problem, judged)

    @cached_property
    def near(self) -> near.NearKinks:
        """The switches whose float64 sign is one of rounding: not the exact one, or within rounding of 0 but not 0.

        A sequence, of which each is made when it is looked at.

        >>> import absnormal as an, numpy as np
        >>> print(*an.verify(lambda x: np.abs((x[0] + 1e16) - 1e16), [0.5]).near)
        z0, np.absolute at ...: 0 in float64, 1/2 exactly
        """
        exact = self.problem.sweeps.z
        return near.near(self.tool, exact if exact.dtype == object else None)

    @cached_property
    def remedy(self) -> remedy.Remedy | None:
        """Slopes with which the tool would have been right; None unless slopes were proved wrong and others found.

        >>> import absnormal as an
        >>> from absnormal import gallery
        >>> report = an.verify(gallery.identity, [0.0], slope=-1)
        >>> report.remedy.in_words(report.program)
        "relu'(0) = 1/2 at every tie would do"
        """
        judged = self.verdict is Verdict.NOT_CLARKE and not self.given and self.consistent
        judged = judged and self.method != "nonfinite"
        return remedy.remedy(self.problem) if judged else None

    @cached_property
    def explanation(self) -> str:
        """Why: the shortest true explanation in the user's words."""
        return explanation.explanation(self)

    def descent_direction(self) -> Any:
        """A direction of length 1 along which f falls, in the structure of x; None where 0 is a Clarke gradient.

        It is that of steepest descent where dC f(x) is known in whole.

        Raises
        ------
        BudgetError
            where neither is proved

        >>> import absnormal as an, numpy as np
        >>> an.verify(lambda x: np.abs(x[0]) - 3 * x[1], [0.0, 0.0]).descent_direction()
        array([0., 1.])
        >>> an.verify(lambda x: np.abs(x[0]), [0.0]).descent_direction() is None
        True
        """
        found = shown("Report.descent")(self)
        if found.stationary is None:
            raise BudgetError("neither descent nor that 0 is in dC f(x) could be proved: try a larger budget=")
        return self._shaped(found.direction) if found.stationary is False else None

    @cached_property
    def next_step(self) -> str:
        """Whether x is stationary or along which direction f falls, and where the tool's step leads; "" where that is
        not known at once.

        >>> import absnormal as an
        >>> from absnormal import gallery
        >>> an.verify(gallery.identity, [0.0], slope=-1).next_step
        'f falls along d = [-1] at the rate 1; the tool, whose gradient is 0, stays'
        """
        return str(shown("Report.next_step")(self))

    @cached_property
    def conventions(self) -> Conventions:
        """What the slopes -1, 0 and 1 at ties, and those of other tools, would give, and the lines that matter for it.

        >>> import absnormal as an
        >>> from absnormal import gallery
        >>> print(an.verify(gallery.identity, [0.0], slope=-1).conventions)
        slope -1: [0]; slope 0, autograd, torch, jax, casadi: [1]; slope 1...: [2]. It depends on the slope of ...
        """
        found: Conventions = shown("Report.conventions")(self)
        return found

    def to_json(self, certificate: bool = False) -> str:
        """`to_dict` as one line of JSON.

        >>> import absnormal as an, json, numpy as np
        >>> json.loads(an.verify(lambda x: np.abs(x[0]), [0.0]).to_json())["verdict"]
        'CLARKE'
        """
        return json.dumps(self.to_dict(certificate))

    def to_dict(self, certificate: bool = False) -> dict[str, Any]:
        """Plain data that `json.dumps` takes; Fractions are strings, long arrays their first entries.

        With ``certificate`` that of the verdict comes along, whole, as `absnormal recheck` takes it.

        >>> import absnormal as an, numpy as np
        >>> found = an.verify(lambda x: np.abs(x[0]), [0.0]).to_dict()
        >>> found["verdict"], found["gradient"], found["active"][0]["count"]
        ('CLARKE', [0.0], 1)
        """
        excess = explanation.excess(self) if self.verdict is Verdict.NOT_CLARKE else None
        found = {
            "verdict": self.verdict.name,
            "method": self.method,
            "reason": self.proof.reason,
            "explanation": self.explanation,
            "gradient": self.arrays(self.flat_gradient),
            "clarke_gradient": self.arrays(self.flat_clarke_gradient),
            "clarke_gradient_proved": bool(self and not self.given) or self.fallback.proved,
            "likq": self.likq,
            "switches": self.program.s,
            "active_switches": len(self.problem.sweeps.alpha),
            "active": [asdict(group) for group in self.active],
            "near": [asdict(switch) for switch in self.near[:_NEAR]],
            "near_switches": len(self.near),
            "slope": self.slope,
            "given": self.given,
            "consistent": self.consistent,
            "exact": self.problem.sweeps.rational,
            "arithmetic": self.proof.arithmetic,
            "deviation": self.deviation,
            "tolerance": self.tolerance,
            "notes": list(self.notes),
            "tried": list(dict.fromkeys(self.tried)),
            "remedy": remedy.shown(self.remedy),
            "excess": None if excess is None else asdict(excess),
        }
        whole = {name: plain.data(value) for name, value in found.items()}
        if certificate:
            whole["certificate"] = None if self.certificate is None else self.certificate.to_dict()
        return whole
