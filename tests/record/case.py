"""A case, and what is kept of it: verdict, method, gradients, certificate, notes, as plain data."""

from __future__ import annotations

import hashlib
import json
import re
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from absnormal.report.report import Report

#: Vectors up to this length are kept whole, longer ones as a sketch.
_WHOLE = 48
#: Texts are kept to this length.
_TEXT = 400

Outcome = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """Something to run, with the name under which its outcome is on file.

    Attributes
    ----------
    name
        unique in its group
    run
        returns a `Report`, or anything whose text is to be kept; what it raises is kept as well
    given
        what identifies the input, so that a case that was changed is not taken for a change of behaviour
    """

    name: str
    run: Callable[[], Any]
    given: str = ""


def outcome(case: Case) -> Outcome:
    """What the case gives."""
    kept: Outcome = {"given": short_digest(case.given)} if case.given else {}
    try:
        found = case.run()
        return kept | (of_report(found) if isinstance(found, Report) else {"value": plain_text(found)})
    except Exception as error:
        said = str(error) or traceback.format_exception_only(error)[0]
        return kept | {"verdict": "ERROR", "method": type(error).__name__, "notes": [normal(said)]}


def of_report(report: Report) -> Outcome:
    """The parts of a report that a person would notice if they changed; empty ones are left out."""
    certificate = None if report.certificate is None else report.certificate.to_dict()
    try:
        clarke: Any = vector(report.flat_clarke_gradient)
    except Exception as error:
        clarke = type(error).__name__
    reason = [report.proof.reason] if report.verdict.name == "UNDECIDED" else []
    gradient = vector(report.flat_gradient)
    kept = {
        "verdict": report.verdict.name,
        "method": report.method,
        "gradient": gradient,
        "clarke": "gradient" if clarke == gradient else clarke,
        "certificate": None if certificate is None else digests(certificate),
        "deviation": report.deviation,
        "tolerance": report.tolerance,
        "notes": [normal(note) for note in (*reason, *report.notes)],
    }
    return {name: value for name, value in kept.items() if value not in (None, [], 0.0)}


def vector(values: Any) -> Any:
    """The numbers, bit for bit; of a long vector its length, digest and some sums."""
    flat = np.asarray(values).reshape(-1)
    numbers = [float(number) for number in flat]
    if len(numbers) <= _WHOLE:
        return [int(number) if _is_small_integer(number) else number for number in numbers]
    floats = np.array(numbers)
    sums = [float(np.linalg.norm(floats))]
    sums += [float(floats @ np.random.default_rng(seed).choice([-1.0, 1.0], len(floats))) for seed in range(3)]
    return {"length": len(numbers), "digest": short_digest(floats.tobytes().hex()), "sums": sums, "first": numbers[:6]}


def _is_small_integer(number: float) -> bool:
    return number.is_integer() and abs(number) < 2**53 and str(number) != "-0.0"


def digests(certificate: Mapping[str, Any]) -> str:
    """Two digests: of the certificate without its numbers, and of all of it.  Lines of code do not count.

    How many entries of one form a list has is left out with the numbers, and so is the digest of the program, which
    holds numbers that a kernel of another machine computes otherwise.
    """
    content = {name: value for name, value in certificate.items() if name != "digest"}
    text = normal(json.dumps(content, sort_keys=True), None)
    structure = json.dumps(_structure(json.loads(text)))
    return f"{short_digest(structure)} {short_digest(text)}"


def _structure(value: Any) -> Any:
    """The same with 0 for every number, and of the entries of a list one of each form."""
    match value:
        case dict():
            return {name: _structure(entry) for name, entry in value.items()}
        case list():
            return [json.loads(form) for form in dict.fromkeys(json.dumps(_structure(entry)) for entry in value)]
        case str():
            return _NUMBER.sub("0", _PROGRAM.sub("sha256", value))
        case int() | float() if not isinstance(value, bool):
            return "0"
    return value


def short_digest(text: str) -> str:
    """32 bits, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


#: A number, or a fraction, in a text.
_NUMBER = re.compile(r"-?\b\d+(?:/\d+)?(?:\.\d+)?(?:[eE][-+]?\d+)?\b")
_PROGRAM = re.compile(r"sha256:[0-9a-f]+")
_LINE = re.compile(r"(\.py):\d+")
_ADDRESS = re.compile(r"0x[0-9a-f]{8,}")
_FOLDER = re.compile(r"(?<![\w.])/(?:[\w.+-]+/)+")


def normal(text: str, length: int | None = _TEXT) -> str:
    """A text without line numbers, addresses and folders, which say nothing of behaviour."""
    return _FOLDER.sub("", _ADDRESS.sub("0x", _LINE.sub(r"\1", text)))[:length]


def plain_text(value: Any) -> str:
    """The text of a value that is no report."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return normal(str(value))
