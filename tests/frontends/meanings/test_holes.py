"""Values on ties alone: where(all(u == v), e, a) is a where e and a meet; quotients that a guard keeps from 0 / 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import absnormal as an

from .test_selections import MODULES, of, point

F = Callable[[Any, Any], Any]
C, R = an.Verdict.CLARKE, an.Verdict.NOT_CLARKE
V, ROWS = [1.0, 2.0], [[1.0, 2.0], [3.0, 4.0]]


def guarded(m: Any, x: Any, above: Callable[[Any], Any], value: float) -> Any:
    """The double where that keeps above(x) / x from 0 / 0."""
    return m.where(x == 0, of(m, value), above(x) / m.where(x == 0, of(m, 1.0), x)).sum()


def rotation(m: Any, w: Any) -> Any:
    """sin(t) / t and (1 - cos(t)) / t^2 for t = ||w||, as the exponential map of rotations has them."""
    square = (w**2).sum()
    zero = square == 0
    t = m.sqrt(m.where(zero, of(m, 1.0), square))
    first = m.where(zero, of(m, 1.0), m.sin(t) / t)
    second = m.where(zero, of(m, 0.5), (1 - m.cos(t)) / m.where(zero, of(m, 1.0), square))
    return first * w[0] + second * w[1]


#: name -> (f(module, x), x, verdict); the gradient of a tool is that of the value on the tie.
FOLLOWED: dict[str, tuple[F, list[float], an.Verdict]] = {
    "any differ": (lambda m, x: m.where((x != of(m, V)).any(), ((x - of(m, V)) ** 2).sum(), 0.0), V, C),
    "all equal": (lambda m, x: m.where((x == of(m, V)).all(), 0.0, ((x - of(m, V)) ** 2).sum()), V, C),
    "all equal, not flat": (lambda m, x: m.where((x == of(m, V)).all(), 3.0, x.sum()), V, R),
    "all of two variables": (lambda m, x: m.where((x[:2] == x[2:]).all(), 0.0, ((x[:2] - x[2:]) ** 2).sum()),
                             [1.0, 2.0, 1.0, 2.0], C),
    "some equal anyway": (lambda m, x: m.where((x == of(m, [1.0, 5.0])).all(), 9.0, x.sum()), V, C),
    "rows": (lambda m, x: m.where((x.reshape(2, 2) == of(m, ROWS)).all(1), of(m, 0.0),
                                  ((x.reshape(2, 2) - of(m, ROWS)) ** 2).sum(-1)).sum(), [1.0, 2.0, 3.0, 4.0], C),
    "one row": (lambda m, x: m.where((x.reshape(2, 2) != of(m, ROWS)).any(-1),
                                     ((x.reshape(2, 2) - of(m, ROWS)) ** 2).sum(-1), of(m, 0.0)).sum(),
                [1.0, 2.0, 3.0, 5.0], C),
    "both": (lambda m, x: m.where((x[0] == 0) & (x[1] == 0), 0.0, x[0] * x[1]), [0.0, 0.0], C),
    "either differs": (lambda m, x: m.where((x[0] != 0) | (x[1] != 1), x[0] * m.exp(x[1]), 0.0), [0.0, 1.0], R),
    "a half and a tie": (lambda m, x: m.where((x[0] > 0) & (x[1] == 0), 0.0, x[0] * x[1]), [0.0, 0.0], C),
    "entry by entry": (lambda m, x: m.where((x[:2] == 0) & (x[2:] == 0), of(m, 0.0), x[:2] * m.exp(x[2:])).sum(),
                       [0.0, 1.0, 0.0, 0.0], R),
    "products": (lambda m, x: m.where((x[0] > 0) & (x[1] > 0), x[0] * x[1], 0.0), [0.0, 0.0], C),
    "a multiple by another entry": (lambda m, x: m.where(x > 0, x * x[1], of(m, 0.0)).sum(), [0.0, 3.0], C),
    "a norm": (lambda m, x: m.where((x**2).sum() > 0, (x * x).sum() * m.exp(x[0]), 0.0), [0.0, 0.0], C),
    "a modulus": (lambda m, x: m.where(abs(x) > 0, m.sin(x) / m.where(abs(x) > 0, x, of(m, 1.0)), of(m, 1.0)).sum(),
                  [0.0, 1.0], C),
    "sin": (lambda m, x: guarded(m, x, m.sin, 1.0), [0.0, 1.0], C),
    "sin of one": (lambda m, x: guarded(m, x[:1], m.sin, 1.0), [0.0, 1.0], C),
    "tan": (lambda m, x: guarded(m, x, m.tan, 1.0), [0.0, 1.0], C),
    "sinh": (lambda m, x: guarded(m, x, lambda u: m.sinh(2 * u), 2.0), [0.0, 1.0], C),
    "tanh": (lambda m, x: guarded(m, x, m.tanh, 1.0), [0.0, 1.0], C),
    "expm1": (lambda m, x: guarded(m, x, m.expm1, 1.0), [0.0, 1.0], R),
    "exp": (lambda m, x: guarded(m, x, lambda u: m.exp(u) - 1, 1.0), [0.0, 1.0], R),
    "one less": (lambda m, x: guarded(m, x, lambda u: 1 - m.exp(u), -1.0), [0.0, 1.0], R),
    "log1p": (lambda m, x: guarded(m, x, m.log1p, 1.0), [0.0, 1.0], R),
    "log": (lambda m, x: guarded(m, x, lambda u: m.log(1 + u), 1.0), [0.0, 1.0], R),
    "cos": (lambda m, x: guarded(m, x, lambda u: 1 - m.cos(u), 0.0), [0.0, 1.0], R),
    "a factor": (lambda m, x: guarded(m, x, lambda u: u * abs(u), 0.0), [0.0, 1.0], C),
    "cos over a square": (lambda m, x: m.where(x == 0, of(m, 0.5), (1 - m.cos(x)) / m.where(
        x == 0, of(m, 1.0), x) ** 2).sum(), [0.0, 1.0], C),
    "elsewhere": (lambda m, x: m.where(x == 1, of(m, 1.0), m.log(x) / (m.where(x == 1, of(m, 2.0), x) - 1)).sum(),
                  V, R),
    "a rotation": (rotation, [0.0, 0.0], C),
}  # fmt: skip

#: name -> (f(module, x), x): what jumps, or is not defined near the point.
REFUSED: dict[str, tuple[F, list[float]]] = {
    "another value": (lambda m, x: guarded(m, x, m.sin, 2.0), [0.0, 1.0]),
    "another value of all": (lambda m, x: m.where((x == of(m, V)).all(), 1.0, ((x - of(m, V)) ** 2).sum()), V),
    "any equal": (lambda m, x: m.where((x == of(m, V)).any(), 0.0, ((x - of(m, V)) ** 2).sum()), V),
    "the others of a row": (lambda m, x: m.where((x.reshape(2, 2) == of(m, ROWS)).all(1), of(m, 0.0), (
        (x.reshape(2, 2) - of(m, ROWS)) ** 2).sum()).sum(), [1.0, 2.0, 3.0, 4.0]),
    "columns of rows": (lambda m, x: m.where((x.reshape(2, 2) == of(m, ROWS)).all(1), of(m, 0.0), (
        (x.reshape(2, 2) - of(m, ROWS)) ** 2).sum(0)).sum(), [1.0, 2.0, 3.0, 4.0]),
    "one of two": (lambda m, x: m.where((x[0] == 0) & (x[1] == 0), 0.0, x[0] + m.exp(x[1])), [0.0, 0.0]),
    "a corner": (lambda m, x: m.where((x[0] > 0) & (x[1] > 0), x[0] + x[1], 0.0), [0.0, 0.0]),
    "undefined off the tie": (lambda m, x: m.where((x[0] == 0) & (x[1] == 0), of(m, 1.0), m.sin(x[0]) / m.where(
        (x[0] == 0) & (x[1] == 0), of(m, 1.0), x[0])), [0.0, 0.0]),
    "undefined on another line": (lambda m, x: m.where(x[0] == 0, m.sinc(x[1] / np.pi), m.sin(x[1]) / m.where(
        x[0] == 0, of(m, 1.0), x[1])), [0.0, 0.0]),
    "divided by another": (lambda m, x: m.where(x[0] == 0, x[1], x[1] * x[1] / m.where(
        x[0] == 0, of(m, 1.0), x[1])), [0.0, 0.0]),
    "a direction": (lambda m, x: m.where((x**2).sum() > 0, x[0] / m.sqrt(m.where(
        (x**2).sum() > 0, (x**2).sum(), of(m, 1.0))), of(m, 0.0)), [0.0, 0.0]),
    "a sign": (lambda m, x: guarded(m, x, abs, 0.0), [0.0, 1.0]),
    "x log x": (lambda m, x: m.where(x == 0, of(m, 0.0), x * m.log(m.where(x == 0, of(m, 1.0), abs(x)))).sum(),
                [0.0, 1.0]),
    "a pole": (lambda m, x: guarded(m, x, m.cos, 1.0), [0.0, 1.0]),
}  # fmt: skip


@MODULES
@pytest.mark.parametrize("name", FOLLOWED)
def test_what_meets_the_value_on_its_tie_is_followed_and_holds_elsewhere(module: Any, name: str) -> None:
    f, x, verdict = FOLLOWED[name]
    with jax.enable_x64(True):
        report = an.verify(lambda x: f(module, x), point(module, np.array(x)))
    assert report.verdict is verdict
    draw = np.random.default_rng(3)
    for _ in range(20):
        there = np.array(x) + draw.choice([0.0, 1e-2, 0.3]) * draw.normal(size=len(x)) * draw.choice([0, 1], len(x))
        try:
            value = report.program(there)
        except an.GuardError:
            continue
        with np.errstate(all="ignore"):
            assert value == pytest.approx(float(f(np, there)), rel=1e-10, abs=1e-12)


@MODULES
@pytest.mark.parametrize("name", REFUSED)
def test_what_jumps_on_a_tie_or_is_not_defined_is_refused(module: Any, name: str) -> None:
    f, x = REFUSED[name]
    with jax.enable_x64(True), pytest.raises((an.TraceError, an.DomainError)):
        an.verify(lambda x: f(module, x), point(module, np.array(x)))


@MODULES
def test_the_refusal_says_that_a_quotient_is_guarded(module: Any) -> None:
    with jax.enable_x64(True), pytest.raises(an.TraceError, match=r"stands in for what is NaN .*eps > 0"):
        an.verify(lambda x: guarded(module, x, lambda u: abs(u) + u, 0.0), point(module, np.array([0.0, 1.0])))


def test_a_relu_that_is_zero_is_zero_on_a_half_line() -> None:
    f = lambda x: torch.where(torch.relu(x) == 0, 0.0, x**2).sum()  # noqa: E731
    x = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    assert an.trace(f, x)(np.array([-1.0, 2.0])) == 4.0


@pytest.mark.slow
def test_hypot_of_jax_at_zero_and_elsewhere() -> None:
    """At (0, 0) JAX returns (1/2, 1/2), which lies in the unit ball."""
    f = lambda x: (jnp.hypot(x[:3], x[3:]) * jnp.array([1.0, 2.0, 5.0])).sum()  # noqa: E731
    with jax.enable_x64(True):
        x = jnp.array([0.0, 3.0, 1.0, 0.0, 0.0, 1.0])
        report = an.verify(f, x)
        assert report.verdict is C
        assert report.gradient == pytest.approx(np.asarray(jax.grad(f)(x)))
        assert np.asarray(report.gradient)[[0, 3]] == pytest.approx([0.5, 0.5])
        there = np.array([0.3, -1.0, 2.0, 0.0, 0.5, 0.5])
        assert an.trace(f, x)(there) == pytest.approx(float(f(jnp.asarray(there))), rel=1e-12)


def test_piecewise_of_jax_at_its_ties() -> None:
    def f(x: Any) -> Any:
        return jnp.piecewise(x, [x < 0, x >= 0], [lambda u: -u, lambda u: 2 * u]).sum()

    assert an.verify(f, jnp.array([0.0, 1.0, -1.0])).verdict is C
    with pytest.raises(an.TraceError):
        an.verify(lambda x: jnp.piecewise(x, [x < 0], [lambda u: -u, lambda u: 2 * u + 1]).sum(), jnp.zeros(2))


def test_the_value_of_the_gradient_is_that_of_the_function_around_the_tie() -> None:
    """(exp(x) - 1) / x has the derivative 1/2 at 0, where a tool returns 0 for it."""
    report = an.verify(lambda x: guarded(np, x, np.expm1, 1.0), np.zeros(1))
    assert report.gradient == pytest.approx([0.0])
    assert report.clarke_gradient == pytest.approx([0.5])


#: What masks are made of, for x with three entries: each holds where some entries are equal to some numbers.
MASKS: list[Callable[[Any, Any], Any]] = [
    lambda x, v: x == v, lambda x, v: (x == v).all(), lambda x, v: ~(x != v).any(), lambda x, v: x[0] == v[0],
    lambda x, v: (x[0] == v[0]) & (x[1] == v[1]), lambda x, v: (x[:2] == v[:2]).all(),
    lambda x, v: (x == v) & (x[::-1] == v[::-1]), lambda x, v: ~(((x - v) ** 2).sum() > 0),
    lambda x, v: ~(np.abs(x - v) > 0), lambda x, v: (x[0] == v[0]) & (x[1] > v[1]), lambda x, v: x[0] == x[1],
    lambda x, v: np.maximum(x - v, 0) == 0, lambda x, v: (x[:2] == x[1:]).all(),
    lambda x, v: ~(np.linalg.norm(x - v) > 0), lambda x, v: (x == v).any(),
]  # fmt: skip
#: What is selected elsewhere, from t = x - v and what keeps t from 0 on the tie.
OFF: list[Callable[[Any, Any, Any], Any]] = [
    lambda x, t, safe: t * t, lambda x, t, safe: (t * t).sum(), lambda x, t, safe: t[0] * x,
    lambda x, t, safe: np.exp(t), lambda x, t, safe: np.sin(t) / safe, lambda x, t, safe: np.expm1(2 * t) / safe,
    lambda x, t, safe: np.abs(t) * x[1], lambda x, t, safe: x + t.sum(), lambda x, t, safe: t * t / safe,
    lambda x, t, safe: np.sin(t[0]) / safe, lambda x, t, safe: t / safe, lambda x, t, safe: np.maximum(t, t[0]),
    lambda x, t, safe: np.linalg.norm(t) * np.ones(3), lambda x, t, safe: (1 - np.cos(t)) / safe,
    lambda x, t, safe: (x[0] - x[1]) * t[2] + np.exp(x[0]),
]  # fmt: skip
ON: list[Callable[[Any], Any]] = [lambda x: 0.0, lambda x: 1.0, lambda x: 2.0, lambda x: x, lambda x: x[1] * np.ones(3),
                                  lambda x: np.exp(x[1]), lambda x: x[0] + 0 * x]  # fmt: skip


def drawn_hole(seed: int) -> tuple[Callable[[Any], Any], Any]:
    """where(a mask of ties, e, a) and a point on some of its ties."""
    draw = np.random.default_rng(seed)
    v = draw.choice([0.0, 1.0], 3)
    mask, off, on = (table[draw.integers(len(table))] for table in (MASKS, OFF, ON))
    weights, flipped = np.array([1.0, 3.0, 7.0]), draw.random() < 0.5

    def f(x: Any) -> Any:
        here, t = mask(x, v), x - v
        other = off(x, t, np.where(here, 1.0, t))
        chosen = np.where(~here, other, on(x)) if flipped else np.where(here, on(x), other)
        return (chosen * weights).sum()

    return f, np.where(draw.random(3) < 0.8, v, v + draw.choice([-1.0, 0.5]))


def on_some_ties(x: Any, draw: np.random.Generator) -> Any:
    """A point near x, some of whose entries are those of x, or each other's."""
    there = x + draw.choice([1e-3, 0.3]) * draw.normal(size=3) * (draw.random(3) < 0.6)
    return there[[0, 0, 2]] if draw.random() < 0.2 else there


def attacked(seed: int) -> bool:
    """Whether a drawn function is followed; then its program is f at points on ties and off them."""
    f, x = drawn_hole(seed)
    with np.errstate(all="ignore"):
        try:
            program = an.trace(f, x)
        except (an.TraceError, an.DomainError) as error:
            assert "next to this point" not in str(error), seed  # f itself found it out
            return False
        draw = np.random.default_rng(seed)
        for _ in range(12):
            there = on_some_ties(x, draw)
            try:
                value = program(there)
            except (an.GuardError, an.DomainError):
                continue
            assert value == pytest.approx(f(there), rel=1e-9, abs=1e-9), (seed, there)
    return True


def test_random_values_on_ties_are_what_they_say_elsewhere_or_refused() -> None:
    assert sum(attacked(seed) for seed in range(60)) > 10
