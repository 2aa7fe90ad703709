"""Certificates: what is claimed, with the evidence, as plain data that is re-checked without being re-solved.

Where the program is piecewise linear and its active switches are few, or fall into subproblems, a certificate carries
the function near the point whole and the evidence is re-checked by `checker`, on rationals, from the data alone; next
to its program these data are also compared with the program (`agreement`).  A structural or floating-point proof is
re-checked next to its program only: each hypothesis of the theorem again (`kinds`, `next_to_program`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Protocol

import numpy as np

from absnormal.certificates import checker, kinds
from absnormal.certificates.evidence import Evidence, InSystems, Judged, NextToProgram, OnForm
from absnormal.certificates.rational_evidence import base_of, rational, snapshot, with_slopes, with_system
from absnormal.certificates.witness import Witness
from absnormal.clarke.fallback import NoActiveSwitch
from absnormal.theorems.independent_subproblems import IndependentSubproblems
from absnormal.theorems.problem import Problem
from absnormal.theorems.separate_inputs import ApartInSubproblem, SeparateInputs, Subproblem
from absnormal.theorems.separation import NonFinite

#: Entries of x, and operations, that a certificate names.
_SHOWN = 6


class Reported(Protocol):
    """What a certificate takes from a report."""

    @property
    def verdict(self) -> Any: ...
    @property
    def proof(self) -> Any: ...
    @property
    def problem(self) -> Any: ...
    @property
    def fallback(self) -> Any: ...


@dataclass(frozen=True, eq=False)
class Certificate:
    """A claim and its evidence.

    Attributes
    ----------
    kind
        of the evidence: "minor", "direction", "convex weights", ...
    arithmetic
        in which the evidence proves the claim
    claim
        "CLARKE", "NOT_CLARKE" or "limiting gradient"
    data
        plain data, ready for JSON; rationals are strings "p/q"
    assumes
        what the evidence rests on and does not show by itself
    about
        the point and the operations, for a reader
    program
        the digest of the program, its point, and the slopes and the vector that are judged
    digest
        of all that, when it was read from JSON: one number changed is noticed

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> certificate = an.verify(lambda x: np.abs(x[0]) - np.abs(2 * x[0]), [0.0]).certificate
    >>> certificate.claim, certificate.kind, certificate.check()
    ('CLARKE', 'merged kinks', True)
    >>> Certificate.from_json(certificate.to_json()).check()
    True
    """

    kind: str
    arithmetic: str
    claim: str
    data: Mapping[str, Any]
    assumes: str = ""
    witness: Witness | None = field(default=None, repr=False)
    about: str = ""
    program: str = ""
    digest: str = ""

    def __repr__(self) -> str:
        return f"<Certificate of {self.claim} by {self.kind}, {self.arithmetic}>"

    def check(self) -> bool:
        """Whether the evidence, looked at again, proves the claim.

        Next to its program it is checked against that; read from JSON, against the form that it carries whole.

        Raises
        ------
        ValueError
            for data that are not a certificate, and for evidence that needs its program but was read from JSON
            (`absnormal.certificates.checker.NeedsProgram`)
        """
        if self.witness is None:
            return checker.holds(self.to_dict())
        if self.digest and self.digest != checker.digest(self._content()):
            return False
        try:
            return self._proves(self.witness)
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise ValueError(f"malformed certificate: {type(error).__name__}: {error}") from error

    def _proves(self, witness: Witness) -> bool:
        """Whether it is about this program, point and vector, and proves the claim of them."""
        # Nobody can foresee these draws, so no evidence can be made for them.
        rng = np.random.default_rng()
        fits = self.program == witness.digest and self.kind == self.data["kind"]
        return fits and kinds.holds(self.claim, self.data, witness, rng)

    @property
    def function(self) -> checker.Function | None:
        """Which function the statement is about: the digest and the size of f'(x; .) near x; None where the data do
        not hold it whole, and `program` names the program at its point.

        >>> import numpy as np, absnormal as an
        >>> f, g = (lambda x: np.abs(x[0]) + x[1]), (lambda x: x[1] + np.maximum(np.abs(x[0]), 0.0 * x[0] - 1))
        >>> one, other = (an.verify(h, [0.0, 2.0]).certificate.function for h in (f, g))
        >>> one.inputs, one.switches, one == other
        (2, 1, True)
        """
        return checker.function(self.data)

    def _content(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "arithmetic": self.arithmetic, "claim": self.claim, "assumes": self.assumes,
            "about": self.about, "program": self.program, "data": dict(self.data),
        }

    def to_dict(self) -> dict[str, Any]:
        """Everything but the program, ready for JSON."""
        content = self._content()
        return {**content, "digest": self.digest or checker.digest(content)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Certificate:
        """The inverse of `to_dict`."""
        names = ("kind", "arithmetic", "claim", "data", "assumes", "about", "program", "digest")
        try:
            return cls(**{name: values[name] for name in names})
        except (KeyError, TypeError) as error:
            raise ValueError(f"malformed certificate: {type(error).__name__}: {error}") from error

    def to_json(self) -> str:
        """A JSON text, which `absnormal recheck` takes from a file."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Certificate:
        """The inverse of `to_json`."""
        return cls.from_dict(json.loads(text))


def certificate_of(report: Reported) -> Certificate | None:
    """The certificate of a verdict; None for UNDECIDED."""
    claim = report.verdict.name
    if claim not in checker.CLAIMS:
        return None
    proof, problem, judged = report.proof, report.problem, report.proof.judged
    slopes = problem.c if judged is None or judged.slopes is None else judged.slopes
    about = with_slopes(problem, np.asarray(slopes))
    return _built(proof.evidence, proof.arithmetic, claim, about, judged, proof.deviation)


def certificate_of_fallback(report: Reported) -> Certificate | None:
    """The certificate of the limiting gradient that goes with a report; None where it is not proved."""
    found, problem = report.fallback, report.problem
    if not found.proved:
        return None
    about = with_slopes(problem, found.sigma[problem.sweeps.alpha])
    return _built(found.evidence, found.arithmetic, "limiting gradient", about)


def _built(
    evidence: Evidence, arithmetic: str, claim: str, problem: Problem, judged: Judged | None = None,
    deviation: float = 0.0,
) -> Certificate:
    """A certificate of what the evidence proves of the slopes of the problem, or of the vector that is judged."""
    vector, tolerance = (None, None) if judged is None else (judged.vector, judged.tolerance)
    witness = Witness(problem.sweeps, np.asarray(problem.c), vector, tolerance, deviation)
    plain, arithmetic = _written(evidence, arithmetic, claim, problem, judged)
    if "vector" in plain and "tolerance" in plain:
        plain |= _stated(plain, problem)
    elif deviation and "system" not in plain and "systems" not in plain:
        plain["deviation"] = deviation
    assumes = "" if isinstance(evidence, NonFinite) else _assumes(plain, arithmetic, problem)
    return Certificate(plain["kind"], arithmetic, claim, plain, assumes, witness, _about(problem), witness.digest)


def _written(
    evidence: Evidence, arithmetic: str, claim: str, problem: Problem, judged: Judged | None
) -> tuple[dict[str, Any], str]:
    """Plain data, and the arithmetic of what they show: on rationals where that can be had."""
    about = {} if judged is None else judged.to_dict()
    piecewise_linear = problem.sweeps.program.is_piecewise_linear
    match evidence:
        case InSystems():
            return _plain({**_in_systems(evidence, problem), **about}, str), arithmetic
        case SeparateInputs() | ApartInSubproblem():
            parts = [_of_subproblem(own, claim, judged) for own in evidence.subproblems]
            return _plain({"kind": evidence.kind, "subproblems": parts, **about}, float), arithmetic
        case NoActiveSwitch():
            system = problem.system if piecewise_linear else None
            shown = {} if system is None else {"system": snapshot(system, problem)}
            return _plain({**evidence.to_dict(), **about, **shown}, str), arithmetic
        case OnForm():
            system = problem.system
            assert system is not None
            return _plain({**evidence.on(system), **about, "system": snapshot(system, problem)}, str), arithmetic
        case NextToProgram():
            problem = with_system(problem) if piecewise_linear else problem
            found = rational(evidence, problem, judged, claim) if piecewise_linear else None
            system = problem.system if found is not None else None
            if found is None or system is None:
                return _plain({**evidence.to_dict(), **about}, float), arithmetic
            return _plain({**found, "system": snapshot(system, problem)}, str), "rational"
    raise AssertionError(f"evidence of no form: {type(evidence).__name__}")


def _of_subproblem(own: Subproblem, claim: str, whole: Judged | None) -> dict[str, Any]:
    """The inputs and the slopes of a subproblem, and what is written of its proof as if it stood alone."""
    proof, judged = own.proof, own.judged(whole)
    slopes = own.problem.c if judged is None or judged.slopes is None else judged.slopes
    assert proof.evidence is not None
    alone = _built(proof.evidence, proof.arithmetic, claim, with_slopes(own.problem, slopes), judged, proof.deviation)
    return {"inputs": np.flatnonzero(own.inputs), "slopes": slopes, "evidence": alone.data}


def _in_systems(evidence: InSystems, problem: Problem) -> dict[str, Any]:
    """All systems that share no input, with the evidence for each, and J~ where it is known."""
    whole = None if isinstance(evidence, IndependentSubproblems) else problem.system
    apart = [whole] if whole is not None else problem.apart or []
    base = {"base": base_of(apart[0], problem)} if apart and apart[0].base is not None else {}
    systems = [snapshot(replace(own, base=None), problem) for own in apart]
    return {**evidence.on(apart), **base, "systems": systems}


def _stated(plain: Mapping[str, Any], problem: Problem) -> dict[str, Any]:
    """The leaves of x, and the tolerance against the largest entry of each leaf, where it is small against that."""
    leaves = {"leaves": [math.prod(shape) for shape in problem.sweeps.program.tree.shapes]}
    exact = {name: [_exactly(a) for a in plain[name]] for name in ("vector", "tolerance")}
    rtol = checker.least_rtol({**plain, **exact, **leaves})
    return leaves if rtol is None or rtol > checker.LARGEST else {**leaves, "rtol": _text(rtol)}


def _exactly(value: Any) -> Any:
    return value if isinstance(value, str) else Fraction(value)


def _assumes(plain: Mapping[str, Any], arithmetic: str, problem: Problem) -> str:
    """What the evidence does not show by itself."""
    if "system" not in plain and "systems" not in plain:
        return "the program at the point, next to which it is checked"
    exact = problem.sweeps.rational
    said = ["the numbers are those of the program at the point"]
    if not exact:
        said.append("active are the switches that are 0 in float64")
    if problem.sweeps.atol:
        said.append(f"or whose size is at most {problem.sweeps.atol:g}")
    if arithmetic == "float64" and problem.sweeps.program.is_piecewise_linear is False:
        said.append("hypothesis E: the active switches are those of independent forms, with computed derivatives")
    return "; ".join(said)


def _about(problem: Problem) -> str:
    """The point and the operations, in a line."""
    sweeps = problem.sweeps
    x = np.concatenate([leaf.reshape(-1) for leaf in sweeps.program.inputs(sweeps.values)] or [np.zeros(0)])
    shown = ", ".join(str(a) for a in x[:_SHOWN].tolist()) + (", ..." if len(x) > _SHOWN else "")
    nodes = [sweeps.program.nodes[i] for i in sweeps.program.kinked]
    active = [node for node in nodes if sweeps.active[node.own].any()]
    positions = list(dict.fromkeys(f"{node.operation} at {node.source}" for node in active))
    where = ": " + "; ".join(positions[:_SHOWN]) + ("; ..." if len(positions) > _SHOWN else "") if positions else ""
    return f"x = [{shown}], {len(sweeps.alpha)} of {sweeps.program.s} switches active{where}"


def _plain(value: Any, number: Any) -> Any:
    """Ready for JSON: fractions, and floats where ``number`` is str, as strings."""
    if isinstance(value, Mapping):
        return {name: _plain(entry, number) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry, number) for entry in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist(), number)
    if isinstance(value, Fraction):
        return _text(value) if number is str else float(value)
    if isinstance(value, (float, np.floating)):
        if number is str:
            return str(Fraction(float(value)))
        return float(value) if np.isfinite(value) else str(float(value))
    return int(value) if isinstance(value, np.integer) else value



def _text(value: Fraction) -> str:
    """p/q; in hexadecimal where Python writes no decimals for length."""
    try:
        return str(value)
    except ValueError:
        return f"{value.numerator:#x}/{value.denominator:#x}"
