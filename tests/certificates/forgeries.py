"""Forged certificates, judged by the exact oracle: `python -m tests.certificates.forgeries [COUNT] [SEED]`.

Certificates of random programs are changed in every way (a field dropped, emptied, doubled, permuted, negated, made
huge or NaN, exchanged with that of another program, another claim or kind), evidence of every kind is made up for
programs, and digests are made to fit.  Whatever then holds, next to its program or alone, must be true.  100,000
forgeries take about ten minutes on one core.
"""

from __future__ import annotations

import copy
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

import absnormal as an
from absnormal.certificates import checker
from absnormal.certificates.certificate import Certificate, certificate_of_fallback
from absnormal.certificates.witness import Witness

from ..oracle.oracle import Oracle
from ..oracle.rational import Vector
from ..theorems.generators import nests, network_cases
from ..theorems.judge import Case, cases
from . import truth

CLAIMS = checker.CLAIMS
HUGE = "1000000000000000000000000000000"


@dataclass(frozen=True, eq=False)
class Specimen:
    """A true certificate next to its program, with the oracle of that."""

    certificate: Certificate
    oracle: Oracle

    @property
    def witness(self) -> Witness:
        assert self.certificate.witness is not None
        return self.certificate.witness

    @cached_property
    def gradient(self) -> Vector:
        """g_c, for the slopes that are judged."""
        if not self.witness.sweeps.program.is_piecewise_linear:
            # Their derivatives are 1 at the point, and the slopes have few digits: nothing is rounded.
            return tuple(map(Fraction, self.witness.gradient.tolist()))
        sweeps = self.witness.exact
        slopes = np.array([Fraction(c) for c in self.witness.c.tolist()], dtype=object)
        return tuple(map(Fraction, sweeps.gradient(sweeps.signature(slopes))))

    def true(self, data: dict[str, Any], claim: str) -> bool:
        """Whether the claim is true of the program."""
        return truth.decided(self.oracle, data, claim, self.gradient)


def specimens(count: int, number: int = 0) -> list[Specimen]:
    """Certificates of the verdicts on random programs: on slopes, on vectors, of the gradient that is offered.

    Some have smooth operations between their kinks, with the same linearization.
    """
    found: list[Specimen] = []

    @seed(number)
    @settings(max_examples=-(-count // 3), deadline=None, database=None, phases=(Phase.generate,),
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(cases() | cases(nests()) | network_cases() | cases(soft=True), st.sampled_from((0, 0, 0.5, -2, 1e-9)))
    def draw(a: Case, step: float) -> None:
        report = an.verify(a.program, a.point, slope=a.slopes)
        g = [float(v) for v in a.gradient]
        g[0] += step
        vector = an.verify(a.program, a.point, gradient=g)
        for certificate in (report.certificate, vector.certificate, certificate_of_fallback(report)):
            if certificate is not None:
                found.append(Specimen(certificate, a.oracle))

    draw()
    return found[:count]


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """All places in plain data."""
    if path:
        yield path
    if isinstance(value, dict):
        for name, entry in value.items():
            yield from paths(entry, (*path, name))
    elif isinstance(value, list):
        for i, entry in enumerate(value):
            yield from paths(entry, (*path, i))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for name in path:
        value = value[name]
    return value


def negated(value: Any) -> Any:
    """Every number with the other sign."""
    if isinstance(value, dict):
        return {name: negated(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [negated(entry) for entry in value]
    if isinstance(value, str):
        return value[1:] if value.startswith("-") else "-" + value
    return value if value is None or isinstance(value, bool) else -value


def changed(data: dict[str, Any], other: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """The data with one place changed; ``other`` is the evidence of another program."""
    data = copy.deepcopy(data)
    if not data:
        return data
    path = rng.choice([*paths(data)])
    place, name = at(data, path[:-1]), path[-1]
    value = place[name]
    how = rng.randrange(9)
    if how == 0:
        del place[name]
    elif how == 1:
        place[name] = type(value)() if isinstance(value, (list, dict, str)) else 0
    elif how == 2 and isinstance(place, list):
        place.insert(name, copy.deepcopy(value))
    elif how == 3 and isinstance(value, list):
        rng.shuffle(value)
    elif how == 4:
        place[name] = negated(value)
    elif how == 5:
        place[name] = rng.choice((HUGE, "nan", float("nan"), float("inf"), -1, 0, 1, "0", "1", "-1", "1/2", None, []))
    elif how == 6:
        alike = [p for p in paths(other) if p[-1] == name and type(at(other, p)) is type(value)]
        if alike:
            place[name] = copy.deepcopy(at(other, rng.choice(alike)))
    elif how == 7 and isinstance(value, (str, int)) and not isinstance(value, bool):
        step = Fraction(rng.choice((1, -1, 2, -2, Fraction(1, 2), Fraction(1, 10**20), -3)))
        try:
            moved = Fraction(value) + step
        except ValueError:
            return data
        place[name] = int(moved) if isinstance(value, int) and moved.denominator == 1 else str(moved)
    elif how == 8 and isinstance(place, list):
        place.append(copy.deepcopy(value))
    return data


def made_up(one: Specimen, rng: random.Random) -> tuple[str, dict[str, Any]]:
    """A claim, and evidence of any kind for a program, which may or may not prove it."""
    witness, draw = one.witness, np.random.default_rng(rng.randrange(2**32))
    n, count = witness.sweeps.program.n, len(witness.sweeps.alpha)
    nodes = [witness.sweeps.program.nodes[i] for i in witness.sweeps.program.kinked]
    directions = [np.zeros(n), draw.standard_normal(n), draw.integers(-2, 3, n), np.eye(n)[rng.randrange(n)] * 1.0]

    def direction() -> list[float]:
        return [float(a) for a in rng.choice(directions)]

    def group() -> dict[str, Any]:
        inputs = [j for j in range(n) if rng.random() < 0.5]
        return {"switch": rng.choice(nodes).switch, "inputs": inputs, "sign": rng.choice((1, -1))}

    def signature() -> list[float]:
        return [float(rng.choice((1, -1))) for _ in range(count)]

    kind = rng.choice((
        "no active switch", "zero rows", "private inputs", "private inputs for these slopes", "independent",
        "independent by inputs", "independent modulo a prime", "direction", "limiting gradients",
        "sign-definite adjoints",
        "adjoints for these slopes", "even part", "layered blocks", "nonfinite", "not the gradient",
        "separated from all slopes", "mean under regular", "beyond the directional derivative",
        "slopes of merged kinks", "separated from merged kinks", "separated with variable coefficients",
    ))  # fmt: skip
    data: dict[str, Any] = {"kind": kind, "switches": [], "needed": []}
    if kind.startswith("private") and nodes:
        data["groups"] = [group() for _ in range(rng.randrange(4))]
    if kind == "independent by inputs":
        data["rounds"] = [[[rng.randrange(max(1, count))], [rng.randrange(n)]] for _ in range(rng.randrange(4))]
    if kind == "direction":
        data["direction"] = direction()
    if kind == "limiting gradients":
        many = rng.randrange(4)
        weights = rng.choice(([1.0 / max(many, 1)] * many, [2.0, -1.0, 0.0][:many], [float("nan")] * many))
        data |= {"weights": weights, "signatures": [signature() for _ in range(many)],
                 "directions": [direction() for _ in range(many)]}  # fmt: skip
        if many and rng.random() < 0.5:
            sigmas = [witness.floats.directional(np.array(d)).sigma for d in data["directions"]]
            data["signatures"] = [sigma[witness.floats.alpha].tolist() for sigma in sigmas]
    if kind in ("sign-definite adjoints", "adjoints for these slopes"):
        aside = witness.sweeps.alpha.tolist() if rng.random() < 0.5 else []
        data |= {"sign": rng.choice((1, -1)), "set aside": aside, "negligible": rng.random() < 0.5}
    if kind == "mean under regular":
        many = rng.randrange(4)
        weights = rng.choice(([1.0 / max(many, 1)] * many, [2.0, -1.0, 0.0][:many], [float("nan")] * many))
        factor = rng.choice((1.0, 0.5, 0.0, 3.0))
        slopes = [[factor * c for c in signature()] for _ in range(many)]
        data |= {"sign": rng.choice((1, -1, 0)), "weights": weights, "slopes": slopes}
    if kind == "slopes of merged kinks":
        slopes = rng.choice(([0.0], [1.0, -1.0], [0.5] * count, signature()[: rng.randrange(count + 1)]))
        data |= {"sign": rng.choice((1, -1, 0)), "slopes": slopes}
    if kind == "separated from merged kinks":
        data |= {"separator": direction(), "gap": 1.0}
    if kind == "separated with variable coefficients":
        tree = rng.choice(([-1], [0, -1, -1], [0, [[0, 1]], -1], [[[0, 1]]], [0, 1, -1, [[0, 1], [1, 1]], -1]))
        data |= {"separator": direction(), "gap": 1.0, "tree": tree}
    if kind == "beyond the directional derivative":
        data |= {"sign": rng.choice((1, -1, 0)), "separator": direction(), "gap": 1.0}
    if kind == "layered blocks":
        left = witness.sweeps.alpha.tolist()
        data["layers"] = []
        while left:
            own = [i for i in left if rng.random() < 0.7] or left
            left = [i for i in left if i not in own]
            d, weights = direction(), rng.choice(([1.0], [0.5, 0.5], [0.25, 0.75], [2.0, -1.0]))
            steps = [{"inputs": list(range(n)), "numbers": [sign * a for a in d]} for sign in (1.0, -1.0)]
            data["layers"].append({"switches": own, "weights": weights, "directions": steps[: len(weights)]})
    if kind in ("not the gradient", "separated from all slopes"):
        data |= {"separator": direction(), "gap": 1.0, "negligible": rng.random() < 0.5}
    if rng.random() < 0.3:
        data["deviation"] = rng.choice((1e9, -1.0, float("nan"), float("inf"), 0.0))
    for name in ("vector", "tolerance"):
        if name in one.certificate.data and rng.random() < 0.9:
            data[name] = one.certificate.data[name]
    return rng.choice(CLAIMS), data


def dressed(data: dict[str, Any], one: Specimen) -> dict[str, Any]:
    """The evidence of another program under the names of this one's switches, with its slopes and its vector."""
    data = copy.deepcopy(data)
    names, slopes = one.witness.sweeps.alpha.tolist(), [str(Fraction(c)) for c in one.witness.c.tolist()]
    start = 0
    for system in data.get("systems", [data["system"]] if "system" in data else []):
        own = slice(start, start + len(system["rows"]))
        system["switches"], system["slopes"], system["signs"] = names[own], slopes[own], [1] * len(names[own])
        start = own.stop
    for name in ("vector", "tolerance", "leaves", "rtol"):
        data.pop(name, None)
        if name in one.certificate.data:
            data[name] = one.certificate.data[name]
    return data


def forged(one: Specimen, other: Specimen, rng: random.Random) -> Certificate:
    """A certificate that nobody proved."""
    claim, data = one.certificate.claim, dict(one.certificate.data)
    if rng.random() < 0.3:
        claim, data = made_up(one, rng)
    elif rng.random() < 0.3:
        claim, data = other.certificate.claim, dressed(dict(other.certificate.data), one)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        data = changed(data, dict(other.certificate.data), rng)
    if rng.random() < 0.3:
        claim = rng.choice(CLAIMS)
    if rng.random() < 0.1:
        data["kind"] = rng.choice((*checker.KINDS, other.certificate.kind))
    kind = data.get("kind", one.certificate.kind)
    return replace(one.certificate, claim=claim, data=data, kind=kind, digest="")


def accepted(certificate: Certificate) -> bool:
    """Whether it holds; anything but ValueError is an error of the checker."""
    try:
        return certificate.check()
    except ValueError:
        return False


def judged(one: Specimen, fake: Certificate) -> str:
    """ "refused", "true" (what holds is), "not decided" (too large for brute force) or "FALSE"."""
    data, result = dict(fake.data), "refused"
    if accepted(fake):
        if not one.true(data, fake.claim):
            return "FALSE"
        result = "true"
    if accepted(replace(fake, witness=None)):
        if data["kind"] == "nonfinite":
            return "true" if fake.claim == "NOT_CLARKE" else "FALSE"
        if not truth.small(data):
            return "not decided"
        if not truth.alone(data, fake.claim):
            return "FALSE"
        result = "true"
    return result


def campaign(count: int, number: int = 0) -> tuple[Counter[str], list[Certificate]]:
    """So many forgeries: how they were judged, and those that state what is false and hold."""
    rng, pool = random.Random(number), specimens(max(60, count // 50), number)
    seen: Counter[str] = Counter()
    false: list[Certificate] = []
    for _ in range(count):
        one, other = rng.choice(pool), rng.choice(pool)
        fake = forged(one, other, rng)
        outcome = judged(one, fake)
        seen[outcome] += 1
        if outcome == "FALSE":
            false.append(fake)
    return seen, false


def main(arguments: list[str]) -> int:
    count, number = (*map(int, arguments), *(100_000, 0)[len(arguments) :])
    start = time.perf_counter()
    seen, false = campaign(count, number)
    print(f"{count} forgeries, seed {number}: {dict(seen)}, {time.perf_counter() - start:.0f} s")
    for fake in false[:10]:
        print("FALSE, and holds:", fake.claim, dict(fake.data))
    return bool(false)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
