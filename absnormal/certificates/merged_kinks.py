"""Merging (THEORY 7.1), looked at again next to the program.

The classes are worked out from the program again, and seen at points near x, where their switches must have the signs
that the classes say.  What the search pulled backward is pushed forward here: the signature that is worst along the
separator gives the largest derivative, and random ones that fit together give no larger one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from absnormal.active.one_layer import OneLayer, is_one_layer
from absnormal.active.one_set import one_set
from absnormal.arrays import Array
from absnormal.certificates.next_to_program import DRAWS, above, allowed, numbers_in_x, slack_of
from absnormal.certificates.witness import Witness
from absnormal.errors import AbsNormalError
from absnormal.sweeps.rounding import along, rounding, value_errors
from absnormal.sweeps.table import Sweeps, in_double_precision

#: How far from x, against its size, the switches are looked at.
_NEAR = 1e-5


def within(sign: int, slopes: Sequence[Any], witness: Witness, rng: np.random.Generator) -> bool:
    """The weights of the classes have one sign, or their rows are independent; the slopes make the vector, or g_c."""
    layer = _layer(witness.floats, rng)
    t = np.asarray(slopes, dtype=float)
    if layer is None or sign not in (1, 0, -1) or t.shape != layer.weights.shape or not (np.abs(t) <= 1).all():
        return False
    if sign and not ((sign * layer.weights >= -layer.errors).all() and _signed(layer, sign, rng)):
        return False
    if not sign and not _opened(layer, rng):
        return False
    aside = layer.set_aside()
    found = layer.base + layer.combined(t * layer.sure)
    if witness.vector is not None and witness.tolerance is not None:
        return bool((np.abs(found - witness.vector) + aside <= witness.tolerance).all())
    if not aside.max(initial=0.0) <= witness.deviation < np.inf:
        return False
    rest = np.abs(found - witness.gradient) + aside
    return bool((rest <= allowed(witness.floats, witness.gradient)).all())


def beyond(separator: Sequence[Any], witness: Witness, rng: np.random.Generator) -> bool:
    """v . g is larger than the derivative along v for all slopes that fit together, beyond rounding."""
    sweeps, v = witness.floats, numbers_in_x(separator, witness)
    layer = _layer(sweeps, rng)
    if layer is None:
        return False
    if witness.vector is not None and witness.tolerance is not None:
        g, bounds = np.asarray(witness.vector, dtype=float), witness.tolerance
    else:
        g = witness.gradient
        bounds = rounding(sweeps.pull_depth) * sweeps.gradient_magnitude()
    margin = along(v, g, bounds)
    sigma = _fitting(layer, np.where(layer.weights * layer.rates(v) < 0, -1.0, 1.0))
    slack = slack_of(sweeps, sigma, v)[1] + float((layer.errors * np.abs(layer.rates(v))).sum())
    highest = float(sweeps.push(sigma, v[None])[1][0, 0])
    for _ in range(DRAWS):
        drawn = _fitting(layer, rng.choice([-1.0, 1.0], layer.classes.count))
        if float(sweeps.push(drawn, v[None])[1][0, 0]) > highest + 2 * slack:
            return False
    return float(v @ g) - highest > margin + 2 * slack


def _layer(sweeps: Sweeps, rng: np.random.Generator) -> OneLayer | None:
    """The classes, where they are one layer and seen together."""
    classes = one_set(sweeps)
    if classes is None or not is_one_layer(sweeps):
        return None
    layer = OneLayer(sweeps, classes)
    return layer if all(_together(layer, rng) for _ in range(DRAWS)) else None


def _fitting(layer: OneLayer, signs: Array) -> Array:
    """The slopes of all |z| for one sign a class."""
    classes = layer.classes
    return layer.sweeps.signature(signs[classes.labels] * np.sign(classes.factors))


def _together(layer: OneLayer, rng: np.random.Generator) -> bool:
    """Whether the switches of each class have the signs that they should, at a point near x."""
    here, classes = in_double_precision(layer.sweeps), layer.classes
    leaves = [np.asarray(leaf) for leaf in here.program.inputs(here.values)]
    moved = [leaf + _NEAR * (1 + np.abs(leaf)) * rng.standard_normal(leaf.shape) for leaf in leaves]
    try:
        near = Sweeps(here.program, None, values=here.program.unguarded(moved))
    except AbsNormalError:
        # Nothing is seen at a point where f is not defined.
        return True
    active = layer.sweeps.alpha
    change = near.z[active] - here.z[active]
    noise = (value_errors(near) + value_errors(here))[active]
    own = np.where(np.abs(change) > noise, np.sign(change), 0) * np.sign(classes.factors)
    lowest, highest = np.zeros(classes.count), np.zeros(classes.count)
    np.minimum.at(lowest, classes.labels, own)
    np.maximum.at(highest, classes.labels, own)
    return bool((lowest * highest == 0).all())


def _opened(layer: OneLayer, rng: np.random.Generator) -> bool:
    """Whether the rows are independent, and a direction that these give opens signs that are drawn."""
    kept = np.flatnonzero(~layer.negligible)
    if not layer.independent:
        return False
    rows = layer.rows()[kept]
    for _ in range(DRAWS):
        signs = rng.choice([-1.0, 1.0], len(kept))
        d = np.linalg.lstsq(rows, signs, rcond=None)[0]
        if not (signs * layer.rates(d)[kept] > layer.rate_errors(d)[kept]).all():
            return False
    return True


def _signed(layer: OneLayer, sign: int, rng: np.random.Generator) -> bool:
    """Whether f'(x; d) bounds g_sigma . d for random signatures that fit together."""
    sweeps = layer.sweeps
    for _ in range(DRAWS):
        d = rng.standard_normal(sweeps.program.n)
        sigma = _fitting(layer, rng.choice([-1.0, 1.0], layer.classes.count))
        gap, slack = above(sweeps, sign, sigma, d)
        left = np.abs(layer.weights[layer.negligible]) + layer.errors[layer.negligible]
        if not gap >= -2 * slack - 2 * float((left * np.abs(layer.rates(d))[layer.negligible]).sum()):
            return False
    return True
