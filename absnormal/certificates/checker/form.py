"""The form that a certificate carries: the function f'(x; .) that its statement is about, whole.

    f'(x; d) = J~ . d + sum over systems of sum_i b_i |z_i'|,      z_i' = R_i . d + sum_{j < i} Lt_ij |z_j'|

    system      the active switches at the point, in one piece, with the base J~ (by input); or
    systems     pieces that share no input, with the base beside them
    columns     the input of each column of R

Its digest names the function: whatever is claimed is claimed of that one and of no other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from absnormal.certificates.checker.switches import Row, Switches, dot, matrix, numbers, positions

#: The largest tolerance of a vector, against the largest entry of its leaf, with which it may be called CLARKE.
LARGEST = Fraction(1, 20)
#: What rounding in float64 may make of terms that cancel, against their size; and what is lost to underflow.
CANCELLED, FLOOR = Fraction(1024, 2**53), Fraction(1, 2**1000)


class NeedsProgram(ValueError):
    """The evidence is checked next to its program, and cannot be from the data alone."""


class Function(NamedTuple):
    """Which function a statement is about."""

    digest: str
    inputs: int
    switches: int

    def __str__(self) -> str:
        return f"{self.digest} ({self.inputs} inputs, {self.switches} active switches)"


class Form:
    """All active switches in systems, and J~ where it is known."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        several = "systems" in data
        if several and "system" in data:
            raise ValueError("malformed certificate: a system beside systems")
        self.systems: list[Mapping[str, Any]] = list(data["systems"]) if several else [data["system"]]
        given = data.get("base") if several else self.systems[0].get("base")
        self.base: Row | None = None if given is None else numbers(given)
        self.switches = [name for system in self.systems for name in system["switches"]]
        if any(type(name) is not int or name < 0 for name in self.switches):
            raise ValueError("malformed certificate: switches are numbered from 0")
        sizes = [(len(system["switches"]), len(system["rows"])) for system in self.systems]
        if len(set(self.switches)) != len(self.switches) or any(a != b for a, b in sizes):
            raise ValueError("malformed certificate: every row belongs to one switch, every switch has one row")
        known = all("columns" in system for system in self.systems)
        self.columns: list[list[int]] | None = [list(system["columns"]) for system in self.systems] if known else None
        if several and len(data["parts"]) != len(self.systems):
            raise ValueError("malformed certificate: every system has its evidence, and none is left over")
        if several and self.columns is None:
            raise ValueError("malformed certificate: systems without the inputs of their columns")
        if self.columns is not None:
            self._check(self.columns)

    def _check(self, columns: list[list[int]]) -> None:
        together = [j for own in columns for j in own]
        highest = max((j for j in together if type(j) is int), default=-1)
        positions(together, highest + 1 if self.base is None else len(self.base))
        for own, system in zip(columns, self.systems, strict=True):
            if any(len(row) != len(own) for row in system["rows"]):
                raise ValueError("malformed certificate: every column of the rows belongs to one input")

    @property
    def whole(self) -> bool:
        """Whether f'(x; .) can be read off."""
        hidden = any(system.get("hidden", False) is not False for system in self.systems)
        return self.base is not None and self.columns is not None and not hidden

    def gradient(self, moved: Sequence[Row]) -> Row:
        """J~ + what is given for each system in its columns."""
        if self.base is None or self.columns is None:
            raise NeedsProgram("the gradients of this certificate are computed: it is checked next to its program")
        total = list(self.base)
        for own, change in zip(self.columns, moved, strict=True):
            for j, value in zip(own, change, strict=True):
                total[j] += value
        return total

    def judged(self) -> Row:
        """g_c, for the slopes c of the systems."""
        systems = [Switches(system, whole=True) for system in self.systems]
        return self.gradient([a.gradient(a.slopes) for a in systems])

    def terms(self) -> Row:
        """|J~| + sum_i |b_i| |r_i|, added up without signs: what may cancel in a gradient."""
        moved = []
        for system in self.systems:
            sizes: list[Row] = []
            for row, coupling in zip(matrix(system["rows"]), matrix(system["couplings"]), strict=True):
                size = list(map(abs, row))
                for a, known in zip(coupling, sizes, strict=False):
                    size = [x + abs(a) * y for x, y in zip(size, known, strict=True)] if a else size
                sizes.append(size)
            weights = [abs(b) for b in numbers(system["weights"])]
            width = len(sizes[0]) if sizes else 0
            moved.append([dot(weights, [r[j] for r in sizes]) for j in range(width)])
        return [abs(a) + b - a for a, b in zip(self.base or [], self.gradient(moved), strict=True)]

    def function(self) -> Function:
        """The digest of f'(x; .), whatever the slopes and the evidence are, and its size."""
        if not self.whole or self.base is None or self.columns is None:
            raise NeedsProgram("the form is not whole: this certificate is checked next to its program")
        content = [list(map(str, self.base)), [
            [own, *(_texts(system[name]) for name in ("rows", "couplings")), list(map(str, numbers(system["weights"])))]
            for own, system in zip(self.columns, self.systems, strict=True)
        ]]
        text = json.dumps(content, separators=(",", ":"))
        return Function("sha256:" + hashlib.sha256(text.encode()).hexdigest(), len(self.base), len(self.switches))


def _texts(rows: Any) -> list[list[str]]:
    return [list(map(str, row)) for row in matrix(rows)]


def vector_of(data: Mapping[str, Any]) -> tuple[Row, Row]:
    """The vector that is judged, and the tolerance of each entry."""
    vector, allowed = numbers(data["vector"]), numbers(data["tolerance"])
    if min(allowed, default=Fraction(0)) < 0 or len(vector) != len(allowed):
        raise ValueError("malformed certificate: the tolerance must be >= 0, one number per entry")
    return vector, allowed


def least_rtol(data: Mapping[str, Any]) -> Fraction | None:
    """The least rtol for which every tolerance is at most rtol times the largest entry of its leaf; None if none is.

    What rounding makes of terms that cancel in the gradients of a form, `CANCELLED` of their size, is always allowed.

        leaves      the numbers of entries of the leaves of x
    """
    vector, allowed = vector_of(data)
    sizes = data["leaves"]
    if any(type(size) is not int or size < 0 for size in sizes) or sum(sizes) != len(vector):
        raise ValueError("malformed certificate: the leaves must make up the vector")
    form = Form(data) if "system" in data or "systems" in data else None
    terms = form.terms() if form is not None and form.whole else [Fraction(0)] * len(vector)
    rtol, start = Fraction(0), 0
    for size in sizes:
        own = slice(start, start + size)
        start += size
        largest, beyond = (max(map(abs, values[own]), default=Fraction(0)) for values in (vector, allowed))
        if beyond <= max(CANCELLED * max(terms[own], default=Fraction(0)), FLOOR):
            continue
        if not largest:
            return None
        rtol = max(rtol, beyond / largest)
    return rtol


def within_rules(data: Mapping[str, Any]) -> bool:
    """Whether the tolerance is at most what the certificate states as its rtol, and that at most 5 %."""
    (stated,), least = numbers([data["rtol"]]), least_rtol(data)
    return least is not None and least <= stated <= LARGEST
