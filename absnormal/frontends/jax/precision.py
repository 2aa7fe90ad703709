"""The precision in which JAX computed an equation, as a machine epsilon."""

from __future__ import annotations

import functools
from typing import Any

from absnormal._optional import require

#: What a product of matrices or a convolution in float32 is computed in, unless a precision is asked for.
_INSIDE = {"gpu": 2.0**-10, "cuda": 2.0**-10, "rocm": 2.0**-10, "tpu": 2.0**-7}
#: Formats inside presets for products: the significand of each.
_FORMATS = {"F8": 2.0**-2, "BF16": 2.0**-7, "F16": 2.0**-10, "TF32": 2.0**-10}
#: The fields of a jax.lax.DotAlgorithm that hold types.
_TYPES = ("lhs_precision_type", "rhs_precision_type", "accumulation_type")


def epsilon(dtype: Any) -> float:
    """The machine epsilon of a floating type; 0.0 for others.

    >>> epsilon("float32"), epsilon("bfloat16"), epsilon("int32")
    (1.1920928955078125e-07, 0.0078125, 0.0)
    """
    return _epsilon(str(dtype))


@functools.cache
def _epsilon(name: str) -> float:
    jnp = require("jax.numpy", "jax")
    try:
        dtype = jnp.dtype(name)
    except TypeError:
        # A typed key of random numbers.
        return 0.0
    return float(jnp.finfo(dtype).eps) if jnp.issubdtype(dtype, jnp.inexact) else 0.0


def unit_of(eqn: Any) -> float:
    """The coarsest precision of an equation's results, or of what it computes inside."""
    units = [epsilon(getattr(out.aval, "dtype", "bool")) for out in eqn.outvars]
    params = eqn.params
    if "mantissa_bits" in params:
        units.append(2.0 ** -params["mantissa_bits"])
    if "precision" in params and any(units):
        units.append(_inside(params["precision"], max(units)))
    return max(units, default=0.0)


def _inside(precision: Any, unit: float) -> float:
    """Products of matrices, and convolutions: (precision of the left, of the right), one for both, or an algorithm."""
    asked = precision if isinstance(precision, tuple) else (precision,)
    names = [getattr(item, "name", str(item)).upper() for item in asked]
    formats = [size for name in names for part, size in _FORMATS.items() if part in name]
    formats += [epsilon(getattr(item, field, "bool")) for item in asked for field in _TYPES]
    if any(formats):
        # Such as BF16_BF16_F32 or TF32_TF32_F32_X3: the operands are rounded, whatever they are added up in.
        return max(formats)
    if unit == epsilon("float32") and any(name in ("NONE", "DEFAULT", "HIGH") for name in names):
        return _INSIDE.get(require("jax", "jax").default_backend(), 0.0)
    return 0.0
