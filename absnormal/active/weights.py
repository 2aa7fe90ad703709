"""The weights of the active |z_i| in y, with bounds on their rounding."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from absnormal.active.forms import Forms
from absnormal.arrays import Array
from absnormal.rational.linear_algebra import Vector
from absnormal.sweeps.rounding import rounding
from absnormal.sweeps.table import Sweeps


class Weights(NamedTuple):
    """For each output the weights of |z_i| by switch, in units of the forms, with bounds on their rounding; None where
    they are rational."""

    values: list[dict[int, Fraction]]
    errors: list[dict[int, Fraction]] | None

    @property
    def arithmetic(self) -> str:
        return "rational" if self.errors is None else "float64"


def weights_of(sweeps: Sweeps, found: Forms) -> Weights:
    """The weights of the active switches."""
    if sweeps.program.is_piecewise_linear and all(y is not None for y in found.y):
        known = [y for y in found.y if y is not None]
        return Weights([{key[1]: v for key, v in y.terms.items() if key[0] == "abs"} for y in known], None)
    switches = [int(i) for i in sweeps.alpha]
    rows, errors = computed_weights(sweeps, [abs(found.z[i].q) for i in switches])
    by_switch = [[dict(zip(switches, row, strict=True)) for row in numbers] for numbers in (rows, errors)]
    return Weights(*by_switch)


def computed_weights(sweeps: Sweeps, scales: Sequence[Fraction]) -> tuple[list[Vector], list[Vector]]:
    """The computed weights, and bounds on their rounding: a weight below its bound may be 0."""
    seeds, sigma = np.eye(sweeps.program.m), sweeps.signature(0.0)
    gamma = rounding(sweeps.pull_depth)
    found = sweeps.pull(sigma, None, seeds)[1], gamma * sweeps.pull_magnitude(sigma, None, seeds)[1]
    rows, errors = (
        [[Fraction(w) * scale for w, scale in zip(row, scales, strict=True)] for row in _listed(wbar, sweeps.alpha)]
        for wbar in found
    )
    return rows, errors


def _listed(wbar: Array, alpha: Array) -> list[list[Any]]:
    picked: list[list[Any]] = np.asarray(wbar[:, alpha], dtype=object if wbar.dtype == object else float).tolist()
    return picked
