"""Problems from expressions, and the exact oracle as the judge of what a theorem says about them.

ABSNORMAL_FUZZ multiplies the number of random cases: `ABSNORMAL_FUZZ=50 pytest tests/theorems` is a campaign.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, partial
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from absnormal import Budget, Program, trace
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.problem import Problem, Proof

from ..oracle.expressions import Add, Expr, Kink, Number, Vector, evaluate, fold, numpy_callable
from ..oracle.oracle import Oracle
from ..oracle.strategies import programs, slopes

FACTOR = int(os.environ.get("ABSNORMAL_FUZZ", "1"))
Rung = Callable[[Problem], Proof | None]


def fuzz(examples: int) -> Any:
    """Settings for that many random cases, times ABSNORMAL_FUZZ."""
    return settings(max_examples=examples * FACTOR, deadline=None, suppress_health_check=list(HealthCheck))


@dataclass(frozen=True, eq=False)
class Case:
    """An expression at a point, with slopes of all switches, and the program that is judged."""

    expr: Expr
    x: Vector
    c: tuple[Fraction, ...]
    function: Callable[[Any], Any]

    def __repr__(self) -> str:
        return f"Case({self.expr!r}, x={[str(a) for a in self.x]}, c={[str(a) for a in self.c]})"

    @cached_property
    def oracle(self) -> Oracle:
        return Oracle.of(self.expr, self.x)

    @cached_property
    def program(self) -> Program:
        return trace(self.function, self.point)

    @property
    def point(self) -> list[float]:
        return [float(a) for a in self.x]

    @property
    def slopes(self) -> np.ndarray:
        """One float per switch, for `verify`."""
        return np.array([float(c) for c in self.c])

    def problem(self) -> Problem:
        """A fresh problem, nothing of it computed."""
        sweeps = Sweeps(self.program, np.array(self.point))
        # Programs on arrays list their switches layer by layer; their slopes are then the same everywhere.
        ordered = len(set(self.c)) > 1
        expected = [float(z) for z in self.oracle.z]
        assert sweeps.z.tolist() == expected if ordered else sorted(sweeps.z.tolist()) == sorted(expected)
        return Problem(sweeps, self.slopes[sweeps.alpha], Budget())

    @cached_property
    def gradient(self) -> Vector:
        return self.oracle.gradient(self.c)

    @cached_property
    def clarke(self) -> bool:
        return self.oracle.contains(self.gradient)


def problem(f: Callable[[Any], Any], x: Any, slopes: Any = 0.0, budget: Budget | None = None) -> Problem:
    """A function at a point, with one slope for all active switches or one each."""
    program = trace(f, x)
    sweeps = Sweeps(program, np.asarray(program.tree.flatten(x), dtype=float))
    return Problem(sweeps, np.ones(len(sweeps.alpha)) * slopes, budget or Budget())


def case(expr: Expr, x: Sequence[Number], c: Number | Sequence[Number], function: Any = None) -> Case:
    """A case by hand; ``function`` when it is not the expression itself but has its linearization."""
    count = Oracle.of(expr, x).form.s
    numbers = [c] * count if isinstance(c, int | float | Fraction) else list(c)
    assert len(numbers) == count
    return Case(expr, tuple(map(Fraction, x)), tuple(map(Fraction, numbers)), function or numpy_callable(expr))


@st.composite
def cases(draw: st.DrawFn, source: st.SearchStrategy[Any] | None = None, soft: bool = False) -> Case:
    """A random program at a kink with random slopes; ``soft`` puts smooth maps with derivative 1 between its nodes."""
    expr, x = draw(programs() if source is None else source)
    count = Oracle.of(expr, x).form.s
    c = draw(slopes(count))
    function = softened(expr, x, draw(st.integers(1, 2**16))) if soft else numpy_callable(expr)
    return Case(expr, x, c if isinstance(c, tuple) else (c,) * count, function)


def softened(expr: Expr, x: Vector, pick: int) -> Callable[[Any], Any]:
    """The expression with u replaced by u0 + expm1(u - u0), or u (1 + (t - t0)^2), at some sums and kinks.

    Values and linearization at the point stay what they are, exactly.
    """
    rng = np.random.default_rng(pick)
    places: dict[Expr, tuple[str, float]] = {}

    def choose(node: Expr, _: list[None]) -> None:
        if isinstance(node, Add | Kink):
            places[node] = str(rng.choice(["", "", "exp", "factor"])), float(evaluate(node, x))

    def after(node: Expr, u: Any, t: Any) -> Any:
        kind, value = places.get(node, ("", 0.0))
        if kind == "exp":
            return value + np.expm1(u - value)
        return u * (1 + (t[0] - float(x[0])) ** 2) if kind == "factor" else u

    fold(expr, choose)
    return numpy_callable(expr, after)


def never_wrong(rung: Rung, a: Case) -> Proof | None:
    """Ask one theorem; the oracle judges the answer."""
    proof = rung(a.problem())
    assert proof is None or proof.clarke == a.clarke, (proof, a)
    return proof


def wrong(rung: Rung, a: Case) -> bool:
    """Whether a broken theorem proves what is not true of a case."""
    proof = rung(a.problem())
    return proof is not None and proof.clarke != a.clarke


def caught(rung: Rung, source: st.SearchStrategy[Case], examples: int = 600) -> bool:
    """Whether random cases show a rung to be wrong."""
    once = settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    try:
        find(source, partial(wrong, rung), settings=once)
    except NoSuchExample:
        return False
    return True
