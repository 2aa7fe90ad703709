"""Numbers that Python code takes out of tensors: are they only logged?

``item()`` and ``tolist()`` give numbers that tell when they, or what is computed from them, are compared or converted.
One that is not, and that was read when the result was there, is a log.  An array, and what ``float()`` gives, cannot
tell.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from absnormal.frontends.torch.steps import Read, Step


@dataclass(slots=True)
class Use:
    """Whether code may depend on a number that was read: it is compared, or converted, and that is something else next
    to it."""

    decides: bool = False
    ties: bool = False


class Checked:
    """A condition that f only checks: where it fails f raises."""


class Number(float):
    """A floating-point number that tells what becomes of it; what is computed from it tells the same."""

    uses: tuple[Use, ...]

    def __reduce__(self) -> tuple[type, tuple[float]]:
        return float, (float.__add__(self, 0.0),)


class Whole(int):
    """A whole number that tells what becomes of it."""

    uses: tuple[Use, ...]

    def __reduce__(self) -> tuple[type, tuple[int]]:
        return int, (int.__add__(self, 0),)


def telling(value: Any, uses: tuple[Use, ...]) -> Any:
    """Numbers, and lists of them, that tell when something is decided by them."""
    if isinstance(value, list):
        return [telling(item, uses) for item in value]
    kind = _KINDS.get(type(value))
    if kind is None:
        return value
    made = kind(value)
    made.uses = uses
    return made


def _deciding(method: Callable[..., Any]) -> Callable[..., Any]:
    def decide(self: Any, *others: Any) -> Any:
        jumps = _jumps(method, self, others)
        for number in (self, *others):
            for use in getattr(number, "uses", ()):
                use.decides, use.ties = True, use.ties or jumps
        return method(self, *others)

    return decide


def _computing(method: Callable[..., Any]) -> Callable[..., Any]:
    def compute(self: Any, *others: Any) -> Any:
        uses = {id(use): use for number in (self, *others) for use in getattr(number, "uses", ())}
        if _jumps(method, self, others):
            for use in uses.values():
                use.ties = True
        return telling(method(self, *others), tuple(uses.values()))

    return compute


def _jumps(method: Callable[..., Any], number: Any, others: Sequence[Any]) -> bool:
    """Whether what a method makes of a number is something else next to it; of two of one list that is not told."""
    method = _QUOTIENTS.get(method.__name__, method)
    if not isinstance(number, Number) or method.__name__ not in _JUMPING:
        return False
    if any(getattr(other, "uses", None) is number.uses for other in others):
        return False
    here, *plain = (float.__add__(one, 0.0) if isinstance(one, Number) else one for one in (number, *others))
    try:
        made = method(here, *plain)
        return any(method(math.nextafter(here, way), *plain) != made for way in (math.inf, -math.inf))
    except (ArithmeticError, ValueError):
        return False


_KINDS: dict[type, Any] = {float: Number, int: Whole}
_BINARY = ("add", "sub", "mul", "truediv", "pow")
_COMPUTED = ("abs", "neg", "pos", "round", *_BINARY, *(f"r{name}" for name in _BINARY))
_DECIDED = (
    "bool", "int", "float", "trunc", "floor", "ceil", "hash", "eq", "ne", "lt", "le", "gt", "ge", "and", "or", "xor",
    "rand", "ror", "rxor", "lshift", "rshift", "invert", "floordiv", "rfloordiv", "mod", "rmod", "divmod", "rdivmod",
)
_JUMPING = frozenset(f"__{name}__" for name in (
    "bool", "int", "trunc", "floor", "ceil", "eq", "ne", "lt", "le", "gt", "ge", "round", "floordiv", "rfloordiv"))
_QUOTIENTS: dict[str, Callable[..., Any]] = {
    "__mod__": float.__floordiv__, "__rmod__": float.__rfloordiv__, "__divmod__": float.__floordiv__,
    "__rdivmod__": float.__rfloordiv__,
}
for _plain, _kind in _KINDS.items():
    for _names, _made in ((_COMPUTED, _computing), (_DECIDED, _deciding)):
        for _name in (f"__{name}__" for name in _names):
            if hasattr(_plain, _name):
                setattr(_kind, _name, _made(getattr(_plain, _name)))


def is_log(read: Read, needed: Sequence[int], steps: Sequence[Step], uses: Mapping[int, Use]) -> bool:
    """Whether a number is read when the result is there, nothing is decided by it, and there is no other number that
    it may choose as an index, which does not tell."""
    use = uses.get(read.number)
    if read.branch or use is None or use.decides:
        return False
    used = set(needed)
    for number, step in enumerate(steps):
        if step.record is None or step.jumps:
            continue
        before, outs = step.number < read.number, step.record.outs
        is_number = any(out.numel() == 1 and out.requires_grad for out in outs)
        # Of several numbers an index may choose one.
        if number in used and (not before or (is_number and len(outs) > 1)):
            return False
        if number not in used and before and is_number:
            return False
    return True
