"""`absnormal recheck`: certificates from a file, checked again from their data alone.

Only `absnormal.certificates.checker` judges: rational arithmetic, nothing of the search, no program.  What holds is
true of the function that the certificate carries; its digest shows whether that is the one that was meant
(`Certificate.function`).  "at" and "rests on" are in the file's own words, which nothing checks: they are shown on one
line, without control characters, so that they cannot pass for lines of the command.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from absnormal.certificates import checker

HELP = "check a certificate again, from its data alone"
EXAMPLES = """\
examples:
  absnormal check package.module:loss --at "0, 0" --certificate proof.json && absnormal recheck proof.json

The line "function" names the function near x that the statement is about, by a digest and its size: compare it with
absnormal.verify(f, x).certificate.function.  What stands after "at" and "rests on" are the file's own words.

exit status: 0 every certificate holds, 1 one is refused, 2 the file holds no certificate, 3 one can only be checked
next to its program
"""
HOLDS, REFUSED, NO_CERTIFICATE, NEEDS_PROGRAM = 0, 1, 2, 3
#: The worst first.
_ORDER = (REFUSED, NO_CERTIFICATE, NEEDS_PROGRAM, HOLDS)
_SHOWN = 6
_MEANING = {
    "CLARKE": "the gradient is an element of the Clarke generalized gradient",
    "NOT_CLARKE": "the gradient is not an element of the Clarke generalized gradient",
    "limiting gradient": "the gradient is a limiting gradient, hence a Clarke gradient",
}
_NEXT_TO_PROGRAM = "run absnormal.verify(f, x).certificate.check() where the function is"


def arguments(command: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    command.add_argument("file", help="JSON: a certificate, a report with one, or a list of these")


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    status, text = recheck(arguments.file)
    print(text)
    return status


def recheck(path: str) -> tuple[int, str]:
    """The exit status, and what is claimed, what it rests on, and whether it holds.

    Parameters
    ----------
    path
        a JSON file: a certificate (`Certificate.to_json`), a report with one, or a list of these

    Raises
    ------
    ValueError
        for a file that cannot be read, or holds no certificate

    Examples
    --------
    >>> import tempfile, os, numpy as np, absnormal as an
    >>> certificate = an.verify(lambda x: np.abs(x[0]) - np.abs(2 * x[0]), [0.0]).certificate
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     place = os.path.join(folder, "certificate.json")
    ...     _ = open(place, "w").write(certificate.to_json())
    ...     status, text = recheck(place)
    >>> print(status, text.splitlines()[0])
    0 HOLDS: CLARKE, by merged kinks
    """
    try:
        documents = list(_certificates(json.loads(Path(path).read_text(encoding="utf-8"), object_pairs_hook=_once)))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    except _Twice as error:
        raise ValueError(f"{path} says {error.args[0]!r} twice: keep one") from error
    if not documents:
        raise ValueError(f"{path} holds no certificate: write one with absnormal check ... --certificate FILE")
    judged = [_judged(document) for document in documents]
    status = next(status for status in _ORDER if any(own == status for own, _ in judged))
    return status, "\n\n".join(text for _, text in judged)


class _Twice(Exception):
    """A name that stands twice in an object: readers differ on which one counts."""


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(next(name for name in names if names.count(name) > 1))
    return found


def _printed(text: Any) -> str:
    """Words of a file: on one line, without control characters."""
    return "".join(c if c.isprintable() else " " for c in str(text))


def _certificates(value: Any) -> Iterator[Mapping[str, Any]]:
    """The certificates in a list, in a report, or the one that the value is."""
    if isinstance(value, list):
        for entry in value:
            yield from _certificates(entry)
    elif isinstance(value, dict) and "claim" in value and "kind" in value:
        yield value
    elif isinstance(value, dict):
        for name in ("certificate", "clarke_certificate"):
            yield from _certificates(value.get(name))


def _judged(document: Mapping[str, Any]) -> tuple[int, str]:
    claim, kind = document["claim"], document["kind"]
    named = _printed(f"{claim}, by {kind}")
    try:
        holds = checker.holds(document)
    except checker.NeedsProgram:
        return NEEDS_PROGRAM, f"NOT CHECKED: {named}: it is checked next to its program: {_NEXT_TO_PROGRAM}"
    except ValueError as error:
        return NO_CERTIFICATE, f"NO CERTIFICATE: {_printed(error)}"
    if not holds:
        fits = document["digest"] == checker.digest(document)
        why = "the evidence does not prove the claim" if fits else "the digest does not fit: something was changed"
        return REFUSED, f"REFUSED: {named}: {why}"
    lines = [f"HOLDS: {named}", f"  claimed:   {_MEANING[claim]}"]
    lines += [f"  {name + ':':<10} {text}" for name, text in _facts(document) if text]
    return HOLDS, "\n".join(lines)


def _facts(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    data = document["data"]
    yield "at", _printed(document.get("about", ""))
    function = checker.function(data)
    if function is not None:
        yield "function", str(function)
    gradient = data["vector"] if "vector" in data else checker.gradient(data)
    if gradient is not None:
        shown = _printed(", ".join(map(str, gradient[:_SHOWN]))) + (", ..." if len(gradient) > _SHOWN else "")
        yield "gradient", f"[{shown}]"
    if "tolerance" in data:
        relative = f", rtol {float(checker.number(data['rtol'])):.3g} of its leaf" if "rtol" in data else ""
        largest = max((float(checker.number(a)) for a in data["tolerance"]), default=0.0)
        yield "up to", f"{largest:.3g} in an entry{relative}"
    yield "rests on", _printed(document.get("assumes", ""))
    if function is not None:
        yield "checked", f"all {function.switches} active switches, in rational arithmetic"
    yield "digest", str(document["digest"])
