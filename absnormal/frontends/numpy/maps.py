"""A function of NumPy arrays, several inputs and several outputs, with a derivative that is given or backward mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.maps import Layout, Map, as_tuple
from absnormal.frontends.numpy import traced as numpy_front_end
from absnormal.frontends.ties.slopes import slopes
from absnormal.judgement.tolerances import machine_epsilon


class NumpyMap(Map):
    """f(*inputs), with respect to all inputs, which are arrays.

    Without ``jacobian`` backward mode with the slopes of HIPS/autograd is the tool.
    """

    def __init__(self, f: Callable[..., Any], inputs: tuple[Any, ...], jacobian: Callable[..., Any] | None) -> None:
        self._f, self._jacobian = f, jacobian
        self._given = [np.asarray(leaf) for leaf in inputs]
        if any(leaf.dtype.kind not in "fiu" for leaf in self._given):
            raise ValueError("inputs must be arrays of real numbers; close over anything else")
        self.inputs = Layout(tuple(f"input {i}" for i in range(len(inputs))), tuple(leaf.shape for leaf in self._given))
        self.point = np.concatenate([leaf.astype(float).reshape(-1) for leaf in self._given])
        results = as_tuple(f(*(leaf.copy() for leaf in self._given)))
        self.outputs = Layout(tuple(f"output {i}" for i in range(len(results))), tuple(map(np.shape, results)))
        floats = [leaf.dtype for leaf in (*self._given, *map(np.asarray, results)) if leaf.dtype.kind == "f"]
        self.eps = max((machine_epsilon(dtype) for dtype in floats), default=machine_epsilon(float))

    def at(self, x: Array) -> Array:
        """The results at a flat point, shape (m,)."""
        parts = [
            part.astype(leaf.dtype if leaf.dtype.kind == "f" else float)
            for part, leaf in zip(self.inputs.split(x), self._given, strict=True)
        ]
        return np.concatenate([np.asarray(out, dtype=float).reshape(-1) for out in as_tuple(self._f(*parts))])

    def pull(self, weights: Array, batched: bool = False) -> Array:
        """The rows of the derivative that was given, or of backward mode."""
        return np.asarray(weights @ self._rows, dtype=float)

    def push(self, directions: Array, batched: bool = False) -> Array:
        """The columns of the same."""
        return np.asarray(directions @ self._rows.T, dtype=float)

    def results(self, variables: Any) -> list[Any]:
        return [np.reshape(out, -1) for out in as_tuple(self._f(*variables))]

    @property
    def variables(self) -> list[Any]:
        return [leaf.astype(float) for leaf in self._given]

    def judged(self, weights: Array) -> dict[str, Any]:
        """The derivative that was given; backward mode has a table of slopes."""
        return {} if self._jacobian is None else {"gradient": self.shaped(self.pull(weights[None])[0])}

    @property
    def _rows(self) -> Array:
        """The derivative, shape (m, n)."""
        if self._jacobian is None:
            sweeps = numpy_front_end.traced(lambda x: np.concatenate(self.results(x)), self.variables).sweeps()
            c = np.asarray(slopes(sweeps, "autograd"), dtype=float)
            return sweeps.pull(sweeps.signature(c), None, np.eye(sweeps.program.m))[0]
        found = self._jacobian(*(leaf.copy() for leaf in self._given))
        rows = found if isinstance(found, tuple) and len(self.outputs.shapes) > 1 else (found,)
        blocks = [row if isinstance(row, tuple) else (row,) for row in rows]
        shapes = [[(*out, *own) for own in self.inputs.shapes] for out in self.outputs.shapes]
        if [[np.shape(block) for block in row] for row in blocks] != shapes:
            raise ValueError(
                "jacobian must return an array of the shape of the output and that of the input, a tuple of them for"
                f" several inputs, a tuple of these for several outputs: shapes {shapes}, got"
                f" {[[np.shape(block) for block in row] for row in blocks]}"
            )
        return np.concatenate([
            np.concatenate([np.asarray(block, dtype=float).reshape(size, -1) for block in row], axis=1)
            for row, size in zip(blocks, self.outputs.sizes, strict=True)
        ])
