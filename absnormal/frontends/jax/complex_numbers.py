"""Complex numbers between real variables and a real result: pairs of real arrays.  Their rules are `complex_rules`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from absnormal._optional import require

if TYPE_CHECKING:
    from absnormal.frontends.jax.run import Seen


#: What makes parts of complex numbers, and complex numbers of parts.
MADE = ("complex", "imag", "real")


@dataclass(frozen=True, slots=True)
class Pair:
    """The real and the imaginary part of what is complex."""

    real: Seen
    imag: Seen


def is_complex(value: Any) -> bool:
    """Whether a value of JAX is complex; typed keys of random numbers are not."""
    return isinstance(value, complex) or getattr(getattr(value, "dtype", None), "kind", "") == "c"


def part(seen: Seen, name: str) -> Seen:
    """The "real" or the "imag" part of a complex value; what is real stays as it is."""
    jnp = require("jax.numpy", "jax")
    if isinstance(seen.traced, Pair):
        found: Seen = getattr(seen.traced, name)
        return found
    # What jumps does so in both parts.
    return type(seen)(getattr(jnp.asarray(seen.value), name), seen.traced) if is_complex(seen.value) else seen


def paired(value: Any, real: Seen, imag: Seen) -> Seen:
    """A complex value of its parts."""
    plain = real.traced is None and imag.traced is None
    return type(real)(value, None if plain else Pair(real, imag))


def apart(value: Any, of_part: Callable[[str], Seen]) -> Seen:
    """A complex result that is computed part by part."""
    return paired(value, of_part("real"), of_part("imag"))


def is_about_pairs(inputs: Sequence[Seen], results: Sequence[Any]) -> bool:
    """Whether an equation takes or makes complex numbers."""
    return any(isinstance(seen.traced, Pair) for seen in inputs) or any(map(is_complex, results))
