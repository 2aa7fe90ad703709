"""What evidence about slopes is checked by, next to its program and without cells (THEORY 2.9, 7.2, 7.3, 7.9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from absnormal.arrays import Array, lengths
from absnormal.certificates import checker
from absnormal.certificates.next_to_program import DRAWS, above, numbers_in_x, one_sign, slack_of, small
from absnormal.certificates.witness import Witness
from absnormal.sweeps.adjoints import nonzero
from absnormal.sweeps.bounds import moved_at_most
from absnormal.sweeps.realized import ALONG, senses
from absnormal.sweeps.rounding import FLOOR, UNIT, along, rounding


def supporting(sign: int, witness: Witness, rng: np.random.Generator) -> bool:
    """Supporting: adjoints under the slopes that are judged have one sign, but for rounding that is set aside; along
    random directions f' is on the right side of the gradient."""
    sweeps, one = witness.floats, np.ones((1, 1))
    alpha, sigma = sweeps.alpha, sweeps.signature(witness.c)
    if sign not in (1, -1) or not len(alpha) or sweeps.sorts:
        return False
    if not (sweeps.lengths(sigma)[alpha] <= 1 + 8 * UNIT).all():
        return False
    w = sign * sweeps.pull(sigma, None, one)[1][0][alpha]
    error = rounding(sweeps.pull_depth) * sweeps.pull_magnitude(sigma, None, one)[1][0][alpha]
    aside = sweeps.maybe_nonzero[alpha] & (error > 0) & ~(w > error)
    deviation = moved_at_most(sweeps, aside, error + np.abs(w))
    if not (w >= -error)[aside].all() or not small(witness, deviation):
        return False
    for _ in range(DRAWS):
        d = rng.standard_normal(sweeps.program.n)
        gap, slack = above(sweeps, sign, sigma, d)
        if not gap >= -slack - float(np.abs(d) @ deviation):
            return False
    return True


def even_part(witness: Witness, rng: np.random.Generator) -> bool:
    """Even part: by patterns, every switch that may change f has no base row, or slope 0 and no active |.| upstream;
    f' - J~ is the same along random directions and back."""
    sweeps, sigma = witness.floats, witness.floats.signature(0.0)
    if sweeps.sorts:
        return False
    counted = sweeps.maybe_nonzero & sweeps.influence() & sweeps.active
    first = counted & sweeps.pattern(sigma)[0]
    before = sweeps.pull_magnitude(sigma, first[None].astype(float), None, change=nonzero)[1][0]
    if (witness.c != 0)[first[sweeps.alpha]].any() or (before[counted] != 0).any():
        return False
    for _ in range(DRAWS):
        d = rng.standard_normal(sweeps.program.n)
        there, back = sweeps.directional(d), sweeps.directional(-d)
        base = sweeps.push(sigma, d[None])[1][0, 0]
        slack = sum(slack_of(sweeps, own, d)[1] for own in (sigma, sigma, there.sigma, back.sigma))
        if not abs(there.dy[0] - back.dy[0] - 2 * base) <= slack:
            return False
    return True


class Layer(Protocol):
    """A layer as it is stated."""

    @property
    def switches(self) -> Sequence[int]: ...
    @property
    def weights(self) -> Sequence[Any]: ...
    @property
    def directions(self) -> Sequence[tuple[Sequence[int], Sequence[float]]]: ...


def layered(layers: Sequence[Layer], witness: Witness, rng: np.random.Generator) -> bool:
    """Layered blocks: all switches that may change f are in layers; none depends on an active |.| of its own layer or a
    later one; the directions of a layer lie in inputs that reach no earlier one, move all of it, and their sign vectors
    have the mean c."""
    sweeps, sigma = witness.floats, witness.floats.signature(0.0)
    counted = sweeps.with_their_blocks(sweeps.active & sweeps.maybe_nonzero & sweeps.influence())
    left, reached = counted.copy(), np.zeros(sweeps.program.n, bool)
    slopes = np.zeros(sweeps.program.s)
    slopes[sweeps.alpha] = witness.c
    for layer in layers:
        own = np.zeros(sweeps.program.s, bool)
        own[checker.positions(layer.switches, sweeps.program.s)] = True
        inputs, before = sweeps.pull_magnitude(sigma, own[None].astype(float), None, change=nonzero)
        if (own & ~left).any() or (before[0][left] != 0).any():
            return False
        weights = np.array([float(weight) for weight in layer.weights])
        signs = [_senses(direction, own, reached, witness, rng) for direction in layer.directions]
        if len(weights) != len(signs) or not (weights >= 0).all() or any(found is None for found in signs):
            return False
        mean = np.sum([weight * found for weight, found in zip(weights, signs, strict=True)], axis=0)
        exact = 8 * (1 + len(weights)) * UNIT
        close = np.where(sweeps.in_blocks[own], ALONG, exact)
        if not abs(weights.sum() - 1) <= exact or not (np.abs(mean - slopes[own]) <= close).all():
            return False
        left, reached = left & ~own, reached | (inputs[0] != 0)
    return not left.any() and not sweeps.sorts


def _senses(
    direction: tuple[Sequence[int], Sequence[float]], own: Array, reached: Array, witness: Witness,
    rng: np.random.Generator,
) -> Array | None:
    """The senses in which a direction moves a layer, vectors of length 1 for norms; None where it does not move all of
    it, or earlier ones too."""
    sweeps, d = witness.floats, np.zeros(witness.floats.program.n)
    d[checker.positions(direction[0], sweeps.program.n)] = direction[1]
    d = numbers_in_x(d, witness)
    found, moved = senses(sweeps, d, rng), np.zeros(sweeps.program.s, bool)
    moved[sweeps.alpha] = found != 0
    still = own & ~sweeps.with_their_blocks(moved)
    return None if (d[reached] != 0).any() or still.any() else found[own[sweeps.alpha]]


def mean_under_regular(
    sign: int, given: Sequence[float], slopes: Sequence[Sequence[float]], witness: Witness, rng: np.random.Generator
) -> bool:
    """The adjoints have one sign, all slopes are in [-1, 1] and the balls, and the mean is the vector."""
    sweeps, weights = witness.floats, np.asarray(given, dtype=float)
    if witness.vector is None or witness.tolerance is None or not len(weights) or len(weights) != len(slopes):
        return False
    if not (weights >= 0).all() or not abs(weights.sum() - 1) <= 4 * len(weights) * np.finfo(float).eps:
        return False
    deviation = one_sign(sweeps, sign, rng)
    if deviation is None or not small(witness, deviation):
        return False
    total, size = np.zeros(sweeps.program.n), sweeps.gradient_magnitude()
    for weight, own in zip(weights.tolist(), slopes, strict=True):
        c = np.asarray(own, dtype=float)
        if c.shape != sweeps.alpha.shape or not (np.abs(c) <= 1).all():
            return False
        sigma = sweeps.signature(c)
        if any((lengths(sigma[lane]) > 1 + 8 * UNIT).any() for lane in sweeps.lanes):
            return False
        if (sigma[sweeps.not_negative] < 0).any():
            return False
        total += weight * sweeps.gradient(sigma)
    bound = 2 * (rounding(sweeps.pull_depth) + (2 + 4 * len(weights)) * UNIT) * size
    return bool((np.abs(total - witness.vector) <= witness.tolerance + bound).all())


def beyond_the_derivative(sign: int, separator: Any, witness: Witness, rng: np.random.Generator) -> bool:
    """The adjoints have one sign, and v . g is beyond the derivative along v by more than all rounding."""
    sweeps, v = witness.floats, numbers_in_x(separator, witness)
    if witness.vector is None or witness.tolerance is None:
        return False
    deviation = one_sign(sweeps, sign, rng)
    if deviation is None:
        return False
    g = witness.vector
    highest = sign * float(sweeps.directional(sign * v).dy[0])
    size = float(sweeps.magnitude(sweeps.signature(0.0), v, interval=True)[1][0])
    slack = rounding(sweeps.push_depth) * size + FLOOR + float(np.abs(v) @ deviation)
    return bool(float(v @ g) - highest - slack > along(v, g, witness.tolerance))
