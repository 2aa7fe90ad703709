"""Norms of entries that are nowhere negative: slopes are not negative there (THEORY 8)."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from random import Random
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.certificates.evidence import NextToProgram
from absnormal.certificates.witness import Witness
from absnormal.program.signs import where_never_negative
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.regular_vectors import MeanUnderRegular

from ..campaigns.with_norms import WithNorms, faults
from ..oracle.expressions import Expr, norm, numpy_callable, relu, source, variables
from ..oracle.norms.form import norm_form
from ..oracle.norms.truth import Told


def _relu(np: Any, x: Any) -> Any:
    return np.clip(x, 0.0, None)


def _norm(np: Any, u: Any) -> Any:
    return np.sqrt((u * u).sum())


RELUS: dict[str, Callable[[Any, Any], Any]] = {
    "norm": lambda np, x: np.linalg.norm(_relu(np, x)),
    "a product of two relus": lambda np, x: np.sqrt((_relu(np, x) * _relu(np, x)).sum()),
    "an inner product of two relus": lambda np, x: np.sqrt(np.dot(_relu(np, x), _relu(np, x))),
    "a matrix product of two relus": lambda np, x: np.sqrt(_relu(np, x) @ _relu(np, x)),
    "an einsum of two relus": lambda np, x: np.sqrt(np.einsum("i,i->", _relu(np, x), _relu(np, x))),
    "squares of sums": lambda np, x: _norm(np, 0.5 * x + 0.5 * np.abs(x)),
    "clipped": lambda np, x: _norm(np, np.clip(x, 0.0, 1.0)),
}  # fmt: skip
#: Of the norm of relu(x) at 0: what of the unit ball is not negative.
VECTORS = {
    (0.0, 0.0, 0.0): "CLARKE", (0.5, 0.5, 0.5): "CLARKE", (0.6, 0.0, 0.7): "CLARKE", (0.6, 0.6, 0.6): "NOT_CLARKE",
    (0.8, -0.1, 0.0): "NOT_CLARKE", (-0.01, 0.0, 0.0): "NOT_CLARKE", (1.01, 0.0, 0.0): "NOT_CLARKE",
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in RELUS if name != "squares of sums"])
@pytest.mark.parametrize("framework", ["numpy", "jax", "torch"])
def test_the_norm_of_relus(name: str, framework: str) -> None:
    module, array = {
        "numpy": (np, np.array), "jax": (jnp, jnp.asarray),
        "torch": (torch, lambda x: torch.tensor(x, dtype=torch.float64)),
    }[framework]  # fmt: skip
    zero = array([0.0, 0.0, 0.0])

    def f(x: Any) -> Any:
        return RELUS[name](module, x)

    for vector, verdict in VECTORS.items():
        report = an.verify(f, zero, gradient=array(vector))
        assert report.verdict.name == verdict, vector
        assert report.certificate is not None and report.certificate.check()


def test_what_is_positive_for_its_values_alone_is_not_known_to_be() -> None:
    """x/2 + |x|/2 is a relu, but written as a sum with a term that may be negative: nothing wrong is said of it."""
    for vector, verdict in VECTORS.items():
        report = an.verify(lambda x: RELUS["squares of sums"](np, x), np.zeros(3), gradient=np.array(vector))
        assert report.verdict.name in (verdict, "UNDECIDED"), vector


def test_an_entry_that_may_be_negative_has_slopes_that_are() -> None:
    def f(x: Any) -> Any:
        return np.linalg.norm(np.stack([np.maximum(x[0], 0), x[1], np.minimum(x[2], 0)]))

    assert an.verify(f, np.zeros(3), gradient=np.array([0.5, -0.5, -0.5])).verdict.name == "CLARKE"
    assert an.verify(f, np.zeros(3), gradient=np.array([-0.1, 0.5, -0.5])).verdict.name == "NOT_CLARKE"
    # Of what is nowhere positive nothing is known.
    assert an.verify(f, np.zeros(3), gradient=np.array([0.5, 0.5, 0.1])).verdict.name in ("NOT_CLARKE", "UNDECIDED")


def test_slopes_that_are_negative_are_not_covered() -> None:
    def f(x: Any) -> Any:
        return np.linalg.norm(np.maximum(x, 0))

    program = an.trace(f, np.zeros(2))
    norms = [i for i, node in enumerate(program.nodes) if node.op == "norm"]
    own = program.lanes(norms[0]).ravel()
    slope = np.ones(program.s)
    slope[own] = [-0.6, 0.8]
    report = an.verify(f, np.zeros(2), slope=slope)
    np.testing.assert_allclose(report.gradient, [-0.6, 0.8])
    assert report.verdict.name == "NOT_CLARKE"
    regular = an.verify(f, np.zeros(2), slope=0.0).proof.evidence
    assert regular is not None and regular.kind == "sign-definite adjoints"
    assert isinstance(regular, NextToProgram)
    sweeps, rng = report.problem.sweeps, np.random.default_rng(0)
    assert regular.proves(Witness(sweeps, np.zeros(len(sweeps.alpha))), rng)
    assert not regular.proves(Witness(sweeps, slope[sweeps.alpha]), rng)
    for c in (slope[sweeps.alpha], np.abs(slope[sweeps.alpha])):
        g = sweeps.gradient(sweeps.signature(c))
        mean = MeanUnderRegular(1, [1.0], [c.tolist()])
        assert mean.proves(Witness(sweeps, 0 * c, g, np.full(2, 1e-9)), rng) is bool((c >= 0).all())


def test_a_point_within_atol_of_a_kink_has_no_such_entries() -> None:
    sweeps = Sweeps(an.trace(lambda x: np.linalg.norm(np.maximum(x, 0)), np.zeros(2)), np.zeros(2), 1e-9)
    assert not sweeps.upward and not sweeps.not_negative.any()


def test_which_entries_are_nowhere_negative() -> None:
    def f(x: Any) -> Any:
        parts = [np.abs(x), np.maximum(x, 0), x, x * x, np.maximum(x, -1), -np.abs(x), np.maximum(x, 0) + x]
        return np.concatenate([*parts, np.array([1.0, -1.0])]).reshape(8, 2).T.sum()

    program = an.trace(f, np.zeros(2))
    values = program.evaluate(np.zeros(2))
    moved = next(i for i, node in enumerate(program.nodes) if node.op == "transpose")
    found = where_never_negative(program.nodes, values, moved)
    assert found.tolist() == [[True, True, False, True, False, False, False, True],
                              [True, True, False, True, False, False, False, False]]


def _drawn(seed: int) -> tuple[Expr, int]:
    dice = Random(seed)
    n = dice.choice((1, 2, 2, 3))
    x = variables(n)

    def combined() -> Expr:
        return sum((dice.choice((0, 1, -1, 2)) * u for u in x), start=0 * x[0])

    def entry() -> Expr:
        u = combined()
        return dice.choice((relu, relu, abs, lambda u: u, lambda u: relu(u) + abs(combined()), lambda u: -relu(u)))(u)

    total = combined()
    for _ in range(dice.choice((1, 1, 2))):
        total = total + dice.choice((1, 1, -1)) * norm(*(entry() for _ in range(dice.choice((1, 2, 3)))))
    return total, n


@pytest.mark.slow
def test_random_norms_of_kinks_are_judged_as_by_the_oracle() -> None:
    decided = asked = 0
    for seed in range(80):
        expr, n = _drawn(seed)
        form, f, dice = norm_form(expr, (0,) * n), numpy_callable(expr), Random(seed)
        case = WithNorms(f, [0.0] * n, expr, form, (), source(expr))
        for g in ([dice.choice((0.0, 0.5, -0.5, 1.0, -2.0)) for _ in range(n)] for _ in range(2)):
            report = an.verify(f, [0.0] * n, gradient=g)
            assert not [*faults(report, case, tuple(map(Fraction, g)))], source(expr)
            if case.answer(g).told in (Told.NO, Told.SURELY_NO):
                asked += 1
                decided += report.verdict.name == "NOT_CLARKE"
    assert asked >= 50 and decided >= 0.9 * asked
