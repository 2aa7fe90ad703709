"""Re-checks a certificate in rational arithmetic; nothing of the search is used here, and nothing but Python.

A certificate is plain data: a claim, a kind of evidence, the evidence, and a digest of all that.  It carries the
function that the claim is about: the active switches at the point, all of them, as numbers (ints, or strings "p/q"),
in one ``system`` or in ``systems`` that share no input (see `form`):

    switches    their numbers in the program
    rows R (k x p), couplings Lt (k x k, strictly lower triangular), weights b (k), slopes c (k)
    columns     the input of each column of R
    base  J~    by input; in the system, or beside the systems

    r_i^sigma = R_i + sum_{j < i} Lt_ij sigma_j r_j^sigma           g_sigma = J~ + sum_i b_i sigma_i r_i^sigma

What the evidence must cover is worked out from these numbers.  Evidence that speaks of some of the switches numbers
those that can change the output (`switches.Switches`).

CLARKE is claimed for g_c, or for the ``vector`` up to its ``tolerance``, when it is a mean of g_sigma over open cells,
a "limiting gradient" is one of these g_sigma, and NOT_CLARKE is claimed outside all g_sigma of a complete list of open
cells (where they are known to be all of dC f), or of all definite signatures.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from absnormal.certificates.checker.blocks import IN_BLOCKS
from absnormal.certificates.checker.form import (
    LARGEST,
    Form,
    Function,
    NeedsProgram,
    least_rtol,
    vector_of,
    within_rules,
)
from absnormal.certificates.checker.rules import (
    ABOUT_ALL,
    ABOUT_CELLS,
    JUDGE_A_VECTOR,
    OF_A_WHOLE_FORM,
    OF_EVERY_SWITCH,
    RULES,
)
from absnormal.certificates.checker.switches import Row, Switches, in_play, number, numbers, positions

__all__ = [
    "CLAIMS", "JUDGE_A_VECTOR", "KINDS", "LARGEST", "OF_A_WHOLE_FORM", "OF_EVERY_SWITCH", "Form", "Function",
    "NeedsProgram", "UnknownKind", "can_prove", "check", "digest", "function", "gradient", "holds", "in_play",
    "least_rtol", "number", "numbers", "positions", "proves", "within_rules",
]

CLAIMS = ("CLARKE", "NOT_CLARKE", "limiting gradient")
_PARTS = "independent parts"
#: All kinds of evidence in certificates, and the claims that each can prove.
KINDS: dict[str, tuple[str, ...]] = {
    **{kind: claims for kind, (_, claims) in RULES.items()},
    **{kind: (claim,) for kind, (_, claim) in IN_BLOCKS.items()},
    _PARTS: CLAIMS,
    # These are only checked next to their program.
    "private inputs": ("CLARKE",),
    "private inputs for these slopes": ("CLARKE",),
    "independent": ("CLARKE",),
    "independent by inputs": ("CLARKE",),
    "independent modulo a prime": ("CLARKE",),
    "limiting gradients": ("CLARKE",),
    "slopes of merged kinks": ("CLARKE",),
    "mean under regular": ("CLARKE",),
    "beyond the directional derivative": ("NOT_CLARKE",),
    "separated from all slopes": ("NOT_CLARKE",),
    "separated from merged kinks": ("NOT_CLARKE",),
    "separated with variable coefficients": ("NOT_CLARKE",),
    "not the gradient": ("NOT_CLARKE",),
    "nonfinite": ("NOT_CLARKE",),
    "separate inputs": ("CLARKE",),
    "apart in separate inputs": ("NOT_CLARKE",),
}
_MALFORMED = (KeyError, TypeError, IndexError, ZeroDivisionError, AttributeError, RecursionError)


class UnknownKind(ValueError):
    """Evidence of a kind that certificates do not have."""

    def __init__(self, kind: object) -> None:
        super().__init__(f"malformed certificate: unknown kind {kind!r}")


def holds(document: Mapping[str, Any]) -> bool:
    """Whether a certificate, as plain data, proves its claim: digest, kind and evidence.

    Raises
    ------
    NeedsProgram
        where the data alone do not decide that
    ValueError
        for data that are not a certificate
    """
    try:
        kind, claim, data, stated = (document[name] for name in ("kind", "claim", "data", "digest"))
        if claim not in CLAIMS or kind != data["kind"]:
            raise ValueError(f"malformed certificate: claim {claim!r}, kind {kind!r}")
        return bool(stated == digest(document)) and proves(data, claim)
    except _MALFORMED as error:
        raise ValueError(f"malformed certificate: {type(error).__name__}: {error}") from error


def digest(document: Mapping[str, Any]) -> str:
    """The SHA-256 of everything but the digest, written in one way."""
    content = {name: value for name, value in document.items() if name != "digest"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def proves(data: Mapping[str, Any], claim: str) -> bool:
    """Whether the evidence proves the claim of the form that it carries; the errors are those of `holds`."""
    known = claims(data["kind"])
    if data["kind"] == "nonfinite":
        entries = data["vector"]
        if not isinstance(entries, list):
            raise TypeError("a vector is a list")
        return claim in known and any(str(value) in ("nan", "inf", "-inf") for value in entries)
    if "system" not in data and "systems" not in data:
        raise NeedsProgram(f"evidence of kind {data['kind']!r} is checked next to its program, not from JSON")
    if not Form(data).whole:
        raise NeedsProgram("the form is not whole, or its numbers are computed: it is checked next to its program")
    if not can_prove(claim, data):
        return False
    if "vector" in data and claim != "NOT_CLARKE":
        if "rtol" not in data:
            raise NeedsProgram("the tolerance is large for the vector alone: it is checked next to its program")
        if not within_rules(data):
            return False
    return check({name: value for name, value in data.items() if name != "points"})


def claims(kind: str) -> tuple[str, ...]:
    """What evidence of a kind can prove.

    Raises
    ------
    UnknownKind
        for a kind that certificates do not have
    """
    if kind not in KINDS:
        raise UnknownKind(kind)
    return KINDS[kind]


def can_prove(claim: str, evidence: Mapping[str, Any]) -> bool:
    """Whether such evidence can prove a claim; a mean over free switches is no limiting gradient."""
    if claim not in claims(evidence["kind"]):
        return False
    if evidence["kind"] == _PARTS:
        given = [part for part in evidence["parts"] if part is not None]
        enough = bool(given) if claim == "NOT_CLARKE" else len(given) == len(evidence["parts"])
        return enough and all(part["kind"] in RULES and can_prove(claim, part) for part in given)
    return not (claim == "limiting gradient" and evidence.get("free"))


def check(data: Mapping[str, Any], noise: Sequence[Fraction] | None = None) -> bool:
    """Whether the evidence proves what its kind can prove.

    ``points`` in the data are gradients that a program gave, ``noise`` says how far the weights of the switches, in
    their order, may be from the true ones.

    Raises
    ------
    NeedsProgram
        where a vector is compared with gradients that the form does not give
    ValueError
        for data that are not a certificate
    """
    try:
        kind = data["kind"]
        if kind not in KINDS:
            raise UnknownKind(kind)
        if kind in IN_BLOCKS:
            return IN_BLOCKS[kind][0](data)
        form = Form(data)
        if kind == _PARTS:
            return _independent_parts(data, form, noise) and _near(data, form)
        # Of hidden couplings only cells are known, and gradients that are given one by one.
        listed = "vector" in data and "points" in data and kind in JUDGE_A_VECTOR
        if form.systems[0].get("hidden", False) is not False and not listed and kind not in ABOUT_CELLS:
            return False
        (system,) = form.systems
        if kind in JUDGE_A_VECTOR:
            return _rule(data, system, noise, None)
        (off,) = _off(data, form)
        apart = "vector" in data and RULES[kind][1] == ("NOT_CLARKE",)
        return (off is not None or not apart) and _rule(data, system, noise, off) and _near(data, form)
    except _MALFORMED as error:
        raise ValueError(f"malformed certificate: {type(error).__name__}: {error}") from error


def _rule(
    data: Mapping[str, Any], system: Mapping[str, Any], noise: Sequence[Fraction] | None, off: Row | None
) -> bool:
    rule, _ = RULES[data["kind"]]
    return rule(data, Switches(system, data["kind"] in ABOUT_ALL, noise, off))


def _off(data: Mapping[str, Any], form: Form) -> list[Row] | list[None]:
    """How far a vector that stands for g_c may be from it, in the columns of each system, where they are known."""
    if "vector" not in data or form.columns is None:
        return [None] * len(form.systems)
    _, allowed = vector_of(data)
    return [[allowed[j] for j in own] for own in form.columns]


def _near(data: Mapping[str, Any], form: Form) -> bool:
    """A vector that is claimed to be g_c, up to what is allowed; without J~ the program itself is asked elsewhere."""
    if "vector" not in data or form.base is None:
        return True
    vector, allowed = vector_of(data)
    return all(abs(x - y) <= bound for x, y, bound in zip(form.judged(), vector, allowed, strict=True))


def _independent_parts(data: Mapping[str, Any], form: Form, noise: Sequence[Fraction] | None) -> bool:
    """Every system by itself; they share no input and no coupling."""
    start = 0
    for system, part, off in zip(form.systems, data["parts"], _off(data, form), strict=True):
        own = None if noise is None else noise[start : start + len(system["switches"])]
        start += len(system["switches"])
        if part is not None and ("vector" in part or not _rule(part, system, own, off)):
            return False
    return any(part is not None for part in data["parts"])


def function(data: Mapping[str, Any]) -> Function | None:
    """The function that the evidence is about; None where the evidence does not carry it whole."""
    form = Form(data) if "system" in data or "systems" in data else None
    return form.function() if form is not None and form.whole else None


def gradient(data: Mapping[str, Any]) -> list[Fraction] | None:
    """The gradient g_c that checked evidence is about, in the variables x; None where J~ is not known."""
    form = Form(data) if "system" in data or "systems" in data else None
    return form.judged() if form is not None and form.whole else None
