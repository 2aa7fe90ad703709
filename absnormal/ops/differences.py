"""Is a derivative that somebody else computes that of the value?  Differences of values along one direction tell.

Let D+, D- be the differences of a function to both sides, and D their mean, for two steps h and h/2.  Where the
function is smooth on [-h, h], D is apart from the derivative by O(h^2), which the change of D from h to h/2 estimates,
and D+ - D- is O(h): it halves with the step.  Near a kink it does not, and near a pole, or where a kernel chooses signs
or loses its digits, it grows.  So a step tells something only where D+ - D- shrinks, and then a derivative is
contradicted if it is farther from D than 16 times the change of D, twice |D+ - D-|, the rounding of values divided by
the step, and 1e-5 of the largest entry, for each copy of a batch.  It is no derivative of the value if all steps that
tell something contradict it, and at least two do; with fewer nothing is said.

The direction is random, from a digest of the arguments, in proportion to the largest of them.

At a kink D+ - D- stays what it is however small the step is; at a root or a jump it grows with a power of it.  `kinked`
tells so of what a user calls smooth, where a derivative by hand often is that of one side.  Steps over four orders of
magnitude tell a kink at the point from one beside it, and from a value with few digits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from absnormal.arrays import Array
from absnormal.ops.linear_maps import LinearMap

#: Steps, relative to the largest entry of each argument.
_STEPS = (2.0**-15, 2.0**-19, 2.0**-23)
#: What is allowed, relative to the largest entry of the derivative; so many changes of D; so many roundings of values.
_RELATIVE, _CHANGES, _ROUNDINGS = 1e-5, 16.0, 2.0**10
#: Steps over which D+ - D- of a kink stays the same; at least this part of both, and so much of the value.
_APART = (2.0**-12, 2.0**-16, 2.0**-20, 2.0**-24)
_BEND, _DIGITS = 1e-3, 2.0**-34
#: D+ - D- halves where a function is smooth.
_SHRUNK = 0.75

Value = Callable[..., Array]


def contradiction(
    value: Value, args: Sequence[Array], maps: Sequence[LinearMap | None], within: Callable[[int, Array], Array],
    batch: int = 0,
) -> tuple[float, float] | None:
    """A derivative along a direction and the difference of values that contradicts it, or None.

    Parameters
    ----------
    value
        the function of all arguments, which may raise ArithmeticError or LinAlgError
    maps
        its derivative by each argument; None: this one is constant
    within
        the part of a direction, of an argument with this number, in which the argument may move
    batch
        how many leading axes count copies
    """
    random = np.random.default_rng(int.from_bytes(_digest(args), "little"))
    directions = [
        np.zeros(arg.shape) if linear is None else within(own, random.standard_normal(arg.shape) * _size(arg, batch))
        for own, (arg, linear) in enumerate(zip(args, maps, strict=True))
    ]
    pushed = [linear.push(d[None])[0] for linear, d in zip(maps, directions, strict=True) if linear is not None]
    if not pushed or not pushed[0].size:
        return None
    derivative: Array = _copies(sum(pushed[1:], pushed[0]), batch)
    against, telling, worst = np.ones(len(derivative), bool), np.zeros(len(derivative), int), (0.0, 0.0)
    for step in _STEPS:
        found = _differences(value, args, directions, step, batch)
        if found is None:
            continue
        middle, allowed, tells = found
        sizes = np.maximum(_largest(middle), _largest(derivative))
        apart = _largest(middle - derivative)
        against &= ~tells | (apart > allowed + _RELATIVE * sizes)
        telling += tells
        if not against.any():
            return None
        copy = int(np.argmax(np.where(against & tells, apart, -1.0)))
        entry = int(np.argmax(np.abs(middle[copy] - derivative[copy])))
        worst = float(derivative[copy, entry]), float(middle[copy, entry])
    return worst if (against & (telling >= 2)).any() else None


@np.errstate(all="ignore")
def kinked(value: Value, args: Sequence[Array], directions: Sequence[Array]) -> Array:
    """For every entry of a value, whether it has a kink, or jumps, along a direction at these arguments.

    Where the value cannot be computed on both sides nothing is said.
    """
    bends: list[Array] = []
    clear: Array | None = None
    try:
        here = np.asarray(value(*args), dtype=float)
        for step in _APART:
            above, below = (
                np.asarray(value(*(arg + h * d for arg, d in zip(args, directions, strict=True))), dtype=float)
                for h in (step, -step)
            )
            apart = np.abs((above - here) - (here - below))
            steep = np.abs(above - here) + np.abs(here - below)
            size = np.maximum(np.abs(here), np.maximum(np.abs(above), np.abs(below)))
            now = (apart > _BEND * steep) & (apart > _DIGITS * size)
            clear = now if clear is None else clear & now
            if not clear.any():
                return clear
            bends.append(apart / step)
    except (ArithmeticError, ValueError, np.linalg.LinAlgError):
        return np.zeros((), bool)
    powers = [np.log2(b / a) / np.log2(h / k) for (a, b), (h, k) in zip(pairwise(bends), pairwise(_APART), strict=True)]
    mean, spread = np.mean(powers, axis=0), np.ptp(powers, axis=0)
    # Of a kink it is 0, of a jump 1, of a root 1/2; of what oscillates within the steps it is near 1 by accident.
    one = (mean > -0.25) & (spread < np.where(mean > 0.9, 0.005, 0.1))
    return np.asarray(clear & one)


def along_entries(arg: Array) -> Array:
    """A direction in proportion to every entry, and of size 1 where it is 0."""
    return np.where(arg == 0, 1.0, np.abs(arg))


def _differences(
    value: Value, args: Sequence[Array], directions: Sequence[Array], step: float, batch: int
) -> tuple[Array, Array, Array] | None:
    """The differences for half a step (copies, entries); how far off they may be, and whether they tell something."""

    def at(signed: float) -> Array:
        return _copies(value(*(arg + signed * d for arg, d in zip(args, directions, strict=True))), batch)

    try:
        with np.errstate(all="ignore"):
            here = at(0.0)
            sides = [[(at(h) - here) / h, (here - at(-h)) / h] for h in (step, step / 2)]
    except (ArithmeticError, np.linalg.LinAlgError):
        return None
    (wide, narrow), (bent, less) = (zip(*[((up + down) / 2, _largest(up - down)) for up, down in sides], strict=True))
    if not (np.isfinite(wide).all() and np.isfinite(narrow).all()):
        return None
    rounding = _ROUNDINGS * float(np.finfo(float).eps) * _largest(here) / step
    allowed = _CHANGES * _largest(wide - narrow) + 2 * less + rounding
    return narrow, allowed, less <= _SHRUNK * bent + rounding


def _digest(args: Sequence[Array]) -> bytes:
    digest = hashlib.blake2b(digest_size=8)
    for arg in args:
        digest.update(np.ascontiguousarray(arg, dtype=float).tobytes())
    return digest.digest()


def _copies(values: Array, batch: int) -> Array:
    """One row for each copy of a batch."""
    found = np.asarray(values, dtype=float)
    return found.reshape(int(np.prod(found.shape[:batch], dtype=int)), -1)


def _largest(rows: Array) -> Array:
    return np.asarray(np.abs(rows).max(axis=1, initial=0.0))


def _size(arg: Array, batch: int) -> Array:
    """The largest entry of each copy, or 1, for an argument of this shape."""
    found = np.abs(arg).max(axis=tuple(range(batch, arg.ndim)), keepdims=True, initial=0.0)
    return np.where(found > 0, found, 1.0)
