"""A certificate that carries its form, next to its program: is that form the program's?

A piecewise-linear form is compared as a polynomial: z' and y' along one direction, for one choice of slopes, drawn from
many rationals and computed without rounding.  They agree by chance with a probability below 2^-24 (Schwartz and
Zippel), and the draw cannot be foreseen.  Where the numbers are computed derivatives, the form is made again from the
program, and every number must be the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from absnormal.active.subproblems import subproblems
from absnormal.active.system import System, build
from absnormal.certificates import checker
from absnormal.certificates.witness import Witness
from absnormal.sweeps.table import Sweeps

DRAWS = 2
#: Directions and slopes are drawn from so many numbers.
_MANY = 2**31


def proves(data: Mapping[str, Any], witness: Witness, rng: np.random.Generator) -> bool:
    """Whether the evidence proves its claim of the form, and the form is that of the program with the judged slopes."""
    form = checker.Form(data)
    if not _slopes_agree(form, witness) or ("rtol" in data and not checker.within_rules(data)):
        return False
    if data["kind"] in checker.OF_EVERY_SWITCH and sorted(form.switches) != witness.sweeps.alpha.tolist():
        return False
    given = {name: value for name, value in data.items() if name != "points"}
    same = witness.sweeps.program.is_piecewise_linear and _identical(form, witness, rng)
    noise = None
    if not same:
        made = _made_again(form, witness.sweeps)
        if made is None:
            return False
        noise = _noise(made)
    if "vector" in data and form.base is None:
        if data["kind"] in checker.OF_A_WHOLE_FORM:
            return False
        if data["kind"] in checker.JUDGE_A_VECTOR:
            given["points"] = _points(form, data, witness.floats)
        elif not near(witness):
            return False
    return checker.check(given, noise)


def near(witness: Witness) -> bool:
    """Whether the vector that is judged, if there is one, is g_c up to its tolerance."""
    if witness.vector is None or witness.tolerance is None:
        return witness.vector is None
    return bool((np.abs(witness.gradient - witness.vector) <= witness.tolerance).all())


def _slopes_agree(form: checker.Form, witness: Witness) -> bool:
    """Whether the slopes of the systems, whose forms may point the other way, are those that are judged."""
    judged = dict(zip(witness.sweeps.alpha.tolist(), witness.c.tolist(), strict=True))
    for system in form.systems:
        slopes, signs = checker.numbers(system["slopes"]), list(system["signs"])
        for switch, sign, slope in zip(system["switches"], signs, slopes, strict=True):
            if switch not in judged or sign not in (1, -1) or sign * float(slope) != judged[switch]:
                return False
    return True


def _identical(form: checker.Form, witness: Witness, rng: np.random.Generator) -> bool:
    """Whether z' and y' of a form are those of a piecewise-linear program, for all directions and slopes.

    Switches that the form leaves out then change neither the others nor y'.
    """
    sweeps = witness.exact
    if form.columns is None:
        return False
    n = sweeps.program.n
    for _ in range(DRAWS):
        slopes = [Fraction(int(a), _MANY) for a in rng.integers(-_MANY, _MANY, len(sweeps.alpha), endpoint=True)]
        drawn = [int(a) for a in rng.integers(-_MANY, _MANY, n, endpoint=True)]
        direction = np.empty((1, n), dtype=object)
        direction[0, :] = drawn
        dz, dy = sweeps.push(sweeps.signature(np.array(slopes, dtype=object)), direction)
        level = sweeps.push(sweeps.signature(0), direction)[1][0, 0]
        if form.base is not None and sum((a * d for a, d in zip(form.base, drawn, strict=True)), Fraction(0)) != level:
            return False
        chosen = dict(zip(sweeps.alpha.tolist(), slopes, strict=True))
        change = Fraction(0)
        for system, columns in zip(form.systems, form.columns, strict=True):
            rates, own = _moved(system, [drawn[j] for j in columns], chosen)
            change += own
            if any(dz[0, name] != rate for name, rate in zip(system["switches"], rates, strict=True)):
                return False
        if dy[0, 0] - level != change:
            return False
    return True


def _moved(
    system: Mapping[str, Any], direction: list[int], chosen: Mapping[int, Fraction]
) -> tuple[list[Fraction], Fraction]:
    """The rates of the switches along a direction in the columns, and what they add to y'."""
    rates: list[Fraction] = []
    change = Fraction(0)
    slopes = [sign * chosen[name] for sign, name in zip(system["signs"], system["switches"], strict=True)]
    for i, (row, coupling) in enumerate(zip(system["rows"], system["couplings"], strict=True)):
        rate = sum((a * d for a, d in zip(checker.numbers(row), direction, strict=True) if a), Fraction(0))
        known = zip(checker.numbers(coupling)[:i], slopes, rates, strict=False)
        rates.append(rate + sum((a * s * r for a, s, r in known if a), Fraction(0)))
    for weight, slope, rate in zip(checker.numbers(system["weights"]), slopes, rates, strict=True):
        change += weight * slope * rate
    return [sign * rate for sign, rate in zip(system["signs"], rates, strict=True)], change


def _made_again(form: checker.Form, sweeps: Sweeps) -> list[System] | None:
    """The systems of the program, when the form has the same numbers and their cells are proved."""
    if len(form.systems) == 1:
        single = build(sweeps)
        made = [single] if single is not None else subproblems(sweeps) or []
    else:
        made = subproblems(sweeps) or []
    if len(made) != len(form.systems) or not all(map(_same, made, form.systems)):
        return None
    base = made[0].base if made else None
    if form.base is not None:
        n = sweeps.program.n
        if base is None or form.base != [base[0].get(j, Fraction(0)) for j in range(n)]:
            return None
    return made


def _same(made: System, given: Mapping[str, Any]) -> bool:
    columns = None if made.inputs is None else list(made.inputs)
    return (
        made.proved
        and list(made.switches) == given["switches"]
        and list(made.signs) == given["signs"]
        and columns == given.get("columns")
        and made.hidden == (given.get("hidden", False) is not False)
        and [checker.numbers(row) for row in given["rows"]] == made.full
        and [checker.numbers(row) for row in given["couplings"]] == made.couplings
        and checker.numbers(given["weights"]) == made.weights[0]
    )


def _noise(made: list[System]) -> list[Fraction] | None:
    """How far the weights of the switches, in order, may be from the true ones; None where they are exact."""
    if all(system.errors is None for system in made):
        return None
    return [error for system in made for error in (system.errors or [[Fraction(0)] * system.k])[0]]


def _points(form: checker.Form, data: Mapping[str, Any], sweeps: Sweeps) -> list[list[Fraction]]:
    """The gradients of the signatures that the evidence lists, or of all of them, as the program has them."""
    (system,) = form.systems
    kept = checker.in_play(system)
    names, signs = ([system[name][i] for i in kept] for name in ("switches", "signs"))
    points = []
    for signature in data.get("signatures") or product((1, -1), repeat=len(kept)):
        sigma = sweeps.signature(1.0)
        slopes = [int(checker.number(s)) or 1 for s in signature]
        sigma[names] = [sign * slope for sign, slope in zip(signs, slopes, strict=True)]
        points.append([Fraction(a) for a in sweeps.gradient(sigma).tolist()])
    return points
