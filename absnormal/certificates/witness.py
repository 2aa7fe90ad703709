"""What a certificate is checked next to: a program at its point, and the slopes and the vector that are judged."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from absnormal.arrays import Array, exactly
from absnormal.certificates import checker
from absnormal.sweeps.table import Sweeps


@dataclass(frozen=True, eq=False)
class Witness:
    """The program at its point, and what is judged.

    Attributes
    ----------
    sweeps
        the program at the point
    slopes
        at the active switches, shape (k,)
    vector, tolerance
        the vector that is judged and how far it may be off, shape (n,); None where that is g_c
    deviation
        the rounding that the proof set aside
    """

    sweeps: Sweeps
    slopes: Array
    vector: Array | None = None
    tolerance: Array | None = None
    deviation: float = 0.0

    @cached_property
    def floats(self) -> Sweeps:
        """The program at the point, in floating point."""
        if not self.sweeps.rational:
            return self.sweeps
        values = [np.asarray(value, dtype=float) for value in self.sweeps.values]
        return self._with(values, np.asarray(self.sweeps.signs, dtype=float))

    @cached_property
    def exact(self) -> Sweeps:
        """The program at the point on rationals, with the active switches and the signs that were judged."""
        if self.sweeps.rational:
            return self.sweeps
        return self._with([exactly(np.asarray(value)) for value in self.sweeps.values], exactly(self.sweeps.signs))

    def _with(self, values: list[Array], signs: Array) -> Sweeps:
        found = Sweeps(self.sweeps.program, None, self.sweeps.atol, values, units=self.sweeps.units)
        found.active = self.sweeps.active
        found.hold_signs(signs)
        return found

    @cached_property
    def c(self) -> Array:
        """The slopes in floating point."""
        return np.asarray(self.slopes, dtype=float)

    @cached_property
    def gradient(self) -> Array:
        """g_c in floating point."""
        return self.floats.gradient(self.floats.signature(self.c))

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the operations, the point, the active switches, the slopes and the vector."""
        program, values, found = self.sweeps.program, self.sweeps.values, hashlib.sha256()
        for node, value in zip(program.nodes, values, strict=True):
            _add(found, (node.op, node.args, node.params, node.shape))
            if node.op == "input":
                _add(found, value)
        signs = np.asarray(self.sweeps.signs, dtype=float)
        _add(found, (program.output, signs, self.sweeps.active, self.c, self.vector, self.tolerance))
        return "sha256:" + found.hexdigest()

    def judges(self, data: Mapping[str, Any]) -> bool:
        """Whether the data are about this vector, or about none, within this tolerance and deviation."""
        own = {"vector": self.vector, "tolerance": self.tolerance}
        if any((value is None) != (name not in data) for name, value in own.items()):
            return False
        # A vector, or a form, is all that evidence with one is about.
        alone = not {"vector", "system", "systems"} & set(data)
        if data.get("deviation", 0.0 if alone else self.deviation) != self.deviation:
            return False
        given = ((value, numbers_of(data[name])) for name, value in own.items() if value is not None)
        return all(np.array_equal(np.asarray(value, dtype=float), read, equal_nan=True) for value, read in given)


def numbers_of(values: Any) -> Array:
    """Numbers of a certificate in floating point; what is beyond float64 is infinite, and agrees with nothing."""
    return np.array([_number_of(value) for value in values], dtype=float)


def _number_of(value: Any) -> float:
    if value in ("nan", "inf", "-inf"):
        return float(value)
    try:
        return float(checker.number(value)) if isinstance(value, str) else float(value)
    except OverflowError:
        return np.inf


def _add(found: Any, value: Any) -> None:
    """Feeds plain data to a digest, each with its type and size, so that nothing runs together."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        found.update(f"array {value.dtype.str} {value.shape} ".encode())
        found.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, np.ndarray):
        found.update(f"array {value.shape} {value.tolist()!r} ".encode())
    elif isinstance(value, Mapping):
        found.update(f"mapping {len(value)} ".encode())
        for name in sorted(value, key=str):
            _add(found, (str(name), value[name]))
    elif isinstance(value, (list, tuple)):
        found.update(f"{type(value).__name__} {len(value)} ".encode())
        for entry in value:
            _add(found, entry)
    elif callable(value) or not type(value).__module__.startswith(("builtins", "numpy", "fractions")):
        found.update(f"{type(value).__module__}.{getattr(value, '__qualname__', type(value).__qualname__)} ".encode())
    else:
        found.update(f"{type(value).__name__} {value!r} ".encode())
