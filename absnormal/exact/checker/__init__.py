"""Re-checks a certificate in rational arithmetic; nothing of the search is used here, and nothing but Python.

A certificate is plain data: a claim, a kind of evidence, the evidence, and a digest of all that.  The active switches
at the point are given as numbers (ints, or strings "p/q"):

    rows R (k x p), couplings Lt (k x k, strictly lower triangular), weights b (k), slopes c (k)
    kept        the switches that the evidence is about; the others must be zero or out of reach of the output
    columns     the input of each column of R,   base  J~ (n)       where they are known

    r_i^sigma = R_i + sum_{j < i} Lt_ij sigma_j r_j^sigma           g_sigma = J~ + sum_i b_i sigma_i r_i^sigma

CLARKE is claimed for g_c when it is a mean of g_sigma over open cells, a "limiting gradient" is one of these g_sigma,
and NOT_CLARKE is claimed outside all g_sigma of a complete list of open cells (where they are known to be all of dC
f), or of all definite signatures.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from fractions import Fraction
from functools import partial
from typing import Any

from absnormal.exact.checker.blocks import IN_BLOCKS
from absnormal.exact.checker.rules import ABOUT_CELLS, JUDGE_A_VECTOR, RULES, near
from absnormal.exact.checker.switches import Switches, number, numbers

__all__ = [
    "CLAIMS", "IN_BLOCKS", "KINDS", "NeedsProgram", "can_prove", "check", "digest", "gradient", "holds", "number",
    "numbers", "proves",
]

CLAIMS = ("CLARKE", "NOT_CLARKE", "limiting gradient")
KINDS = (*RULES, *IN_BLOCKS)

#: What evidence that is only checked next to its program can prove; ("CLARKE",) where nothing is said.
_NEXT_TO_PROGRAM = {
    "separated from all slopes": ("NOT_CLARKE",),
    "not the gradient": ("NOT_CLARKE",),
}


class NeedsProgram(ValueError):
    """The evidence is checked next to its program, and cannot be from the data alone."""


def holds(document: Mapping[str, Any]) -> bool:
    """Whether a certificate, as plain data, proves its claim: digest, kind and evidence.

    Raises
    ------
    NeedsProgram
        where that cannot be told from the data alone
    ValueError
        for data that are not a certificate
    """
    try:
        kind, claim, data, told = (document[name] for name in ("kind", "claim", "data", "digest"))
        if claim not in CLAIMS or kind != data["kind"]:
            raise ValueError(f"malformed certificate: claim {claim!r}, kind {kind!r}")
        return bool(told == digest(document)) and proves(data, claim)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"malformed certificate: {type(error).__name__}: {error}") from error


def digest(document: Mapping[str, Any]) -> str:
    """The SHA-256 of everything but the digest, written in one way."""
    content = {name: value for name, value in document.items() if name != "digest"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def proves(data: Mapping[str, Any], claim: str) -> bool:
    """Whether the evidence proves the claim; the errors are those of `holds`."""
    if data["kind"] == "nonfinite":
        return claim == "NOT_CLARKE" and any(str(value) in ("nan", "inf", "-inf") for value in data["vector"])
    if data["kind"] in IN_BLOCKS:
        return can_prove(claim, data) and check(data)
    parts = data["parts"] if data["kind"] == "independent parts" else [data]
    if any("system" not in part for part in parts):
        raise NeedsProgram(f"evidence of kind {data['kind']!r} is checked next to its program, not from JSON")
    if "vector" in data and not data.get("system", {}).get("base"):
        raise NeedsProgram("the gradients of this certificate are computed: it is checked next to its program")
    return all(map(partial(can_prove, claim), parts)) and check(data)


def can_prove(claim: str, evidence: Mapping[str, Any]) -> bool:
    """Whether evidence of this kind can prove such a claim; a mean over free switches is no limiting gradient."""
    kind = evidence["kind"]
    if kind in IN_BLOCKS:
        return claim == IN_BLOCKS[kind][1]
    claims = RULES[kind][1] if kind in RULES else _NEXT_TO_PROGRAM.get(kind, ("CLARKE",))
    return claim in claims and not (claim == "limiting gradient" and evidence.get("free"))


def check(data: Mapping[str, Any]) -> bool:
    """Whether the evidence proves what its kind can prove.  ValueError for data that are not a certificate."""
    try:
        if data["kind"] == "independent parts":
            return _independent_parts(data)
        if data["kind"] in IN_BLOCKS:
            return IN_BLOCKS[data["kind"]][0](data)
        (rule, _), switches = RULES[data["kind"]], Switches(data["system"])
        # Of hidden couplings only cells are known, and gradients that are given one by one.
        listed = "vector" in data and "points" in data and data["kind"] in JUDGE_A_VECTOR
        if switches.hidden and not listed and data["kind"] not in ABOUT_CELLS:
            return False
        return rule(data, switches) and (data["kind"] in JUDGE_A_VECTOR or near(data, switches))
    except (KeyError, TypeError, IndexError, ZeroDivisionError, AttributeError) as error:
        raise ValueError(f"malformed certificate: {type(error).__name__}: {error}") from error


def gradient(data: Mapping[str, Any]) -> list[Fraction] | None:
    """The gradient g_c that checked evidence is about, in the variables x; None where J~ is not known."""
    switches = Switches(data["system"]) if "system" in data else None
    return switches.gradient_in_x(switches.slopes) if switches is not None and switches.base else None


def _independent_parts(data: Mapping[str, Any]) -> bool:
    """Every part by itself; no input in two parts, and every active switch in a part, or one part that is wrong."""
    parts = data["parts"]
    columns = [column for part in parts for column in part["system"]["columns"]]
    switches = [switch for part in parts for switch in part["system"]["switches"]]
    whole = sorted(switches) == sorted(data["switches"])
    wrong = len(parts) == 1 and parts[0]["kind"] == "separated from the open cells"
    apart = bool(parts) and len(set(columns)) == len(columns) and not any("vector" in part for part in parts)
    return apart and (whole or wrong) and all(check(part) for part in parts)
