"""Arrays that f makes and writes into: random programs of statements, and functions of arrays with variables in them.

NumPy itself is the judge: values at the point and elsewhere, gradients by differences.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import absnormal as an

X = np.array([1.0, -1.0, 0.3, 2.5])


class Source:
    """The text of a random function of four numbers."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.vectors, self.tables = ["x"], []
        self.lines: list[str] = []
        for _ in range(self.rng.randint(4, 9)):
            self.rng.choice(self._statements())()
        weighted = (f"({name} * {self.rng.uniform(-1, 1):.2f}).sum()" for name in (*self.vectors, *self.tables))
        body = ["x = x * 1.0", *self.lines, "return " + " + ".join(weighted)]
        self.text = "def f(x):\n" + "".join(f"    {line}\n" for line in body)

    def vector(self) -> str:
        return self.rng.choice(self.vectors)

    def own(self) -> str:
        """A vector that f made."""
        if len(self.vectors) == 1:
            self._made("np.zeros(4)")
        return self.rng.choice(self.vectors[1:])

    def number(self) -> str:
        u, v, i, j = self.vector(), self.vector(), *(self.rng.choice(["0", "1", "-1", "2"]) for _ in range(2))
        larger = f"np.maximum({u}[{i}], {v}[{j}])"
        return self.rng.choice([f"{u}[{i}]", f"{u}.sum()", f"np.abs({u}).max()", larger, "0.5"])

    def vector_of(self) -> str:
        u, v, n = self.vector(), self.vector(), [self.number() for _ in range(4)]
        return self.rng.choice([
            f"np.maximum({u}, {v})", f"np.abs({u})", f"{u} * {n[0]}", f"{u} + {v}", f"np.clip({u}, -1, 1)",
            f"np.sort({u})", f"np.cumsum({u})", f"np.where({u} > 0.1, {v}, {self.vector()})", f"np.roll({u}, 1)",
            f"np.array([{', '.join(n)}])", f"np.asarray({u})", f"np.stack([{', '.join(n)}])", f"{u}.copy()",
            f"{u}[::-1]", f"np.flip({u})", f"np.concatenate([{u}[2:], {v}[:2]])",
        ])  # fmt: skip

    def _made(self, text: str) -> str:
        name = f"a{len(self.vectors)}"
        self.lines.append(f"{name} = {text}")
        self.vectors.append(name)
        return name

    def _add(self, line: str) -> None:
        self.lines.append(line)

    def _statements(self) -> list[Callable[[], Any]]:
        part = self.rng.choice(["1:", "::2", ":2", "::-1", "[0, 2]", "[3, 3, 0]"])
        found: list[Callable[[], Any]] = [
            lambda: self._made("np.zeros(4)"), lambda: self._made("np.full(4, 0.7)"),
            lambda: self._made(self.vector_of()),
            lambda: self._made(f"{self.vector()}[:]"), self._table,
            lambda: self._add(f"{self.own()}[:] = {self.vector_of()}"),
            lambda: self._add(f"{self.own()}[{self.rng.randrange(4)}] = {self.number()}"),
            lambda: self._add(f"{self.own()}[{part}] += {self.number()}"),
            lambda: self._add(f"{self.own()}[{self.vector()} > 0.2] = {self.number()}"),
            lambda: self._add(f"{self.own()} *= {self.number()}"),
            lambda: self._add(f"u = {self.own()}; np.add(u, {self.vector()}, out=u)"),
            lambda: self._add(f"for i in range(4): {self.own()}[i] = {self.vector()}[3 - i] + i * {self.vector()}[i]"),
            lambda: self._add(f"w = {self.own()}[1:3]; w[...] = w * 2; w -= {self.number()}"),
        ]
        if self.tables:
            found += [lambda: self._add(f"b0[:, 1] = {self.number()}; b0.T[2] += {self.number()}"),
                      lambda: self._made("b0[1]")]
        return found

    def _table(self) -> None:
        if not self.tables:
            self.tables.append("b0")
            self._add(f"b0 = np.zeros((2, 4)); b0[0] = {self.vector_of()}; b0[1, 1:] = {self.vector()}[1:]")


@pytest.mark.parametrize("start", range(0, 80, 20))
def test_random_statements(start: int) -> None:
    followed = 0
    for seed in range(start, start + 20):
        text = Source(seed).text
        space: dict[str, Any] = {"np": np}
        exec(compile(text, f"statements_{seed}", "exec"), space)
        rng = np.random.default_rng(seed)
        x = np.round(rng.standard_normal(4), 2) + 0.003
        agrees(space["f"], x, [x + 0.5 * rng.standard_normal(4) for _ in range(2)], text)
        followed += 1
    assert followed == 20


def agrees(f: Callable[[Any], Any], x: Any, others: Any, text: str) -> None:
    """The value of the program is f's, wherever it takes the same branches, and its gradient that of differences."""
    program, h = an.trace(f, x), 1e-6
    np.testing.assert_allclose(program(x), f(x.copy()), rtol=1e-12, atol=1e-12, err_msg=text)
    for other in others:
        try:
            value = program(other)
        except an.GuardError:
            continue
        np.testing.assert_allclose(value, f(other.copy()), rtol=1e-12, atol=1e-12, err_msg=text)
    slopes = [[(f(x + s * e) - f(x - s * e)) / (2 * s) for e in np.eye(4)] for s in (h, h / 3)]
    if np.allclose(*slopes, rtol=1e-5, atol=1e-5):
        np.testing.assert_allclose(an.gradient(f, x), slopes[0], rtol=1e-4, atol=1e-4, err_msg=text)


#: Functions of the point and of an array that f made.
MIXED: dict[str, Callable[[Any, Any], Any]] = {
    "where": lambda x, a: np.where(x > 0.1, a, x), "where, other side": lambda x, a: np.where(x > 0.1, x, a),
    "where it decides": lambda x, a: np.where(a > 0.1, x, a), "mask times array": lambda x, a: (x > 0.1) * a,
    "array times mask": lambda x, a: a * (x > 0.1), "select": lambda x, a: np.select([x > 0.1, x < -2], [a, x], a),
    "mask as index": lambda x, a: a[x > 0.1].sum() + x, "concatenate": lambda x, a: np.concatenate([x, a])[2:6],
    "stack": lambda x, a: np.stack([a, x]).sum(0), "dot": lambda x, a: np.dot(x, a) + x,
    "matmul": lambda x, a: x @ a + a,
    "outer": lambda x, a: np.outer(a, x).sum(0), "maximum": lambda x, a: np.maximum(a, x),
    "copyto": lambda x, a: (np.copyto(a, x, where=np.asarray([True, False, True, False])), a)[1],
    "piecewise": lambda x, a: np.piecewise(a, [x > 0.1, x <= 0.1], [lambda u: u * 2, lambda u: -u]),
    "put": lambda x, a: (np.put(a, [1], x[1]), a)[1],
    "sum where": lambda x, a: np.sum(a, where=np.asarray(x > 0.1)) + x,
    "argmax": lambda x, a: a[np.argmax(x)] + x, "take": lambda x, a: np.take(a, [2, 0])[0] + x,
    "clip": lambda x, a: np.clip(x, a - 1, a + 1), "einsum": lambda x, a: np.einsum("i,i->", a, x) + x,
    "interp": lambda x, a: np.interp(x, [-3.0, 0, 3], a[:3]), "convolve": lambda x, a: np.convolve(a, x, "same"),
    "pad": lambda x, a: np.pad(a, 1)[1:5] * x, "count": lambda x, a: np.count_nonzero(x > 0) * a + x,
    "sort": lambda x, a: np.sort(a) * x, "argsort": lambda x, a: a[np.argsort(x)],
    "nonzero": lambda x, a: a[np.nonzero(x > 0)[0][0]] + x, "trapezoid": lambda x, a: np.trapezoid(a) * x,
    "float": lambda x, a: float(a[0]) * x, "Python's max": lambda x, a: max(a[0], a[2]) * x,
}  # fmt: skip


@pytest.mark.parametrize("name", MIXED)
def test_an_array_that_f_made_is_taken_like_any_other(name: str) -> None:
    def with_variables(x: Any) -> Any:
        a = np.zeros(4)
        a[0], a[2] = x[0], x[1] * 2
        return (MIXED[name](x, a) * np.array([1.0, 2.0, -1.0, 0.5])).sum()

    def with_numbers(x: Any) -> Any:
        return (MIXED[name](x, np.full(4, 0.25)) * np.array([1.0, 2.0, -1.0, 0.5])).sum()

    for f in (with_variables, with_numbers):
        agrees(f, X, [X + 0.01], name)


WEIGHTS = np.array([1.0, 2.0, 3.0, -1.0])


def signs_that_are_multiplied(x: Any) -> Any:
    u = np.sign(x)
    u *= np.abs(x)
    u += (x > 0.25).astype(float)
    u[0] = x[1]
    return u


def copies_of_plain_arrays(x: Any) -> Any:
    v = WEIGHTS.copy()
    v *= x
    w = np.exp(WEIGHTS)
    w /= 1 + x**2
    w -= v
    return w


def the_copy_under_another_name(x: Any) -> Any:
    v = WEIGHTS.copy()
    other = v
    other *= x
    return v


@pytest.mark.parametrize("f", [signs_that_are_multiplied, copies_of_plain_arrays], ids=lambda f: f.__name__)
def test_plain_arrays_are_changed_in_place(f: Callable[[Any], Any]) -> None:
    numbers = WEIGHTS.copy()
    agrees(lambda x: f(x) @ numbers, X, [X + 0.125, X[::-1]], f.__name__)
    assert np.array_equal(WEIGHTS, numbers)


def test_a_plain_array_that_is_changed_under_another_name_is_refused() -> None:
    for x in (X, np.ones(4)):
        with pytest.raises(an.TraceError, match="when it is called with plain arrays"):
            an.verify(lambda u: the_copy_under_another_name(u).sum(), x)


def test_what_jumps_is_not_written_into() -> None:
    def sorted_signs(x: Any) -> Any:
        u = np.sign(x)
        u.sort()
        return u @ x

    def with_another_entry(x: Any) -> Any:
        u = np.floor(x)
        u[0] = x[1]
        return u @ x

    for f in (sorted_signs, with_another_entry):
        with pytest.raises(an.TraceError, match="jumps at this point"):
            an.verify(f, [1.0, 0.0])
