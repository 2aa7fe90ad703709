"""Whether the numbers of a certificate are those of a program: pushes along random directions, beyond rounding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.exact import checker
from absnormal.exact.resampling import DRAWS, Witness, definite, near, none_active, number_of, slack_of
from absnormal.sweeps.table import Sweeps


def agrees(data: Mapping[str, Any], witness: Witness) -> bool:
    """Whether the numbers of a certificate are those of the program, along random directions and for random
    signatures."""
    if "parts" in data:
        return _parts_agree(data, witness)
    sweeps, rng = witness.floats, np.random.default_rng(21)
    if data["kind"] == "no active switch" and not none_active(data, witness, sweeps, rng):
        return False
    system = data["system"]
    if not set(system["switches"]) <= set(sweeps.alpha.tolist()):
        return False
    points = data.get("points")
    if points is not None and not _points_agree(data, points, sweeps, rng):
        return False
    if "vector" in data and points is None and "base" not in system and not near(data, witness, sweeps, rng):
        return False
    if "base" in system and not _base_agrees(system["base"], sweeps, rng):
        return False
    if "columns" not in system:
        return True
    return _all_agree([system], sweeps, rng, np.arange(sweeps.program.n))


def _base_agrees(base: Any, sweeps: Sweeps, rng: Any) -> bool:
    """Whether J~ is the gradient with slope 0 at active switches, along random directions."""
    sigma = sweeps.signature(0.0)
    numbers = np.array([number_of(a) for a in base])
    for d in rng.standard_normal((DRAWS, sweeps.program.n)):
        if abs(sweeps.push(sigma, d[None])[1][0, 0] - d @ numbers) > 2 * slack_of(sweeps, sigma, d)[1]:
            return False
    return True


def _parts_agree(data: Mapping[str, Any], witness: Witness) -> bool:
    """The same for a certificate of independent parts, along directions in their inputs."""
    sweeps = witness.floats
    systems = [part["system"] for part in data["parts"]]
    if not {switch for system in systems for switch in system["switches"]} <= set(sweeps.alpha.tolist()):
        return False
    rng = np.random.default_rng(23)
    if data["kind"] in checker.IN_BLOCKS:
        if not _base_agrees(data["base"], sweeps, rng):
            return False
    elif "vector" in data and not near(data, witness, sweeps, rng):
        return False
    inputs = np.array([column for system in systems for column in system["columns"]], dtype=int)
    return _all_agree(systems, sweeps, np.random.default_rng(22), inputs)


def _all_agree(systems: list[Mapping[str, Any]], sweeps: Sweeps, rng: Any, inputs: Array) -> bool:
    """Whether z' and y' of some systems of switches are those of the program when only ``inputs`` move."""
    read = [_Read(system) for system in systems]
    for _ in range(DRAWS):
        sigma, d = definite(sweeps, rng), np.zeros(sweeps.program.n)
        d[inputs] = rng.standard_normal(len(inputs))
        dz, dy = sweeps.push(sigma, d[None])
        slack, slack_y = slack_of(sweeps, sigma, d)
        total = Fraction(0)
        for system in read:
            rates, change, sizes = system.rates(sigma, d)
            total += change
            for switch, sign, rate, size in zip(system.switches, system.signs, rates, sizes, strict=True):
                seen = sign * float(dz[0][switch])
                if abs(seen) > slack[switch]:
                    if seen * ((rate > 0) - (rate < 0)) <= 0:
                        return False
                elif abs(rate) > size / 10**9 + Fraction(float(slack[switch])):
                    return False
        base = sweeps.push(sweeps.signature(0.0), d[None])[1][0, 0]
        hull = slack_of(sweeps, sweeps.signature(np.nan), d)[1]
        if abs(Fraction(float(dy[0, 0])) - Fraction(float(base)) - total) > Fraction(4 * (slack_y + hull)):
            return False
    return True


class _Read:
    """The numbers of a system, those that are 0 left out."""

    def __init__(self, system: Mapping[str, Any]) -> None:
        self.switches, self.signs = list(map(int, system["switches"])), list(map(int, system["signs"]))
        columns = list(map(int, system["columns"]))
        self.rows = [_nonzero(row, columns) for row in system["rows"]]
        self.couplings = [_nonzero(row, range(len(row))) for row in system["couplings"]]
        self.weights = checker.numbers(system["weights"])

    def rates(self, sigma: Array, d: Array) -> tuple[list[Fraction], Fraction, list[Fraction]]:
        """r^sigma . d and (g_sigma - J~) . d, exactly, and the sizes of what was added."""
        rates: list[Fraction] = []
        sizes: list[Fraction] = []
        moved = {j: Fraction(float(d[j])) for row in self.rows for j, _ in row}
        slopes = [sign * int(sigma[switch]) for sign, switch in zip(self.signs, self.switches, strict=True)]
        for row, coupling in zip(self.rows, self.couplings, strict=True):
            terms = [a * moved[j] for j, a in row] + [a * slopes[j] * rates[j] for j, a in coupling]
            rates.append(sum(terms, Fraction(0)))
            own = sum((abs(a * moved[j]) for j, a in row), Fraction(0))
            sizes.append(own + sum((abs(a) * sizes[j] for j, a in coupling), Fraction(0)))
        change = (b * s * rate for b, s, rate in zip(self.weights, slopes, rates, strict=True))
        return rates, sum(change, Fraction(0)), sizes


def _nonzero(row: Iterable[Any], places: Iterable[int]) -> list[tuple[int, Fraction]]:
    return [(j, a) for j, a in zip(places, checker.numbers(row), strict=True) if a]


def _points_agree(data: Mapping[str, Any], points: Any, sweeps: Sweeps, rng: Any) -> bool:
    """Whether the gradients that a certificate lists are those of its signatures."""
    system = data["system"]
    kept = [system["switches"][i] for i in system["kept"]]
    signs = [system["signs"][i] for i in system["kept"]]
    signatures = data.get("signatures") or list(product((1, -1), repeat=len(kept)))
    d = rng.standard_normal((1, sweeps.program.n))
    for point, signature in zip(points, signatures, strict=True):
        sigma = sweeps.signature(1.0)
        sigma[kept] = [sign * (s or 1) for sign, s in zip(signs, signature, strict=True)]
        value = sum(number_of(a) * b for a, b in zip(point, d[0].tolist(), strict=True))
        if abs(sweeps.push(sigma, d)[1][0, 0] - value) > 2 * slack_of(sweeps, sigma, d[0])[1]:
            return False
    return True
