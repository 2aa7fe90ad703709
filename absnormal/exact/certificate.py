"""Certificates: what is claimed, with the evidence, as plain data that is re-checked without being re-solved.

Where the active switches are few and their rows rational the evidence is re-checked by `checker`, on rationals, from
the data alone; a certificate next to its program also compares these data with the program, by pushes along random
directions.  A structural or floating-point proof is re-checked next to its program by other sweeps than those that
found it (`resampling`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol

import numpy as np

from absnormal.arrays import Array
from absnormal.exact import checker, resampling
from absnormal.exact.system import System

CLAIMS = ("CLARKE", "NOT_CLARKE", "limiting gradient")
_RATIONAL = frozenset(checker.RULES)


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
        in which the claim was proved
    claim
        "CLARKE", "NOT_CLARKE" or "limiting gradient"
    data
        plain data, ready for JSON; rationals are strings "p/q"
    assumes
        what the evidence rests on and does not show by itself

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

    def check(self) -> bool:
        """Whether the evidence, looked at again, proves the claim.

        Raises
        ------
        ValueError
            for data that are not a certificate, and for evidence that needs its program but was read from JSON
        """
        if self.claim not in CLAIMS or self.kind != self.data.get("kind"):
            raise ValueError(f"malformed certificate: claim {self.claim!r}, kind {self.kind!r}")
        if not all(self.claim in _PROVES.get(kind, ("CLARKE",)) for kind in self._kinds()):
            return False
        if self.kind == "nonfinite":
            return not all(np.isfinite([float(value) for value in self.data["vector"]]))
        if "system" not in self.data and "parts" not in self.data:
            if self.witness is None:
                raise ValueError(f"a certificate of kind {self.kind!r} is checked next to its program, not from JSON")
            return resampling.check(self.kind, self.data, self.witness)
        computed = "vector" in self.data and "system" in self.data and not self.data["system"].get("base")
        if self.witness is None and computed:
            raise ValueError("the gradients of this certificate are computed: it is checked next to its program")
        agrees = resampling.parts_agree if "parts" in self.data else resampling.agrees
        return checker.check(self.data) and (self.witness is None or agrees(self.data, self.witness))

    def _kinds(self) -> list[str]:
        """The kinds of evidence, part by part."""
        return [part["kind"] for part in self.data["parts"]] if "parts" in self.data else [self.kind]

    def to_dict(self) -> dict[str, Any]:
        """Everything but the program, ready for JSON."""
        return {
            "kind": self.kind, "arithmetic": self.arithmetic, "claim": self.claim, "assumes": self.assumes,
            "data": dict(self.data),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Certificate:
        """The inverse of `to_dict`."""
        try:
            return cls(values["kind"], values["arithmetic"], values["claim"], values["data"], values["assumes"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"malformed certificate: {type(error).__name__}: {error}") from error

    def to_json(self) -> str:
        """A JSON text."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Certificate:
        """The inverse of `to_json`."""
        return cls.from_dict(json.loads(text))


#: What evidence of a kind can prove; ("CLARKE",) where nothing is said.
_PROVES: dict[str, tuple[str, ...]] = {
    "dependent": (),
    "no active switch": ("CLARKE", "limiting gradient"),
    "zero rows": ("CLARKE", "limiting gradient"),
    "direction": ("CLARKE", "limiting gradient"),
    "lexicographic": ("limiting gradient",),
    "separated from the open cells": ("NOT_CLARKE",),
    "separated within a component": ("NOT_CLARKE",),
    "separated from all definite signatures": ("NOT_CLARKE",),
    "separated from all slopes": ("NOT_CLARKE",),
    "not the gradient": ("NOT_CLARKE",),
    "nonfinite": ("NOT_CLARKE",),
}


def certificate_of(report: Reported) -> Certificate | None:
    """The certificate of a verdict; None for UNDECIDED."""
    claim = report.verdict.name
    if claim not in CLAIMS:
        return None
    proof, problem = report.proof, report.problem
    slopes = np.asarray(proof.data.get("slopes", problem.c))
    data = dict(proof.data)
    if proof.deviation:
        data["deviation"] = proof.deviation
    return _built(data, proof.arithmetic, claim, problem, slopes)


def certificate_of_fallback(report: Reported) -> Certificate | None:
    """The certificate of the limiting gradient that goes with a report; None where it is not proved."""
    found, problem = report.fallback, report.problem
    if not found.proved:
        return None
    data = dict(found.data)
    if found.direction is not None:
        data["direction"] = found.direction
    return _built(data, found.arithmetic, "limiting gradient", problem, found.sigma[problem.sweeps.alpha])


def _built(data: dict[str, Any], arithmetic: str, claim: str, problem: Any, slopes: Array) -> Certificate:
    kind = data["kind"]
    witness = resampling.Witness(problem.sweeps, slopes)
    if kind == "independent parts":
        built = [_part(own, problem, slopes) for own in data["parts"]]
        plain = _plain({"kind": kind, "parts": built, "switches": problem.sweeps.alpha}, str)
        return Certificate(kind, arithmetic, claim, plain, "", witness)
    rational = kind in _RATIONAL and arithmetic not in ("structure", "float64, outward rounded")
    # A floating-point "direction" has one number per input and no columns.
    if not rational or (kind == "direction" and "columns" not in data) or problem.system is None:
        data.pop("slopes", None)
        return Certificate(kind, arithmetic, claim, _plain(data, float), "", witness)
    system = problem.system
    whole = kind in ("zero rows", "minor")
    kept = system if whole else problem.relevant
    evidence = _evidence(data, system, kept)
    snapshot = _snapshot(system, kept, problem, slopes, "vector" in data)
    if "base" in snapshot:
        evidence.pop("points", None)
    assumes = "hypothesis E: the active switches are those of independent forms" if arithmetic != "rational" else ""
    plain = _plain({**evidence, "system": snapshot}, str)
    return Certificate(kind, arithmetic, claim, plain, assumes, witness)


def _part(own: Mapping[str, Any], problem: Any, slopes: Array) -> dict[str, Any]:
    """The certificate of one part: evidence and switches."""
    part: System = own["part"]
    kept = part.relevant()
    data = {name: value for name, value in own.items() if name != "part"}
    if "free" in data:
        data["free"] = [kept.switches[i] for i in data["free"]]
    return {**_evidence(data, part, kept), "system": _snapshot(part, kept, problem, slopes, False)}


def _snapshot(system: System, kept: System, problem: Any, slopes: Array, in_x: bool) -> dict[str, Any]:
    """The active switches as plain numbers."""
    own = slopes[np.searchsorted(problem.sweeps.alpha, system.switches)].tolist()
    at = {switch: number for number, switch in enumerate(system.switches)}
    result: dict[str, Any] = {
        "switches": list(system.switches), "rows": system.full, "couplings": system.couplings,
        "weights": system.weights[0], "kept": [at[switch] for switch in kept.switches], "signs": list(system.signs),
        "slopes": system.slopes(own),
    }
    if system.inputs is not None:
        result["columns"] = list(system.inputs)
        if in_x and system.base is not None:
            base = [Fraction(0)] * problem.sweeps.program.n
            for number, value in system.base[0].items():
                base[number] = value
            result["base"] = base
    if system.hidden:
        result["hidden"] = True
    return result


def _evidence(data: dict[str, Any], system: System, kept: System) -> dict[str, Any]:
    """The evidence in the columns of the rows, and with the positions of switches for their numbers."""
    width = len(system.full[0]) if system.full else 0
    at = {switch: number for number, switch in enumerate(kept.switches)}

    def wide(vector: Any) -> Any:
        full = [Fraction(0)] * width
        for column, value in zip(kept.columns, vector, strict=True):
            full[column] = value
        return full

    def positions(switches: Any) -> list[int]:
        return [at[switch] for switch in switches]

    left_out = ("switches", "columns", "slopes", "gap", "sign")
    result = {name: value for name, value in data.items() if name not in left_out}
    if data["kind"] == "minor":
        result["minor"] = data["columns"]
    if "free" in data:
        result["free"] = positions(data["free"])
    if "component" in data:
        result["members"] = positions(result.pop("component"))
    if "direction" in data:
        result["direction"] = wide(data["direction"])
    if "directions" in data:
        result["directions"] = [wide(d) for d in data["directions"]]
    if "separator" in data and "vector" not in data:
        result["separator"] = wide(data["separator"])
    if "components" in data:
        result["components"] = [
            {**{name: value for name, value in part.items() if name != "switches"},
             "members": positions(part["switches"]), "directions": [wide(d) for d in part.get("directions", [])]}
            for part in data["components"]
        ]
    return result


def _plain(value: Any, number: Any) -> Any:
    """Ready for JSON: fractions, and floats where ``number`` is str, as strings."""
    if isinstance(value, Mapping):
        return {name: _plain(entry, number) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry, number) for entry in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist(), number)
    if isinstance(value, Fraction):
        return str(value) if number is str else float(value)
    if isinstance(value, (float, np.floating)):
        if number is str:
            return str(Fraction(float(value)))
        return float(value) if np.isfinite(value) else str(float(value))
    return int(value) if isinstance(value, np.integer) else value

