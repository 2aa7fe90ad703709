"""Norms that are multiples of one another are one norm: squares as quadratic forms, on rationals."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import count, islice
from random import Random
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.active.equal_norms import with_fewer_norms
from absnormal.sweeps.table import Sweeps

from ..campaigns.with_norms import WithNorms, faults
from ..oracle.expressions import Expr, norm, numpy_callable, source, variables
from ..oracle.norms.form import norm_form
from ..oracle.norms.truth import Told

Pair = Callable[[Any, Any], Any]


def _norm(np: Any, *entries: Any) -> Any:
    return np.sqrt(sum(u * u for u in entries))


def _rows(np: Any, sizes: Any) -> Any:
    return sizes[0] + sizes[1] - sizes[2]


def _behind(np: Any, x: Any, size: Any) -> Any:
    return _norm(np, size + x[0], x[1])


#: What is 0 everywhere though two norms are in it, in words that NumPy, JAX and torch share.
NOTHING: dict[str, Pair] = {
    "a multiple": lambda np, x: np.linalg.norm(x) - np.linalg.norm(2 * x) / 2,
    "a quotient": lambda np, x: 4 * np.linalg.norm(x / 4) - np.linalg.norm(x),
    "the negative": lambda np, x: np.linalg.norm(x) - np.linalg.norm(-x),
    "another order": lambda np, x: np.linalg.norm(x) - np.sqrt(x[2] ** 2 + x[0] ** 2 + x[1] ** 2),
    "each entry four times": lambda np, x: 2 * np.linalg.norm(x) - np.linalg.norm(np.concatenate([x, -x, x, x])),
    "with zeros": lambda np, x: np.linalg.norm(x) - np.linalg.norm(np.concatenate([x, 0 * x])),
    "a factor under the root": lambda np, x: np.sqrt(4 * (x @ x)) - 2 * np.sqrt(x @ x),
    "turned": lambda np, x: _norm(np, 3 * x[0] + 4 * x[1], 4 * x[0] - 3 * x[1], 5 * x[2]) - 5 * np.linalg.norm(x),
    "differences": lambda np, x: _norm(np, x[0] - x[1], x[2]) - _norm(np, x[2], x[1] - x[0]),
    "one direction": lambda np, x: _norm(np, 3 * x[0], 4 * x[0]) - 5 * np.abs(x[0]),
    "rows": lambda np, x: _rows(np, np.sqrt((np.stack([x, -x, 2 * x]) ** 2).sum(1))),
    "behind another norm": lambda np, x: _behind(np, x, np.linalg.norm(x)) - _behind(np, x, np.linalg.norm(-x)),
    "twice itself": lambda np, x: np.linalg.norm(x) + np.linalg.norm(x) - 2 * np.linalg.norm(x),
}  # fmt: skip
OUTSIDE = ([0.5, 0.0, 0.0], [0.1, 0.2, -0.3], [-1.5, 0.0, 0.25])


@pytest.mark.parametrize("name", NOTHING)
def test_nothing_has_the_gradient_zero_alone(name: str) -> None:
    f = NOTHING[name]
    for g in OUTSIDE:
        report = an.verify(lambda x: f(np, x), np.zeros(3), gradient=np.array(g))
        assert report.verdict.name == "NOT_CLARKE", g
        assert report.certificate is not None and report.certificate.check()
    assert an.verify(lambda x: f(np, x), np.zeros(3), gradient=np.zeros(3))


@pytest.mark.parametrize("name", NOTHING)
def test_frameworks(name: str) -> None:
    f, g = NOTHING[name], np.array(OUTSIDE[1])
    assert an.verify(lambda x: f(jnp, x), jnp.zeros(3), gradient=jnp.asarray(g)).verdict.name == "NOT_CLARKE"
    x, given = torch.zeros(3, dtype=torch.float64), torch.tensor(g)
    assert an.verify(lambda x: f(torch, x), x, gradient=given).verdict.name == "NOT_CLARKE"


#: Two norms that are no multiples of each other, and a gradient of their difference that is not 0.
APART: dict[str, tuple[Pair, list[float]]] = {
    "another factor": (lambda np, x: np.linalg.norm(x) - np.linalg.norm(3 * x), [0.0, 1.5, 0.0]),
    "another weight": (lambda np, x: _norm(np, x[0], 2 * x[1]) - _norm(np, x[0], x[1]), [0.0, 1.0, 0.0]),
    "a product of entries": (lambda np, x: _norm(np, x[0], x[1]) - _norm(np, x[0] + x[1] / 2, x[1]), [0.0, 0.1, 0.0]),
    "a product of entries alone": (
        lambda np, x: _norm(np, x[0] + x[1], x[2]) - _norm(np, x[0], x[1], x[2]), [0.1, 0.1, 0.0]),
    "turned by a wrong factor": (
        lambda np, x: _norm(np, x[0] + x[1], x[0] - x[1]) - _norm(np, x[0], x[1]), [0.4, 0.0, 0.0]),
    "of one direction, and of two": (lambda np, x: _norm(np, x[0], x[0] + x[1]) - np.abs(x[0]), [0.0, 0.5, 0.0]),
    "beside another constant": (lambda np, x: _norm(np, x[0], x[1]) - _norm(np, x[0], x[1] + 1), [0.0, -1.0, 0.0]),
}  # fmt: skip


@pytest.mark.parametrize("name", APART)
def test_others_stay_apart(name: str) -> None:
    f, g = APART[name]
    assert an.verify(lambda x: f(np, x), np.zeros(3), gradient=np.array(g)).verdict.name == "CLARKE"
    program = an.trace(lambda x: f(np, x), np.zeros(3))
    found = with_fewer_norms(Sweeps(program, np.zeros(3)))
    for x in np.random.default_rng(0).standard_normal((3, 3)):
        assert found is None or found.program is None or found.program(x) == pytest.approx(program(x))


def _drawn(seed: int) -> tuple[Expr, int]:
    """A weighted sum of norms of small integer combinations, many of which are multiples of each other."""
    dice = Random(seed)
    n = dice.choice((2, 3))
    x = variables(n)

    def combined(row: list[int]) -> Expr:
        return sum((a * u for a, u in zip(row, x, strict=True)), start=0 * x[0])

    first = [[dice.choice((0, 1, 1, -1, 2)) for _ in range(n)] for _ in range(dice.choice((1, 2, 2)))]
    total = 0 * x[0]
    for _ in range(dice.choice((2, 3, 4))):
        rows = [[*row] for row in first]
        if dice.random() < 0.25:
            rows[0][0] += 1
        if len(rows) == 2 and dice.random() < 0.5:
            (u, v), (c, s) = rows, dice.choice(((3, 4), (1, 1), (5, 12)))
            both = list(zip(u, v, strict=True))
            rows = [[c * a + s * b for a, b in both], [s * a - c * b for a, b in both]]
        dice.shuffle(rows)
        factor = dice.choice((1, -1, 2))
        made = norm(*(factor * combined(row) for row in rows))
        total = total + dice.choice((1, -1, 1, -2)) * (made if dice.random() < 0.8 else abs(made - combined(first[0])))
    return total, n


@pytest.mark.slow
def test_random_sums_are_judged_as_by_the_oracle() -> None:
    decided, asked = 0, 0
    for seed in islice(count(1), 60):
        expr, n = _drawn(seed)
        form, f = norm_form(expr, (0,) * n), numpy_callable(expr)
        dice = Random(seed)
        g = [dice.choice((0.0, 0.0, 0.5, -1.0, 2.0)) for _ in range(n)]
        case = WithNorms(f, [0.0] * n, expr, form, (), source(expr))
        report = an.verify(f, [0.0] * n, gradient=g)
        assert not [*faults(report, case, tuple(map(Fraction, g)))], source(expr)
        if case.answer(g).told in (Told.NO, Told.SURELY_NO):
            asked += 1
            decided += report.verdict.name == "NOT_CLARKE"
    assert asked >= 20 and decided >= 0.8 * asked


def test_the_program_with_fewer_norms_is_the_same_function() -> None:
    tried = 0
    for seed in range(40):
        expr, n = _drawn(seed)
        program = an.trace(numpy_callable(expr), np.zeros(n))
        found = with_fewer_norms(Sweeps(program, np.zeros(n)))
        if found is None or found.program is None:
            continue
        tried += 1
        found.program.check()
        for x in np.random.default_rng(seed).standard_normal((3, n)):
            assert found.program(x) == pytest.approx(program(x), rel=1e-12, abs=1e-12)
    assert tried >= 20


def test_slopes_of_norms_that_are_left_are_vectors_of_the_ball() -> None:
    """The slopes -1 and 1 are tried at |.|: at a norm they would be a vector of length 1.4."""
    def f(x: Any) -> Any:
        u = x[1] + 2 * x[0]
        size = _norm(np, u, x[1]) - _norm(np, x[1], u)
        return 2 * size - np.maximum(np.abs(x[0] - size) - x[0], 0)

    for seed in range(20):
        g = np.random.default_rng(seed).uniform(-2, 2, 2)
        report = an.verify(f, np.zeros(2), gradient=g)
        assert report.certificate is None or report.certificate.check(), g
