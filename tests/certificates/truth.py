"""What a certificate claims, decided by the oracle from the numbers that it carries, or of the program it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from ..oracle.forms import AbsForm
from ..oracle.oracle import Oracle
from ..oracle.rational import Vector, membership

#: Active switches up to which brute force takes little time.
SWITCHES = 7


def form_of(data: Mapping[str, Any]) -> tuple[AbsForm, list[Fraction]]:
    """The function f'(x; .) that a certificate carries, and the slopes of its switches."""
    systems = data["systems"] if "systems" in data else [data["system"]]
    base = data["base"] if "systems" in data else data["system"]["base"]
    n, count = len(base), sum(len(system["rows"]) for system in systems)
    rows: list[Vector] = []
    couplings: list[Vector] = []
    weights: list[Fraction] = []
    slopes: list[Fraction] = []
    for system in systems:
        start = len(rows)
        for row, coupling in zip(system["rows"], system["couplings"], strict=True):
            wide, linked = [Fraction(0)] * n, [Fraction(0)] * count
            for j, value in zip(system["columns"], row, strict=True):
                wide[j] = Fraction(value)
            linked[start : start + len(coupling)] = map(Fraction, coupling)
            rows.append(tuple(wide))
            couplings.append(tuple(linked))
        weights += map(Fraction, system["weights"])
        slopes += map(Fraction, system.get("slopes", ["0"] * len(system["rows"])))
    zero = (Fraction(0),) * count
    start = tuple(map(Fraction, base))
    return AbsForm(n, zero, tuple(rows), tuple(couplings), Fraction(0), start, tuple(weights)), slopes


def small(data: Mapping[str, Any]) -> bool:
    """Whether the claim of a certificate that stands alone can be decided by brute force."""
    systems = data.get("systems") or [data["system"]]
    return sum(len(system["rows"]) for system in systems) <= SWITCHES


def alone(data: Mapping[str, Any], claim: str) -> bool:
    """Whether the claim is true of the function that the certificate carries."""
    form, slopes = form_of(data)
    oracle = Oracle(form, (Fraction(0),) * form.n)
    return decided(oracle, data, claim, oracle.gradient(slopes))


def decided(oracle: Oracle, data: Mapping[str, Any], claim: str, gradient: Sequence[Fraction]) -> bool:
    """Whether the claim is true of the vector in the data, up to its tolerance, or of g_c if there is none."""
    if "vector" not in data:
        if claim == "limiting gradient":
            return oracle.is_limiting(gradient)
        return oracle.contains(gradient) == (claim == "CLARKE")
    if any(str(value) in ("nan", "inf", "-inf") for value in data["vector"]):
        return claim == "NOT_CLARKE"
    vector, allowed = (tuple(map(Fraction, data[name])) for name in ("vector", "tolerance"))
    cells = oracle.limiting_gradients
    if claim == "limiting gradient":
        return any(all(abs(a - b) <= t for a, b, t in zip(g, vector, allowed, strict=True)) for g in cells)
    return _within(cells, vector, allowed) == (claim == "CLARKE")


def _within(points: Sequence[Vector], vector: Vector, allowed: Vector) -> bool:
    """Whether a mean of the points differs from the vector by no more than what is allowed, entry by entry.

    A sum of sets is a hull in more dimensions (Cayley's trick): the hull of the points and one segment an entry, each
    with a coordinate of its own.
    """
    loose = [j for j, bound in enumerate(allowed) if bound]
    count = 1 + len(loose)

    def own(place: int) -> Vector:
        return tuple(Fraction(int(i == place)) for i in range(count))

    lifted = [(*point, *own(0)) for point in points]
    for place, j in enumerate(loose):
        for sign in (1, -1):
            end = tuple(sign * allowed[j] if i == j else Fraction(0) for i in range(len(vector)))
            lifted.append((*end, *own(place + 1)))
    return membership(lifted, (*(a / count for a in vector), *([Fraction(1, count)] * count))).inside
