"""Certificates: what is claimed, with the evidence, as plain data that is re-checked without being re-solved.

Where the active switches are few and their rows rational the evidence is re-checked by `checker`, on rationals, from
the data alone; a certificate next to its program also compares these data with the program, by pushes along random
directions.  A structural or floating-point proof of a program that is not piecewise linear, or has many active
switches, is re-checked next to its program by other sweeps than those that found it (`resampling`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Protocol

import numpy as np

from absnormal.arrays import Array
from absnormal.exact import agreement, checker, evidence, resampling
from absnormal.exact.system import System
from absnormal.theorems.problem import Problem

#: Switching variables, and entries of x, that a certificate lists.
_LISTED = 4096
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
    digest
        of all that, when it was read from JSON: one number changed is noticed

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> certificate = an.verify(lambda x: np.abs(x[0]) - np.abs(2 * x[0]), [0.0]).certificate
    >>> certificate.claim, certificate.kind, certificate.check()
    ('CLARKE', 'components', True)
    >>> Certificate.from_json(certificate.to_json()).check()
    True
    """

    kind: str
    arithmetic: str
    claim: str
    data: Mapping[str, Any]
    assumes: str = ""
    witness: resampling.Witness | None = field(default=None, repr=False)
    about: str = ""
    digest: str = ""

    def check(self) -> bool:
        """Whether the evidence, looked at again, proves the claim.

        Raises
        ------
        ValueError
            for data that are not a certificate, and for evidence that needs its program but was read from JSON
            (`absnormal.exact.checker.NeedsProgram`)
        """
        try:
            return checker.holds(self.to_dict()) and self._agrees()
        except checker.NeedsProgram:
            if self.witness is None:
                raise
            return self._checked_next_to_program(self.witness)

    def _agrees(self) -> bool:
        """Whether the data are those of the program, where that is there."""
        return self.witness is None or self.kind == "nonfinite" or agreement.agrees(self.data, self.witness)

    def _checked_next_to_program(self, witness: resampling.Witness) -> bool:
        if self.digest and self.digest != checker.digest(self._content()):
            return False
        if "system" in self.data or "parts" in self.data:
            return checker.check(self.data) and self._proves() and agreement.agrees(self.data, witness)
        return self._proves() and resampling.check(self.kind, self.data, witness)

    def _proves(self) -> bool:
        parts = self.data["parts"] if self.kind == "independent parts" else [self.data]
        return self.kind == self.data["kind"] and all(checker.can_prove(self.claim, part) for part in parts)

    def _content(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "arithmetic": self.arithmetic, "claim": self.claim, "assumes": self.assumes,
            "about": self.about, "data": dict(self.data),
        }

    def to_dict(self) -> dict[str, Any]:
        """Everything but the program, ready for JSON."""
        content = self._content()
        return {**content, "digest": self.digest or checker.digest(content)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Certificate:
        """The inverse of `to_dict`."""
        names = ("kind", "arithmetic", "claim", "data", "assumes", "about", "digest")
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
    proof, problem = report.proof, report.problem
    data = dict(proof.data)
    if proof.deviation:
        data["deviation"] = proof.deviation
    slopes = np.asarray(data.pop("slopes", problem.c))
    return _built(data, proof.arithmetic, claim, evidence.with_slopes(problem, slopes))


def certificate_of_fallback(report: Reported) -> Certificate | None:
    """The certificate of the limiting gradient that goes with a report; None where it is not proved."""
    found, problem = report.fallback, report.problem
    if not found.proved:
        return None
    data = dict(found.data)
    if found.direction is not None:
        data["direction"] = found.direction
    judged = evidence.with_slopes(problem, found.sigma[problem.sweeps.alpha])
    return _built(data, found.arithmetic, "limiting gradient", judged)


def _built(data: dict[str, Any], arithmetic: str, claim: str, problem: Problem) -> Certificate:
    """A certificate of what ``data`` proves of the slopes of the problem."""
    plain, arithmetic = _evidence(data, arithmetic, problem)
    witness = resampling.Witness(problem.sweeps, np.asarray(problem.c))
    assumes = _assumes(plain, arithmetic, problem)
    return Certificate(plain["kind"], arithmetic, claim, plain, assumes, witness, _about(problem))


def _evidence(data: dict[str, Any], arithmetic: str, problem: Problem) -> tuple[dict[str, Any], str]:
    """Plain data, and the arithmetic of what they show: on rationals where that can be had."""
    kind = data["kind"]
    if kind in checker.IN_BLOCKS:
        return _plain({**data, "parts": [_in_blocks(own, problem) for own in data["parts"]],
                       "switches": problem.sweeps.alpha}, str), arithmetic
    if kind == "independent parts":
        parts = [_part(own, problem) for own in data["parts"]]
        return _plain({**data, "parts": parts, "switches": problem.sweeps.alpha}, str), arithmetic
    if kind == "no active switch":
        shown = _none_active(problem) if problem.sweeps.program.s <= _LISTED else {}
        return _plain({**data, **shown}, str), arithmetic
    on_rationals = kind in checker.KINDS and arithmetic not in ("structure", "float64, outward rounded") and (
        kind != "direction" or "columns" in data
    )
    looked_at = on_rationals or (kind != "nonfinite" and problem.sweeps.program.is_piecewise_linear)
    system = problem.system if looked_at else None
    if system is None:
        return _plain(data, float), arithmetic
    if on_rationals:
        kept = system if kind in ("zero rows", "minor") else system.relevant()
        found: dict[str, Any] | None = evidence.of(data, system, kept)
    else:
        found, kept = evidence.rational(data, problem) or (None, system)
        arithmetic = arithmetic if found is None else "rational"
    if found is None:
        return _plain(data, float), arithmetic
    snapshot = evidence.snapshot(system, kept, problem)
    if "base" in snapshot:
        found.pop("points", None)
    return _plain({**found, "system": snapshot}, str), arithmetic


def _none_active(problem: Problem) -> dict[str, Any]:
    """All switching variables that are finite, and J~ where the program is piecewise linear."""
    system = problem.system if problem.sweeps.program.is_piecewise_linear else None
    empty: dict[str, Any] = {"switches": [], "rows": [], "couplings": [], "weights": [], "kept": [], "slopes": []}
    snapshot = empty if system is None else evidence.snapshot(system, system, problem)
    return {"z": problem.sweeps.z[np.isfinite(_floats(problem))], "system": snapshot}


def _part(own: Mapping[str, Any], problem: Problem) -> dict[str, Any]:
    """The certificate of one part: evidence and switches."""
    part: System = own["part"]
    kept = part.relevant()
    data = {name: value for name, value in own.items() if name != "part"}
    if "free" in data:
        data["free"] = [kept.switches[i] for i in data["free"]]
    return {**evidence.of(data, part, kept), "system": evidence.snapshot(replace(part, base=None), kept, problem)}


def _in_blocks(own: Mapping[str, Any], problem: Problem) -> dict[str, Any]:
    """A part with its blocks."""
    part, kept = own["part"], own["relevant"]
    blocks = []
    for block in own["blocks"]:
        directions = evidence.of({"kind": "", "directions": block.get("directions", [])}, part, kept)["directions"]
        blocks.append({**block, "directions": directions} if "directions" in block else block)
    return {"system": evidence.snapshot(replace(part, base=None), kept, problem), "blocks": blocks}


def _assumes(plain: Mapping[str, Any], arithmetic: str, problem: Problem) -> str:
    """What the evidence does not show by itself."""
    if plain["kind"] == "nonfinite":
        return ""
    if "system" not in plain and "parts" not in plain:
        return "the program at the point, next to which it is checked"
    exact = problem.sweeps.rational
    said = ["the numbers are those of the program at the point"]
    if not exact:
        said.append("active are the switches that are 0 in float64")
    if problem.sweeps.atol:
        said.append(f"or whose size is at most {problem.sweeps.atol:g}")
    if arithmetic == "float64" and plain["kind"] != "no active switch":
        said.append("hypothesis E: the active switches are those of independent forms, with computed derivatives")
    return "; ".join(said)


def _about(problem: Problem) -> str:
    """The point and the operations, in a line."""
    sweeps = problem.sweeps
    x = np.concatenate([leaf.reshape(-1) for leaf in sweeps.program.inputs(sweeps.values)] or [np.zeros(0)])
    shown = ", ".join(str(a) for a in x[:_SHOWN].tolist()) + (", ..." if len(x) > _SHOWN else "")
    nodes = [sweeps.program.nodes[i] for i in sweeps.program.kinked]
    active = [node for node in nodes if sweeps.active[node.switch : node.switch + node.switches].any()]
    places = list(dict.fromkeys(f"{node.operation} at {node.source}" for node in active))
    where = ": " + "; ".join(places[:_SHOWN]) + ("; ..." if len(places) > _SHOWN else "") if places else ""
    return f"x = [{shown}], {len(sweeps.alpha)} of {sweeps.program.s} switches active{where}"


def _floats(problem: Problem) -> Array:
    return np.asarray(problem.sweeps.z, dtype=float)


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
