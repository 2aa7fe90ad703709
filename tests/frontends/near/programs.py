"""Random functions of three numbers with comparisons, jumps and dead branches, at points where these are often tied."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .frameworks import Function

SIZE = 3
#: From a namespace and x to a vector.
Vector = Callable[[Any, Any], Any]

_RELATIONS = (operator.gt, operator.ge, operator.lt, operator.le, operator.eq, operator.ne)

#: From two vectors, a relation, a number and constants to another vector.
OPERATIONS: dict[str, Callable[..., Any]] = {
    "sum": lambda ns, a, b, r, s, c: a * s + b,
    "shift": lambda ns, a, b, r, s, c: a + ns.array(c),
    "product": lambda ns, a, b, r, s, c: a * b,
    "relu": lambda ns, a, b, r, s, c: ns.relu(a - (1.0 if s > 0 else 0.0)),
    "abs": lambda ns, a, b, r, s, c: ns.abs(a),
    "maximum": lambda ns, a, b, r, s, c: ns.maximum(a, b),
    "clip": lambda ns, a, b, r, s, c: ns.clip(a, -1.0, 1.0),
    "mask": lambda ns, a, b, r, s, c: ns.real(r(a, 0.0)) * b,
    "where": lambda ns, a, b, r, s, c: ns.where(r(a, ns.array(c)), b, a),
    "relu's mask": lambda ns, a, b, r, s, c: ns.real(r(ns.relu(a), 0.0)) * b,
    "relu's count": lambda ns, a, b, r, s, c: a * ns.real(r(ns.relu(b), 0.0)).sum(),
    "at a bound": lambda ns, a, b, r, s, c: ns.where(ns.clip(a, -1.0, 1.0) == c[0], b, a),
    "sign": lambda ns, a, b, r, s, c: ns.sign(a) * (a if s > 0 else b),
    "soft threshold": lambda ns, a, b, r, s, c: ns.sign(a) * ns.relu(ns.abs(a) - 0.5),
    "parabolas": lambda ns, a, b, r, s, c: (a - ns.floor(a)) * (ns.floor(a) + 1.0 - a) * s,
    "lines": lambda ns, a, b, r, s, c: (
        ns.floor(a) * ns.floor(a) * (1.0 - a + ns.floor(a)) + ns.ceil(a) * ns.ceil(a) * (a - ns.floor(a))),
    "tooth": lambda ns, a, b, r, s, c: a - (ns.floor(a) if s > 0 else ns.round(a)),
    "one point": lambda ns, a, b, r, s, c: ns.where(a == c[0], c[0] * c[0] + 0.0 * a, a * a),
    "dead root": lambda ns, a, b, r, s, c: ns.where(a < 0.5, b, ns.sqrt(a)),
    "dead logarithm": lambda ns, a, b, r, s, c: ns.where(a >= 0.5, ns.log(a), b),
    "dead quotient": lambda ns, a, b, r, s, c: ns.where(ns.abs(a) > 0.5, b / a, b),
    "root below": lambda ns, a, b, r, s, c: ns.maximum(ns.sqrt(ns.abs(a)), ns.array([0.5] * SIZE)),
    "root times 0": lambda ns, a, b, r, s, c: ns.sqrt(ns.abs(a)) * ns.relu(-1.0 - ns.abs(b)),
}  # fmt: skip


def vector(random: Any, depth: int) -> Vector:
    """A random function with vectors as results."""
    if depth == 0:
        constant = random.integers(-1, 2, SIZE).astype(float)
        return (lambda ns, x: x) if random.random() < 0.7 else (lambda ns, x: ns.array(constant) + 0.0 * x)
    rule = OPERATIONS[str(random.choice([*OPERATIONS]))]
    first, second = vector(random, depth - 1), vector(random, int(random.integers(depth)))
    relation, s = _RELATIONS[random.integers(6)], float(random.choice([-1.0, 1.0, 2.0, 0.5]))
    c = random.integers(-1, 2, SIZE).astype(float)
    return lambda ns, x: rule(ns, first(ns, x), second(ns, x), relation, s, c)


def drawn(seed: int) -> tuple[Function, Any]:
    """A function and a point."""
    random = np.random.default_rng(seed)
    body, weights = vector(random, int(random.integers(1, 4))), random.choice([-2.0, -1.0, 1.0, 1.5, 3.0], SIZE)
    return lambda ns, x: (body(ns, x) * ns.array(weights)).sum(), random.choice([-1.0, -0.5, 0.0, 0.5, 1.0, 2.0], SIZE)
