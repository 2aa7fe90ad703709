"""The outcome of a jump, and what it looks up.  What jumps at the ties of another jump has its outcomes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings.jumps import Either, Jump, lifted
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.program.affine import ratio


def jump_of(jump: Jump, own: Array, up: Array, down: Array) -> Any:
    """The outcome of a jump.  One at the ties of another one is another outcome of that."""
    builder = jump.builder
    jump, reversed_ = (jump, False) if jump.together else _of_what_is_scaled(jump)
    known, turned = _known(jump)
    if known is None:
        builder.jumps.append(jump)
    else:
        jump = known
    if turned != reversed_:
        up, down = down, up
    forced = (builder.forced or {}).get(builder.jumps.index(jump))
    if forced is not None:
        outcome = np.array(own)
        for place, side in zip(np.flatnonzero(jump.tied), forced, strict=True):
            outcome.flat[place] = {"own": own, "up": up, "down": down}[side].reshape(-1)[place]
        return outcome
    if np.array_equal(up, down) and np.array_equal(own, up):
        return own
    side = "up" if np.array_equal(own, up) else "down" if np.array_equal(own, down) else ""
    return Either(jump, own, up, down, True, side)


def _of_what_is_scaled(jump: Jump) -> tuple[Jump, bool]:
    """A jump of c u + d as one of u, and whether its sides are the other way round."""
    builder = jump.builder
    if not builder.nodes[jump.left].varied:
        found, turned = _of_what_is_scaled(replace(jump, left=jump.right, right=jump.left))
        return found, not turned
    while builder.nodes[jump.left].op == "reshape":
        inner = builder.nodes[jump.left].args[0]
        jump = _reshaped(jump, builder.nodes[inner].shape, inner)
    scaled = {key: c for key, c in builder.affine(jump.left).items() if key != "one"}
    if builder.nodes[jump.right].varied or len(scaled) != 1:
        return jump, False
    ((base, c),) = scaled.items()
    if base == jump.left or not isinstance(base, int) or builder.nodes[base].shape != builder.nodes[jump.left].shape:
        return jump, False
    value = builder.values[base]
    knots = np.where(jump.tied, value, value - 1)
    return replace(jump, left=base, right=builder.constant(knots)), c < 0


def _reshaped(jump: Jump, shape: tuple[int, ...], left: int) -> Jump:
    """The same jump of what was reshaped, whose entries stand in the same order."""
    right = jump.writer.reshape(TracedArray(jump.builder, jump.right), shape)
    return replace(jump, left=left, right=right.index, tied=jump.tied.reshape(shape))


def _known(jump: Jump) -> tuple[Jump | None, bool]:
    """The jump that has the same ties, and whether its sides are the other way round."""
    affine = jump.builder.affine
    difference = affine.difference(jump.left, jump.right)
    for other in jump.builder.jumps:
        factor = ratio(difference, affine.difference(other.left, other.right))
        if factor and np.array_equal(other.tied, jump.tied) and _alike(other.together, jump.together):
            return other, factor < 0
    return None, False


def _alike(first: tuple[Array, Array] | None, second: tuple[Array, Array] | None) -> bool:
    if first is None or second is None:
        return first is second
    return all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


def looked_up(table: Array, place: Any) -> Any:
    """Entries of a list by numbers that may jump."""
    return lifted(lambda numbers: table[numbers], [place], True) if isinstance(place, Either) else table[place]
