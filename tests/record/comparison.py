"""What differs between an outcome on file and one of today, and whether digits alone do.

A gradient that went through BLAS, libm or a framework's kernels has other last digits on another machine.  Numbers
that agree to `RELATIVE`, texts that agree but for such numbers and certificates that agree but for their numbers differ
in *digits*.  Everything else is a difference of behaviour.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any

from .case import Outcome

#: What floating point has a part in even where rational arithmetic decides.
_PROPOSED = ("certificate", "deviation")
#: Of the largest entry of a vector, or of the least size below which a vector is one of residues of float32; what a
#: kernel rounds to half precision has fewer digits.
RELATIVE, _HALF, _LEAST = 1e-5, 1e-3, 1e-2
#: Of a bound on rounding, or of a number in a message; below `_SMALL` such numbers are what a kernel happened to round.
_LOOSE, _SMALL = 0.05, 1e-4

_NUMBERS = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


@dataclass(frozen=True)
class Difference:
    """A field of a case that is not what it was."""

    case: str
    field: str
    old: Any
    new: Any
    digits: bool

    def counts(self, bits: bool) -> bool:
        """Whether it is a difference of behaviour; a case that is new is none, digits are one with ``bits``."""
        return not (self.field == "case" and self.old is None) and (bits or not self.digits)

    def __str__(self) -> str:
        kind = " (digits)" if self.digits else ""
        return f"{self.case}: {self.field}{kind}\n    was {shown(self.old)}\n    is  {shown(self.new)}"


def shown(value: Any) -> str:
    """A value on one line."""
    text = "absent" if value is None else str(value)
    return text if len(text) <= 300 else text[:297] + "..."


def compare(name: str, old: Outcome | None, new: Outcome | None, exact: bool) -> Iterator[Difference]:
    """The differences of a case; of an ``exact`` one every bit counts but those of what floating point proposes."""
    if old is None or new is None:
        said = [None if found is None else f"{found.get('verdict', 'a value')} {found.get('method', '')}".strip()
                for found in (old, new)]
        yield Difference(name, "case", said[0], said[1], False)
        return
    old, new = _spelled_out(old), _spelled_out(new)
    for field in dict.fromkeys([*old, *new]):
        before, after = old.get(field), new.get(field)
        if not _same(before, after):
            digits = not exact or field in _PROPOSED
            yield Difference(name, field, before, after, digits and _close(field, before, after, _relative(old)))


def _spelled_out(found: Outcome) -> Outcome:
    return {**found, "clarke": found["gradient"]} if found.get("clarke") == "gradient" else found


def _same(before: Any, after: Any) -> bool:
    """Equality of bits: NaN is NaN, and 0 is not -0."""
    return repr(before) == repr(after)


def _relative(found: Outcome) -> float:
    return _HALF if any("float16 values" in note for note in found.get("notes", [])) else RELATIVE


def _close(field: str, before: Any, after: Any, relative: float) -> bool:
    """Whether digits alone differ, relative to the largest entry of a vector."""
    match before, after:
        case (list(), list()) if field in ("gradient", "clarke"):
            return _near(before, after, relative, _LEAST)
        case ({"length": m, "sums": _}, {"length": n, "sums": _}):
            return bool(m == n) and _near(before["sums"], after["sums"], relative, _LEAST)
        case (str(), str()) if field == "certificate":
            return before.split()[0] == after.split()[0]
        case (str(), str()):
            return _same_but_for_numbers(before, after)
        case (list(), list()):
            return len(before) == len(after) and all(map(_same_but_for_numbers, before, after))
    if field in ("deviation", "tolerance"):
        return _near([before or 0.0], [after or 0.0], _LOOSE, _SMALL)
    return False


def _near(before: list[float], after: list[float], relative: float, least: float) -> bool:
    """Whether the numbers agree, relative to the largest and to ``least``; what is not finite agrees with itself."""
    if len(before) != len(after):
        return False
    allowed = relative * max([least, *(abs(a) for a in before if isfinite(a))])
    return all(repr(a) == repr(b) or abs(a - b) <= allowed for a, b in zip(before, after, strict=True))


def _same_but_for_numbers(before: str, after: str) -> bool:
    if _NUMBERS.sub("0", before) != _NUMBERS.sub("0", after):
        return False
    pairs = zip(_NUMBERS.findall(before), _NUMBERS.findall(after), strict=True)
    return all(abs(float(a) - float(b)) <= _LOOSE * max(abs(float(a)), _SMALL) for a, b in pairs)
