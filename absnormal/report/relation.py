"""What ties active switches together: an equation between switching variables, with the lines they come from.

The equation is read off from the exact linear forms (`absnormal.active.forms`), and only where they are proved to be
all there is near x.  Where the slopes of a tool contradict it, that is said too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from absnormal.active.forms import forms
from absnormal.active.linear_form import ONE
from absnormal.active.system import System
from absnormal.ops import kink_of
from absnormal.program.nodes import Node
from absnormal.program.program import Program
from absnormal.rational.linear_algebra import Vector, circuits
from absnormal.rational.linear_program import open_direction
from absnormal.report.plain import number
from absnormal.theorems.problem import Problem

_NAMED = 6


@dataclass(frozen=True)
class Relation:
    """sum of weights_i * form_i = 0 over switches i of a system, up to |.| of earlier switches."""

    system: System
    members: tuple[int, ...]
    weights: tuple[Fraction, ...]

    @property
    def uncoupled(self) -> bool:
        """Whether no |.| enters."""
        return not any(any(self.system.couplings[i]) for i in self.members)

    @property
    def switches(self) -> tuple[int, ...]:
        """Their numbers in the program."""
        return tuple(self.system.switches[i] for i in self.members)


def relation(problem: Problem, slopes: bool) -> str:
    """The shortest relation in words, that which the slopes contradict first; "" where none is known.

    ``slopes`` says whether the slopes of the problem are what is judged.
    """
    system, program = problem.system, problem.sweeps.program
    if system is None or not system.proved:
        return ""
    found, c = _shortest(problem, slopes)
    if found is None:
        return _zero_row(system, program)
    text = f"{_equation(problem, found)} ({lines_of(program, found.switches)})"
    said = _contradiction(program, found, c) if c is not None and found.uncoupled else ""
    return f"{text}; {said}" if said else text


def tied(problem: Problem, slopes: bool) -> tuple[int, ...]:
    """The numbers of the switches that the relation ties together; none where none is known."""
    system = problem.system
    found = _shortest(problem, slopes)[0] if system is not None and system.proved else None
    return () if found is None else found.switches


def _shortest(problem: Problem, slopes: bool) -> tuple[Relation | None, Vector | None]:
    """The relation that the slopes contradict, or the first, with the slopes of the forms."""
    relevant = problem.relevant
    if relevant is None:
        return None, None
    c = problem.slopes_in(relevant) if slopes else None
    return (_broken(relevant, c) if c is not None else None) or _first(relevant), c


def _broken(system: System, c: Vector) -> Relation | None:
    """Two parallel switches with slopes that do not fit, or a Gordan relation against definite slopes."""
    alone = [i for i in range(system.k) if not any(system.couplings[i])]
    for j in alone:
        for i in alone[: alone.index(j)]:
            factor = _factor(system.full, i, j)
            if factor is not None and c[j] != (c[i] if factor > 0 else -c[i]):
                return Relation(system, (i, j), (-factor, Fraction(1)))
    if not all(abs(slope) == 1 for slope in c):
        return None
    rows = system.all_rows(c)
    signed = [(i, [c[i] * a for a in row]) for i, row in enumerate(rows) if any(row)]
    _, weights = open_direction([row for _, row in signed])
    if weights is None:
        return None
    members = tuple(i for (i, _), w in zip(signed, weights, strict=True) if w)
    found = Relation(system, members, tuple(w * c[i] for (i, _), w in zip(signed, weights, strict=True) if w))
    return found if found.uncoupled else None


def _factor(rows: Sequence[Vector], i: int, j: int) -> Fraction | None:
    """The k with row_j = k row_i, if there is one that is not 0."""
    pivot = next((p for p, a in enumerate(rows[i]) if a), None)
    if pivot is None or not rows[j][pivot]:
        return None
    k = rows[j][pivot] / rows[i][pivot]
    return k if all(b == k * a for a, b in zip(rows[i], rows[j], strict=True)) else None


def _first(system: System) -> Relation | None:
    """The smallest circuit among those that a few orders of the rows close."""
    order = range(system.k)
    sparse = sorted(order, key=lambda i: sum(map(bool, system.full[i])) + sum(map(bool, system.couplings[i])))
    best: dict[int, Fraction] | None = None
    for places in (order, order[::-1], sparse):
        for weights in circuits([system.full[i] for i in places]):
            found = {i: w for i, w in zip(places, weights, strict=True) if w}
            if best is None or len(found) < len(best):
                best = found
    if best is None:
        return None
    members = tuple(sorted(best))
    return Relation(system, members, tuple(best[i] for i in members))


def _zero_row(system: System, program: Program) -> str:
    zero = [
        switch for switch, row, couplings in zip(system.switches, system.full, system.couplings, strict=True)
        if not any(row) and not any(couplings)
    ]
    if not zero:
        return ""
    verb = "is" if len(zero) == 1 else "are"
    return f"{names_of(zero)} {verb} zero near x ({lines_of(program, zero)})"


def _equation(problem: Problem, found: Relation) -> str:
    names = names_of(found.switches)
    tied = (
        f"{names} kink on the same set" if len(found.members) == 2 and found.uncoupled
        else f"{names} depend on each other" if len(found.members) > 1 else ""
    )
    if not _holds_as_written(problem, found) or len(found.members) > _NAMED:
        return tied or f"{names} has a row that only other kinks move"
    last = found.weights[-1]
    terms = [(-w / last, f"z{i}") for w, i in zip(found.weights[:-1], found.switches[:-1], strict=True)]
    couplings = found.system.couplings
    for j, switch in enumerate(found.system.switches):
        own = (w * couplings[i][j] for w, i in zip(found.weights, found.members, strict=True))
        total = sum(own, Fraction(0))
        if total:
            terms.append((total / last, f"|z{switch}|"))
    equation = f"z{found.switches[-1]} = {_sum(terms)}"
    return f"{tied}: {equation}" if tied else equation


def _holds_as_written(problem: Problem, found: Relation) -> bool:
    """Whether the forms are the switching variables themselves and their constants cancel."""
    known = forms(problem.sweeps).z
    if any(known[i].factor for i in found.switches):
        return False
    constants = (known[i].terms.get(ONE, Fraction(0)) for i in found.switches)
    return sum((w * a for w, a in zip(found.weights, constants, strict=True)), Fraction(0)) == 0


def _sum(terms: Sequence[tuple[Fraction, str]]) -> str:
    text = ""
    for factor, name in terms:
        size = "" if abs(factor) == 1 else f"{number(abs(factor))} "
        sign = (" - " if factor < 0 else " + ") if text else ("-" if factor < 0 else "")
        text += f"{sign}{size}{name}"
    return text or "0"


def _contradiction(program: Program, found: Relation, c: Vector) -> str:
    """What is wrong with the slopes c of the forms; "" when nothing is."""
    signs = [found.system.signs[i] for i in found.members]
    own = [c[i] * sign for i, sign in zip(found.members, signs, strict=True)]
    signed = [w * sign for w, sign in zip(found.weights, signs, strict=True)]
    if len(own) == 2:
        together = signed[0] * signed[1] < 0
        if own[1] == (own[0] if together else -own[0]):
            return ""
        return changes_of_sign(program, found.switches, own, together)
    sides = {w * slope > 0 for w, slope in zip(signed, own, strict=True)}
    if len(sides) > 1 or not all(abs(slope) == 1 for slope in own):
        return ""
    if len(set(own)) == 1:
        word = "negative" if own[0] < 0 else "positive"
        return f"they cannot all be {word}, as {slope_in_words(program, found.switches, own[0])} at each has it"
    if len(own) > _NAMED:
        return "they cannot have the signs that the slopes take them to have"
    taken = ", ".join("+" if slope > 0 else "-" for slope in own)
    return f"they cannot have the signs {taken} that the slopes take them to have"


def changes_of_sign(program: Program, switches: Sequence[int], slopes: Sequence[Any], together: bool) -> str:
    """What two switches on one set do, which slopes contradict."""
    how = "they change sign together" if together else "where one is positive the other is negative"
    if slopes[0] == slopes[1]:
        return f"{how}, so {slope_in_words(program, switches, slopes[0])} cannot hold at both"
    return f"{how}, so the slopes {number(slopes[0])} and {number(slopes[1])} cannot hold together"


def slope_in_words(program: Program, switches: Sequence[int], c: Any) -> str:
    """A slope as the user knows it: relu'(0) where all switches are those of a relu."""
    if all(_is_relu(program, program.node_of(i)) for i in switches):
        return f"relu'(0) = {number((1 + Fraction(c)) / 2)}"
    return f"slope {number(c)}"


def _is_relu(program: Program, node: Node) -> bool:
    found = kink_of(node.op).around_zero(node.params, [program.is_zero(arg) for arg in node.args])
    return found is not None and found[0] == found[1] and found[2] == 0


def names_of(switches: Sequence[int]) -> str:
    """z0, z1 and z2"""
    if len(switches) > _NAMED:
        return f"{len(switches)} switches (z{switches[0]}, z{switches[1]}, ..., z{switches[-1]})"
    names = [f"z{i}" for i in switches]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def lines_of(program: Program, switches: Sequence[int]) -> str:
    """The operations of switches and where they are."""
    nodes = [program.node_of(i) for i in switches]
    found = list(dict.fromkeys(f"{node.operation} at {node.source}" for node in nodes if node.source is not None))
    return ", ".join(found[:3]) + (", ..." if len(found) > 3 else "") if found else "no source line"
