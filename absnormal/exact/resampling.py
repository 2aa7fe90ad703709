"""Re-checks next to a program, by other sweeps than those of the search and beyond their rounding.

A structural proof says what holds along certain directions and for certain slopes: these are drawn at random and
pushed, so that a wrong proof is noticed almost surely; a direction that opens a cell, and a vector beyond all slopes,
are checked outright.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.exact import checker
from absnormal.exact.interval import highest
from absnormal.exact.modular import ANOTHER_PRIME, independent, integers
from absnormal.sweeps.integers import exact_rows
from absnormal.sweeps.rounding import FLOOR, rounding
from absnormal.sweeps.table import Sweeps

DRAWS = 4


@dataclass(frozen=True, eq=False)
class Witness:
    """The program at its point, and the slopes at the active switches that are judged."""

    sweeps: Sweeps
    slopes: Array

    @property
    def floats(self) -> Sweeps:
        """The program at the point, in floating point."""
        if not self.sweeps.rational:
            return self.sweeps
        values = [np.asarray(value, dtype=float) for value in self.sweeps.values]
        found = Sweeps(self.sweeps.program, None, values=values)
        found.active = self.sweeps.active
        found.__dict__["signs"] = np.asarray(self.sweeps.signs, dtype=float)
        return found


def check(kind: str, data: Mapping[str, Any], witness: Witness) -> bool:
    """Whether the proof holds on the samples."""
    rule = _RULES.get(kind)
    if rule is None:
        raise ValueError(f"malformed certificate: unknown kind {kind!r}")
    sweeps, rng = witness.floats, np.random.default_rng(20)
    judged = "vector" in data and kind not in ("not the gradient", "separated from all slopes")
    return rule(data, witness, sweeps, rng) and (not judged or near(data, witness, sweeps, rng))


def near(data: Mapping[str, Any], witness: Witness, sweeps: Sweeps, rng: Any) -> bool:
    """Whether the vector is g_c up to the tolerance, along random directions."""
    directions = rng.standard_normal((DRAWS, sweeps.program.n))
    sigma = sweeps.signature(np.asarray(witness.slopes, dtype=float))
    _, dy = sweeps.push(sigma, directions)
    vector, allowed = (np.array([number_of(value) for value in data[name]]) for name in ("vector", "tolerance"))
    return all(
        abs(d @ vector - y[0]) <= np.abs(d) @ allowed + slack_of(sweeps, sigma, d)[1]
        for d, y in zip(directions, dy, strict=True)
    )


def number_of(value: Any) -> float:
    """A number of a certificate; beyond float64 it is infinite, and agrees with nothing."""
    try:
        return float(checker.number(value)) if isinstance(value, str) else float(value)
    except OverflowError:
        return np.inf


def slack_of(sweeps: Sweeps, sigma: Array, d: Array) -> tuple[Array, float]:
    """Bounds on the rounding of a push along d: of dz, and of dy (the inner product with a vector included)."""
    dz, dy = sweeps.magnitude(sigma, d)
    gamma = rounding(sweeps.push_depth + sweeps.pull_depth + sweeps.program.n)
    return gamma * dz + FLOOR, float(gamma * dy[0]) + FLOOR


def definite(sweeps: Sweeps, rng: Any) -> Array:
    return sweeps.signature(rng.choice([-1.0, 1.0], len(sweeps.alpha)))


def none_active(data: Mapping[str, Any], witness: Witness, sweeps: Sweeps, rng: Any) -> bool:
    program, values = witness.sweeps.program, witness.sweeps.values
    leaves = [value for node, value in zip(program.nodes, values, strict=True) if node.op == "input"]
    z = program.switching(program.evaluate(leaves))
    return not len(sweeps.alpha) and bool((np.abs(z) > witness.sweeps.atol).all())


def _zero_rows(data: Mapping[str, Any], witness: Witness, sweeps: Sweeps, rng: Any) -> bool:
    """No random direction moves an active switch on which the output depends, whatever the slopes."""
    needed = np.asarray(data.get("switches", sweeps.alpha), dtype=int)
    for _ in range(DRAWS):
        sigma, d = definite(sweeps, rng), rng.standard_normal((1, sweeps.program.n))
        dz, _ = sweeps.push(sigma, d)
        if (np.abs(dz[0]) > slack_of(sweeps, sigma, d[0])[0])[needed].any() or not _idle(sweeps, sigma, needed, d):
            return False
    return True


def _private(data: Mapping[str, Any], witness: Witness, sweeps: Sweeps, rng: Any) -> bool:
    """A signature that is constant on the groups is drawn, and a direction that opens it is put together."""
    c, alpha = np.asarray(witness.slopes, dtype=float), sweeps.alpha
    program = sweeps.program
    place = np.full(program.s, -1)
    place[alpha] = np.arange(len(alpha))
    nodes = {program.nodes[i].switch: program.nodes[i] for i in program.kinked}
    for _ in range(DRAWS):
        sigma, d, moved = sweeps.signature(0.0), np.zeros(program.n), np.zeros(program.s, bool)
        for group in data["groups"]:
            node, inputs = nodes[group["switch"]], np.asarray(group["inputs"], dtype=int)
            own = np.arange(node.switch, node.switch + node.switches)
            own = own[sweeps.active[own]]
            step = np.zeros(program.n)
            step[inputs] = rng.choice([-1.0, 1.0], len(inputs))
            both, _ = sweeps.push(sigma, np.stack([d, step]))
            rates = both[1][own]
            own, rates = own[rates != 0], rates[rates != 0]
            if not len(own) or not _constant_slopes(step, inputs, own, c[place[own]], sweeps, sigma):
                return False
            sigma[own] = np.sign(rates)
            moved[own] = True
            d = d + (1 + 2 * np.abs(both[0][own]).max(initial=0.0) / np.abs(rates).min()) * step
        dz, _ = sweeps.push(sigma, d[None])
        still = alpha[~moved[alpha]]
        slack = slack_of(sweeps, sigma, d)[0]
        opened = sigma[moved] * dz[0][moved] > slack[moved]
        if not opened.all() or (np.abs(dz[0][still]) > slack[still]).any():
            return False
    return True


def _private_definite(data: Mapping[str, Any], witness: Witness, sweeps: Sweeps, rng: Any) -> bool:
    """A direction along the private inputs, later ones larger, is put together for the slopes themselves."""
    sigma, alpha = sweeps.signature(np.asarray(witness.slopes, dtype=float)), sweeps.alpha
    program = sweeps.program
    nodes = {program.nodes[i].switch: program.nodes[i] for i in program.kinked}
    d, moved = np.zeros(program.n), np.zeros(program.s, bool)
    for group in data["groups"]:
        node, inputs = nodes[group["switch"]], np.asarray(group["inputs"], dtype=int)
        own = np.arange(node.switch, node.switch + node.switches)
        own = own[sweeps.active[own]]
        step = np.zeros(program.n)
        step[inputs] = group["sign"]
        both, _ = sweeps.push(sigma, np.stack([d, step]))
        own, rates, held = own[both[1][own] != 0], both[1], both[0]
        if not len(own) or (rates[own] <= 0).any():
            return False
        # Inputs whose switches have the slope -1 go down.
        wanted = np.zeros((1, program.s))
        wanted[0, own] = sigma[own]
        step[inputs] = np.sign(sweeps.pull(sigma, wanted, None)[0][0][inputs])
        size = 1 + 2 * np.abs(held[own]).max(initial=0.0) / rates[own].min()
        d = d + size * step
        moved[own] = True
    drawn = rng.standard_normal((DRAWS, program.n))
    dz, _ = sweeps.push(sigma, np.stack([d, *drawn]))
    opened = sigma[moved] * dz[0][moved] > slack_of(sweeps, sigma, d)[0][moved]
    still = alpha[~moved[alpha]]
    return bool(opened.all()) and all(
        (np.abs(rates[still]) <= slack_of(sweeps, sigma, along)[0][still]).all()
        for rates, along in zip(dz[1:], drawn, strict=True)
    )


def _constant_slopes(step: Array, inputs: Array, own: Array, c: Array, sweeps: Sweeps, sigma: Array) -> bool:
    """Whether slopes agree on switches that one input moves: equal weights of the inputs give equal classes."""
    if np.unique(c).size <= 1:
        return True
    labels = np.zeros_like(step)
    labels[inputs] = 1.0 + np.arange(len(inputs))
    moved = np.abs(sweeps.push(sigma, np.stack([labels, np.abs(step)]))[0][:, own])
    group = np.rint(moved[0] / moved[1])
    return all(np.unique(c[group == one]).size <= 1 for one in np.unique(group))


def _independent(data: Mapping[str, Any], witness: Witness, sweeps: Sweeps, rng: Any) -> bool:
    """Random definite signatures are opened: their rows are inverted, and the direction is pushed."""
    alpha, count = sweeps.alpha, len(sweeps.alpha)
    seeds = np.zeros((count, sweeps.program.s))
    seeds[np.arange(count), alpha] = 1.0
    for _ in range(DRAWS):
        sigma = definite(sweeps, rng)
        d = np.linalg.lstsq(sweeps.pull(sigma, seeds, None)[0], sigma[alpha], rcond=None)[0]
        dz, _ = sweeps.push(sigma, d[None])
        if not (sigma[alpha] * dz[0][alpha] > slack_of(sweeps, sigma, d)[0][alpha]).all():
            return False
    return True


def _direction(data: Mapping[str, Any], witness: Witness, sweeps: Sweeps, rng: Any) -> bool:
    """The direction is pushed; a switch that it does not move must not be moved by random ones."""
    sigma, alpha = sweeps.signature(np.asarray(witness.slopes, dtype=float)), sweeps.alpha
    drawn = rng.standard_normal((DRAWS, sweeps.program.n))
    directions = np.stack([np.asarray(data["direction"], dtype=float), *drawn])
    dz, _ = sweeps.push(sigma, directions)
    slack = np.stack([slack_of(sweeps, sigma, d)[0] for d in directions])
    opened = (sigma * dz[0] > slack[0]) & (np.abs(sigma) == 1)
    still = (np.abs(dz) <= slack).all(axis=0)
    needed = np.asarray(data.get("needed", alpha), dtype=int)
    return bool((opened | still)[needed].all()) and _idle(sweeps, sigma, needed, directions)


def _idle(sweeps: Sweeps, sigma: Array, needed: Array, directions: Array) -> bool:
    """Whether the active switches that are not needed change neither the others nor the output."""
    rest = np.setdiff1d(sweeps.alpha, needed)
    if not len(rest):
        return True
    other = sigma.copy()
    other[rest] = -other[rest]
    (dz, dy), (dz_other, dy_other) = sweeps.push(sigma, directions), sweeps.push(other, directions)
    for i, d in enumerate(directions):
        (slack, slack_y), (slack_other, slack_y_other) = slack_of(sweeps, sigma, d), slack_of(sweeps, other, d)
        if (np.abs(dz[i] - dz_other[i]) > slack + slack_other)[needed].any():
            return False
        if abs(dy[i, 0] - dy_other[i, 0]) > slack_y + slack_y_other:
            return False
    return True


def _limiting(data: Mapping[str, Any], witness: Witness, sweeps: Sweeps, rng: Any) -> bool:
    """Every signature is opened by its direction, and the mean of their gradients is g_c along random directions."""
    weights = np.asarray(data["weights"], dtype=float)
    if (weights < 0).any() or abs(weights.sum() - 1) > len(weights) * np.finfo(float).eps:
        return False
    drawn = rng.standard_normal((DRAWS, sweeps.program.n))
    sigma = sweeps.signature(np.asarray(witness.slopes, dtype=float))
    gap = sweeps.push(sigma, drawn)[1][:, 0]
    slack = np.array([slack_of(sweeps, sigma, d)[1] for d in drawn])
    for weight, slopes, d in zip(weights, data["signatures"], data["directions"], strict=True):
        if not _direction({**data, "direction": d}, Witness(sweeps, np.asarray(slopes)), sweeps, rng):
            return False
        sigma = sweeps.signature(np.asarray(slopes, dtype=float))
        gap = gap - weight * sweeps.push(sigma, drawn)[1][:, 0]
        slack = slack + np.array([slack_of(sweeps, sigma, d)[1] for d in drawn])
    return bool((np.abs(gap) <= 2 * slack).all())


def _sign_definite(data: Mapping[str, Any], witness: Witness, sweeps: Sweeps, rng: Any) -> bool:
    """For random definite signatures: the sign of the adjoints, and y' as an upper (lower) bound of g_sigma . d."""
    alpha, sign = sweeps.alpha, data["sign"]
    counted = sweeps.pattern()[0][alpha] & ~np.isin(alpha, np.asarray(data["set aside"], dtype=int))
    for _ in range(DRAWS):
        sigma, d = definite(sweeps, rng), rng.standard_normal(sweeps.program.n)
        _, wbar = sweeps.pull(sigma, None, np.ones((1, 1)))
        _, size = sweeps.pull_magnitude(sigma, None, np.ones((1, 1)))
        if not (sign * wbar[0] >= -rounding(sweeps.pull_depth) * size[0])[alpha][counted].all():
            return False
        chosen = sweeps.directional(d)
        gap = sign * (chosen.dy[0] - sweeps.push(sigma, d[None])[1][0, 0])
        aside = float(np.abs(d).sum() * data.get("deviation", 0.0))
        slack = slack_of(sweeps, sigma, d)[1] + slack_of(sweeps, chosen.sigma, d)[1] + aside
        if not gap >= -slack:
            return False
    return True


def _not_the_gradient(data: Mapping[str, Any], witness: Witness, sweeps: Sweeps, rng: Any) -> bool:
    """f is differentiable, and its derivative along the separator is smaller by more than the tolerance."""
    v, g, allowed = (np.asarray(data[name], dtype=float) for name in ("separator", "vector", "tolerance"))
    if data.get("negligible"):
        if not _no_effect(data, sweeps, rng):
            return False
    elif not _zero_rows(data, witness, sweeps, rng):
        return False
    sigma = sweeps.signature(0.0)
    far = [unit @ g - sweeps.push(sigma, unit[None])[1][0, 0] for unit in _largest(v, allowed)]
    return any(abs(gap) > bound for gap, bound in zip(far, _bounds(sweeps, sigma, v, allowed), strict=True))


def _no_effect(data: Mapping[str, Any], sweeps: Sweeps, rng: Any) -> bool:
    """No random slopes of the active switches change the derivative along random directions beyond rounding."""
    d = rng.standard_normal((DRAWS, sweeps.program.n))
    base = sweeps.signature(0.0)
    reference = sweeps.push(base, d)[1][:, 0]
    aside = float(data.get("deviation", 0.0))
    for _ in range(DRAWS):
        sigma = definite(sweeps, rng)
        found = sweeps.push(sigma, d)[1][:, 0]
        for row, gap in zip(d, np.abs(found - reference), strict=True):
            if gap > slack_of(sweeps, sigma, row)[1] + slack_of(sweeps, base, row)[1] + aside * np.abs(row).sum():
                return False
    return True


def _largest(v: Array, allowed: Array) -> Array:
    """Unit vectors of the entries that are farthest beyond their tolerance."""
    entries = np.argsort(allowed - np.abs(v))[:DRAWS]
    units = np.zeros((len(entries), len(v)))
    units[np.arange(len(entries)), entries] = 1.0
    return units


def _bounds(sweeps: Sweeps, sigma: Array, v: Array, allowed: Array) -> list[float]:
    return [float(unit @ allowed) + slack_of(sweeps, sigma, unit)[1] for unit in _largest(v, allowed)]


def _beyond_all(data: Mapping[str, Any], witness: Witness, sweeps: Sweeps, rng: Any) -> bool:
    """v . g is larger than the derivative along v for all slopes, by an interval of its own and beyond rounding."""
    v = np.asarray(data["separator"], dtype=float)
    if "vector" in data:
        g, allowed = (np.asarray(data[name], dtype=float) for name in ("vector", "tolerance"))
        margin = np.abs(v) @ allowed + rounding(len(v) + 2) * float(np.abs(v) @ np.abs(g)) + FLOOR
        value = float(v @ g)
    else:
        judged = sweeps.signature(np.asarray(witness.slopes, dtype=float))
        value, margin = float(sweeps.push(judged, v[None])[1][0, 0]), slack_of(sweeps, judged, v)[1]
    return bool(value - margin > highest(sweeps, v))


def _independent_modulo_a_prime(data: Mapping[str, Any], witness: Witness, sweeps: Sweeps, rng: Any) -> bool:
    """The rows for slope -1 at active switches span what the base rows span; another prime than that of the search."""
    rows = exact_rows(sweeps, sweeps.signature(-1.0), sweeps.alpha) if sweeps.program.is_piecewise_linear else None
    whole = None if rows is None else integers(rows)
    return whole is not None and independent(whole, ANOTHER_PRIME)[0] is True


_RULES: dict[str, Callable[[Mapping[str, Any], Witness, Sweeps, Any], bool]] = {
    "no active switch": none_active,
    "zero rows": _zero_rows,
    "private inputs": _private,
    "private inputs for these slopes": _private_definite,
    "independent": _independent,
    "independent modulo a prime": _independent_modulo_a_prime,
    "direction": _direction,
    "limiting gradients": _limiting,
    "sign-definite adjoints": _sign_definite,
    "not the gradient": _not_the_gradient,
    "separated from all slopes": _beyond_all,
}
