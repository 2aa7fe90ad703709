"""The functions of which abs-normal forms are taken, written once for all array libraries.

``kink`` stands for |.|: with it put in, the function; with w in its place, the extended function (x, w) -> (z, y),
whose Jacobian holds Z, L, J, Y.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

Kink = Callable[[Any], Any]


@dataclass(frozen=True)
class Problem:
    """A function of a flat vector.

    Attributes
    ----------
    name, sizes
        as they are given to the ADOL-C program
    x
        a point
    s
        the number of switching variables
    written
        (xp, kink, x) -> y
    ours
        the function as a user writes it
    """

    name: str
    sizes: tuple[int, ...]
    x: Any
    s: int
    written: Callable[[Any, Kink, Any], Any]
    ours: Callable[[Any], Any]

    @property
    def label(self) -> str:
        return f"{self.name} {', '.join(f'{size:,}' for size in self.sizes)}"

    @property
    def entries(self) -> int:
        """The entries of all four matrices, zeros counted."""
        return (self.s + 1) * (self.s + len(self.x))

    def recorded(self, xp: Any, x: Any, w: Any = None) -> tuple[list[Any], Any]:
        """The switching variables and y; |z|, or w in its place."""
        z: list[Any] = []
        at = 0

        def kink(u: Any) -> Any:
            nonlocal at
            z.append(u)
            start, at = at, at + xp.size(u)
            return xp.abs(u) if w is None else xp.like(w[start:at], u)

        y = self.written(xp, kink, x)
        return z, y


def rosenbrock(n: int) -> Problem:
    """The second nonsmooth Chebyshev-Rosenbrock function of Nesterov."""

    def written(xp: Any, kink: Kink, x: Any) -> Any:
        return kink(x[0] - 1) / 4 + xp.sum(kink(x[1:] - 2 * kink(x[:-1]) + 1))

    def ours(x: Any) -> Any:
        return np.abs(x[0] - 1) / 4 + np.sum(np.abs(x[1:] - 2 * np.abs(x[:-1]) + 1))

    return Problem("rosenbrock", (n,), np.random.default_rng(0).normal(size=n), 2 * n - 1, written, ours)


def affine(count: int, n: int) -> Problem:
    """The largest of affine functions."""
    rng = np.random.default_rng(0)
    A, b = rng.normal(size=(count, n)), rng.normal(size=count)

    def written(xp: Any, kink: Kink, x: Any) -> Any:
        values = xp.matvec(A, x) + b
        left = count
        while left > 1:
            half = left // 2
            u, v = values[:half], values[half : 2 * half]
            values = xp.concatenate([(u + v + kink(u - v)) / 2, values[2 * half : left]])
            left -= half
        return xp.sum(values)

    return Problem("affine", (count, n), rng.normal(size=n), count - 1, written, lambda x: np.max(A @ x + b))


def network(*layers: int) -> Problem:
    """A ReLU network on one sample, in its weights and biases; the sum of its squared scores."""
    rng = np.random.default_rng(0)
    image = rng.normal(size=layers[0])
    parts = []
    for n, m in pairwise(layers):
        parts += [rng.normal(size=n * m) / np.sqrt(n), rng.normal(size=m) / 10]

    def run(xp: Any, relu: Callable[[Any], Any], x: Any) -> Any:
        value, at = image, 0
        for k, (n, m) in enumerate(pairwise(layers)):
            value = xp.times(value, x[at : at + n * m], n, m) + x[at + n * m : at + (n + 1) * m]
            value, at = relu(value) if k < len(layers) - 2 else value, at + (n + 1) * m
        return xp.sum(value * value)

    return Problem(
        "network", layers, np.concatenate(parts), sum(layers[1:-1]),
        lambda xp, kink, x: run(xp, lambda u: (u + kink(u)) / 2, x),
        lambda x: run(Arrays(np), lambda u: np.maximum(u, 0), x),
    )


class Arrays:
    """What the functions take from NumPy, autograd's or JAX's."""

    def __init__(self, module: Any) -> None:
        self.abs, self.sum, self.size, self.concatenate = module.abs, module.sum, module.size, module.concatenate

    def like(self, w: Any, u: Any) -> Any:
        return w.reshape(u.shape)

    def matvec(self, A: Any, x: Any) -> Any:
        return A @ x

    def times(self, row: Any, flat: Any, n: int, m: int) -> Any:
        return row @ flat.reshape(n, m)


class Symbols:
    """The same for CasADi, which stores matrices by columns."""

    def __init__(self, casadi: Any) -> None:
        self.casadi = casadi
        self.abs, self.sum = casadi.fabs, casadi.sum1
        self.concatenate = lambda parts: casadi.vertcat(*parts)

    def size(self, u: Any) -> int:
        return int(u.numel())

    def like(self, w: Any, u: Any) -> Any:
        return w

    def matvec(self, A: Any, x: Any) -> Any:
        return self.casadi.DM(A) @ x

    def times(self, row: Any, flat: Any, n: int, m: int) -> Any:
        return self.casadi.reshape(flat, m, n) @ row
