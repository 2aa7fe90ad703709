"""Numbers, arrays and trees as short text and as JSON-ready data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.program.tree import named

_ENTRIES = 6
_LEAVES = 4
#: So many ranges of numbers are shown.
_RANGES = 4
#: Arrays with more entries are described in JSON by their first ones.
_LISTED = 1000


def number(value: Any) -> str:
    """One number, six digits; a Fraction as it is, or as the float that it came from.

    >>> number(Fraction(1, 3)), number(Fraction(0.1)), number(2.0), number(-0.0)
    ('1/3', '0.1', '2', '-0')
    >>> number(Fraction(3, 10**400))
    '3e-400'
    """
    if isinstance(value, Fraction):
        if value.denominator < 10_000 and abs(value.numerator) < 10_000_000:
            return str(value)
        # Beyond float64 too.
        return f"{(Decimal(value.numerator) / Decimal(value.denominator)).normalize(Context(prec=6)):g}"
    return f"{float(value):.6g}"


def interval(low: Any, high: Any) -> str:
    """One value, or lowest..highest.

    >>> interval(-1, -1), interval(0, 0.5)
    ('-1', '0..0.5')
    """
    return number(low) if low == high or low != low else f"{number(low)}..{number(high)}"


def ranges(numbers: Sequence[int]) -> str:
    """Sorted switch numbers as ranges, the first few.

    >>> ranges([0, 1, 2, 5, 7, 8]), ranges(range(0, 100, 2))
    ('z0..z2, z5, z7..z8', 'z0, z2, z4, z6, ...')
    """
    values = np.asarray(numbers, dtype=int)
    starts = np.flatnonzero(np.r_[True, np.diff(values) != 1])
    parts = []
    for begin, end in zip(starts[:_RANGES], np.r_[starts[1:], len(values)][:_RANGES], strict=True):
        first, last = values[begin], values[end - 1]
        parts.append(f"z{first}" if first == last else f"z{first}..z{last}")
    return ", ".join(parts) + (", ..." if len(starts) > _RANGES else "")


def array(value: Any) -> str:
    """An array on one line, shortened.

    >>> array(np.array([0.0, 0.5])), array(np.zeros((20, 2)))
    ('[0, 0.5]', '20 x 2: [0, 0, 0, ..., 0]')
    """
    entries = np.asarray(value)
    flat = entries.reshape(-1)
    if not entries.ndim:
        return number(flat[0])
    if flat.size <= _ENTRIES:
        text = ", ".join(map(number, flat))
    else:
        text = ", ".join(map(number, flat[: _ENTRIES // 2])) + ", ..., " + number(flat[-1])
    shape = f"{' x '.join(map(str, entries.shape))}: " if entries.ndim > 1 or flat.size > _ENTRIES else ""
    return f"{shape}[{text}]"


def tree(value: Any) -> list[str]:
    """A nested dict / list / tuple of arrays, a line a leaf, the first few.

    >>> tree({"W": np.eye(2), "b": np.zeros(1)})
    ['W: 2 x 2: [1, 0, 0, 1]', 'b: [0]']
    """
    leaves = list(named(value))
    lines = [f"{name}: {array(leaf)}" if name else array(leaf) for name, leaf in leaves[:_LEAVES]]
    return [*lines, f"... and {len(leaves) - _LEAVES} more arrays"] if len(leaves) > _LEAVES else lines


def data(value: Any) -> Any:
    """What `json.dumps` takes: "1/3" for a Fraction, text for NaN and infinity, the first of long arrays.

    >>> data({"g": np.array([1.0, np.inf]), "w": Fraction(1, 3)})
    {'g': [1.0, 'inf'], 'w': '1/3'}
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, np.generic):
        return data(value.item())
    if isinstance(value, np.ndarray):
        return _listed(value)
    if isinstance(value, Mapping):
        return {str(key): data(item) for key, item in value.items()}
    return [data(item) for item in value]


def _listed(value: Array) -> Any:
    if value.size <= _LISTED:
        return data(value.tolist())
    return {"shape": list(value.shape), "first": data(value.reshape(-1)[:_ENTRIES].tolist())}
