"""Jumps of torch as comparisons of nodes, entry by entry, which says where both sides are constant near the point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from absnormal.errors import DomainError, TraceError
from absnormal.frontends.meanings.places import alike
from absnormal.frontends.torch.jumps import CONVERSIONS, LOOKING, RANKS, RELATIONS, discrete, plain_name
from absnormal.frontends.torch.values import MASKS
from absnormal.frontends.torch.writer import Arg, Writer
from absnormal.program import program
from absnormal.program.moves import numbered

#: Two nodes, and the relation between them whose outcome decides the jump.
Comparison = tuple[int, int, str]

#: What asks whether its argument is 0, what depends on its sign, and what jumps at whole numbers.
_AT_ZERO = frozenset({
    "nonzero", "count_nonzero", "logical_not", "logical_and", "logical_or", "logical_xor", "all", "any",
})  # fmt: skip
_WHOLE = {
    "sign": "sign", "sgn": "sign", "signbit": "sign", "floor": "floor", "ceil": "ceil", "trunc": "trunc",
    "frac": "trunc", "round": "rint",
}  # fmt: skip
_LINES = frozenset({"argmax", "argmin", "max", "min"})
_FINE, _HALF = frozenset({torch.float32, torch.float64}), frozenset({torch.float16, torch.bfloat16})


def looks_up_one_number(record: Any, value: Callable[[Any], Any]) -> bool:
    """Whether entries of a tensor of equal numbers are looked up, by whatever indices; ``value`` tells the numbers."""
    if record.name not in LOOKING or any(key.dtype in MASKS for key in record.arguments[1:]):
        return False
    return alike(value(record.arguments[0]).numpy(force=True))


def settled(w: Writer, read: Callable[[], tuple[list[Any], dict[str, Any]]]) -> bool:
    """Whether a jump compares, where it is tied, what is constant near the point; then what makes it so is kept.

    ``read`` gives the arguments of the jump.
    """
    builder = w.builder
    try:
        with w.aside():
            found = comparisons(w, *read())
            if found is None or any(builder.tied(*sides).any() for sides in found):
                return False
            for left, right, relation in found:
                outcome = program.RELATIONS[relation][0](builder.values[left], builder.values[right])
                builder.keep(left, right, relation, outcome, w.operation, w.source)
            return True
    except (TraceError, DomainError, KeyError):
        return False


def comparisons(w: Writer, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Comparison] | None:
    """The comparisons that decide a jump; None where it is not made of such."""
    name, kind = plain_name(w.record), next((out.dtype for out in w.record.outs), None)
    moving = [arg for arg in args if isinstance(arg, Arg) and not discrete(arg.here)]
    kinds = {arg.here.dtype for arg in moving}
    halves = kinds <= _HALF and len({arg.here.dtype for arg in args if isinstance(arg, Arg)}) == 1
    if not kinds <= _FINE and not halves:
        # Numbers are rounded to the precision of what they are compared with, half precision where all is in that.
        return None
    if name in RELATIONS or name == "equal":
        left, right = (w.rounded(side, args) for side in args)
        return [(left, right, RELATIONS.get(name, "=="))]
    if name in _AT_ZERO or (name in CONVERSIONS and kind == torch.bool):
        zero = w.constant(0.0)
        return [(arg.node, zero, "!=") for arg in moving]
    if name in CONVERSIONS:
        return [(arg.node, arg.node, "trunc") for arg in moving]
    if name == "heaviside":
        return [(arg.node, arg.node, "sign") for arg in args[:1] if isinstance(arg, Arg)]
    if name in _WHOLE and not kwargs and len(args) == 1:
        return [(arg.node, arg.node, _WHOLE[name]) for arg in moving]
    if name in _LINES:
        return _line(w, args[0], kwargs.get("dim", args[1] if len(args) > 1 else None), name[-3:])
    if name in RANKS and isinstance(args[0], Arg) and args[0].shape:
        return _neighbours(w, args[0], *RANKS[name](*args, **kwargs))
    return None


def _neighbours(w: Writer, x: Arg, axis: int, apart: slice) -> list[Comparison]:
    """Neighbours in rising order along an axis, those that must differ for their places to be known."""
    places = np.moveaxis(numbered(x.shape), axis, -1)
    rising = np.argsort(np.moveaxis(w.here(x.node), axis, -1), axis=-1, kind="stable")
    order = np.take_along_axis(places, rising, -1)
    flat = w.reshape(x.node, (-1,))
    above, below = (w.gather(flat, side[..., apart].reshape(-1)) for side in (order[..., 1:], order[..., :-1]))
    return [(above, below, ">")]


def _line(w: Writer, x: Any, dim: Any, kind: str) -> list[Comparison] | None:
    """The place of the largest or the smallest entry of a line, or of all of them."""
    if not isinstance(x, Arg) or isinstance(dim, Arg) or not x.shape:
        return None
    moved = w.reshape(x.node, (-1,)) if dim is None else w.swap(x.node, dim % len(x.shape), len(x.shape) - 1)
    return [(moved, moved, f"arg{kind}")]
