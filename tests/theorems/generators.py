"""Random programs for single theorems: deep nests, biased networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ..oracle.expressions import Expr, Vector, evaluate, maximum, minimum, numpy_callable, relu, variables
from ..oracle.oracle import Oracle
from ..oracle.strategies import UNIFORM, Program, times
from .judge import Case

SMALL = (1, -1, 1, -1, 2, -2, 0)


@st.composite
def nests(draw: st.DrawFn, depth: int = 3) -> Program:
    """Blocks of nested kinks at 0, mostly convex within a block, added with signs."""
    n = draw(st.integers(1, 3))
    x, point = variables(n), (Fraction(0),) * n

    def form() -> Expr:
        places = draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=2))
        return reduce(add, [times(draw(st.sampled_from(SMALL[:-1])), x[place]) for place in places])

    def nest(level: int, sign: int) -> Expr:
        if level == 0 or not draw(st.integers(0, 4)):
            return form()
        kind = draw(st.sampled_from(("abs", "relu", "max", "min", "flip")))
        inner = nest(level - 1, -sign if kind == "flip" else sign)
        if kind == "abs":
            return abs(inner) + form()
        if kind == "flip":
            return form() - inner
        if kind == "relu":
            return relu(inner)
        return maximum(inner, form()) if kind == "max" else minimum(inner, form())

    blocks = [times(draw(st.sampled_from((1, -1, 1, 2))), nest(depth, 1)) for _ in range(draw(st.integers(1, 3)))]
    while len(Oracle.of(reduce(add, blocks), point).active) > 7:
        blocks.pop()
        if not blocks:
            blocks = [abs(form())]
    return reduce(add, blocks), point


@dataclass(frozen=True)
class Network:
    """Layers of integer weights (constants) with biases as inputs, at a point where pre-activations vanish."""

    expr: Expr
    point: Vector
    function: Callable[[Any], Any]


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """A ReLU, |.| or leaky network in its biases and input, with the same arithmetic on arrays and on expressions.

    Biases are private, shared by the units of a layer, shared by two layers, or missing; layers may be residual,
    samples may come twice.
    """
    n, units = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    depth = draw(st.integers(1, 2))
    kind = draw(st.sampled_from(("relu", "abs", "leaky", "neg relu")))
    weights = [
        np.array([[draw(st.sampled_from(SMALL)) for _ in range(n if i == 0 else units)] for _ in range(units)])
        for i in range(depth)
    ]
    out = np.array([draw(st.sampled_from(SMALL)) for _ in range(units)])
    style = draw(st.sampled_from(("private", "private", "shared", "tied", "none", "negative", "also outside")))
    residual, twice = draw(st.booleans()), draw(st.booleans())
    count = {"private": units * depth, "negative": units * depth, "also outside": units * depth,
             "shared": depth, "tied": units, "none": 0}[style]

    def bias(b: Any, layer: int, unit: int) -> Any:
        if style == "none":
            return 0
        place = {"shared": layer, "tied": unit}.get(style, layer * units + unit)
        return -b[place] if style == "negative" else b[place]

    def forward(x: Any, b: Any, record: Callable[[Expr], Expr] = lambda z: z) -> Expr:
        total = 0 * x[0]
        for sample in range(2 if twice else 1):
            h = [x[i] if sample == 0 else 2 * x[i] for i in range(n)]
            for layer, w in enumerate(weights):
                new = []
                for unit in range(units):
                    z = reduce(add, [int(a) * v for a, v in zip(w[unit], h, strict=True)])
                    new.append(_KINKS[kind][0](record(z + bias(b, layer, unit))))
                h = [p + q for p, q in zip(new, h, strict=True)] if residual and layer else new
            total = total + reduce(add, [int(a) * v for a, v in zip(out, h, strict=True)])
        return total + b[0] if style == "also outside" else total

    def arrays(t: Any) -> Any:
        h, b = np.stack([t[:n], 2 * t[:n]]) if twice else t[:n].reshape(1, n), t[n:]
        for layer, w in enumerate(weights):
            z = h @ w.T.astype(float)
            if style == "shared":
                z = z + b[layer]
            elif style != "none":
                own = b if style == "tied" else b[layer * units : (layer + 1) * units]
                z = z - own if style == "negative" else z + own
            h = _KINKS[kind][1](z) + h if residual and layer else _KINKS[kind][1](z)
        total = (h @ out.astype(float)).sum()
        return total + b[0] if style == "also outside" else total

    inputs = variables(n + count)
    point = [Fraction(draw(st.sampled_from((0, 0, 1, -1)))) for _ in range(n)] + [Fraction(0)] * count
    if style in ("private", "negative") and draw(st.booleans()):
        _level(point, n, style, lambda p: _values(forward, p, n, inputs))
    return Network(forward(inputs[:n], inputs[n:]), tuple(point), arrays)


#: The same kink on expressions and on arrays.
_KINKS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "relu": (relu, lambda z: np.maximum(z, 0)),
    "abs": (abs, np.abs),
    "leaky": (lambda z: maximum(z, Fraction(1, 4) * z), lambda z: np.maximum(z, 0.25 * z)),
    "neg relu": (lambda z: relu(-z), lambda z: np.maximum(-z, 0)),
}


def _values(forward: Any, point: list[Fraction], n: int, inputs: Any) -> list[Fraction]:
    """The values of the pre-activations, in order."""
    seen: list[Fraction] = []

    def record(z: Expr) -> Expr:
        seen.append(evaluate(z, tuple(point)))
        return z

    forward(inputs[:n], inputs[n:], record)
    return seen


def _level(
    point: list[Fraction], n: int, style: str, values: Callable[[list[Fraction]], list[Fraction]]
) -> None:
    """Choose private biases so that every pre-activation of the first sample vanishes."""
    for place in range(len(point) - n):
        value = values(point)[place]
        point[n + place] += value if style == "negative" else -value


@st.composite
def network_cases(draw: st.DrawFn) -> Case:
    """A network: on arrays with one slope for all switches, or spelled out with one per switch."""
    net = draw(networks().filter(lambda net: len(Oracle.of(net.expr, net.point).active) <= 7))
    count = Oracle.of(net.expr, net.point).form.s
    if draw(st.booleans()):
        return Case(net.expr, net.point, (draw(st.sampled_from(UNIFORM)),) * count, net.function)
    c = tuple(draw(st.lists(st.sampled_from(UNIFORM), min_size=count, max_size=count)))
    return Case(net.expr, net.point, c, numpy_callable(net.expr))
