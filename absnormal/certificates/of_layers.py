"""What evidence about layers of kinks is checked by, next to its program (THEORY 7.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from absnormal.arrays import Array
from absnormal.certificates import checker
from absnormal.certificates.next_to_program import numbers_in_x
from absnormal.certificates.witness import Witness
from absnormal.sweeps.adjoints import nonzero
from absnormal.sweeps.realized import ALONG, senses
from absnormal.sweeps.rounding import UNIT


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
        signs = [_signs(direction, own, reached, witness, rng) for direction in layer.directions]
        if len(weights) != len(signs) or not (weights >= 0).all() or any(found is None for found in signs):
            return False
        mean = np.sum([weight * found for weight, found in zip(weights, signs, strict=True)], axis=0)
        exact = 8 * (1 + len(weights)) * UNIT
        close = np.where(sweeps.in_blocks[own], ALONG, exact)
        if not abs(weights.sum() - 1) <= exact or not (np.abs(mean - slopes[own]) <= close).all():
            return False
        left, reached = left & ~own, reached | (inputs[0] != 0)
    return not left.any() and not sweeps.sorts


def _signs(
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
