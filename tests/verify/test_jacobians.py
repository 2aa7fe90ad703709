"""Functions that return arrays: verdicts on rows, Jacobians, and elements of the generalized Jacobian."""

from __future__ import annotations

import itertools
import json
import pickle
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.judgement.rows import component

A = np.array([[1.0, 2.0, 0.0], [-1.0, 1.0, 1.0], [0.0, 1.0, -3.0]])


def f(x: Any) -> Any:
    h = np.maximum(A @ x, 0)
    return np.stack([h[0] - np.maximum(-(A @ x)[0], 0), np.abs(h[1] - h[2]), x[0] * x[1]])


def limiting_jacobians(at: Any) -> list[Any]:
    """The Jacobians of f at many points near, which cover all of its pieces."""
    rng = np.random.default_rng(0)
    step = 1e-4
    found: list[Any] = []
    for d in rng.standard_normal((400, 3)):
        y = at + step * d
        columns = [(f(y + 1e-7 * e) - f(y - 1e-7 * e)) / 2e-7 for e in np.eye(3)]
        found.append(np.stack(columns, axis=1))
    return found


@pytest.mark.parametrize("x", [np.zeros(3), np.array([2.0, -1.0, 3.0]), np.array([1.0, 1.0, 1.0])])
def test_the_element_is_a_limiting_jacobian_and_rows_have_their_verdicts(x: Any) -> None:
    near = limiting_jacobians(x)
    for seed in range(3):
        element = an.clarke_gradient(f, x, seed=seed)
        assert element.shape == (3, 3)
        assert min(np.abs(element - other).max() for other in near) < 1e-3
    report = an.verify(f, x, slope=-1)
    assert isinstance(report, an.JacobianReport) and report.shape == (3,) and len(report.rows) == 3
    for number, row in enumerate(report.rows):
        alone = an.verify(lambda x, number=number: f(x)[number], x, slope=-1)
        assert row.verdict is alone.verdict
        np.testing.assert_array_equal(row.gradient, alone.gradient)
        np.testing.assert_array_equal(report.gradient[number], alone.gradient)
    np.testing.assert_array_equal(an.gradient(f, x, slope=-1), report.gradient)
    assert bool(report) == all(map(bool, report.rows))


def test_rows_that_are_clarke_gradients_need_not_make_an_element() -> None:
    def pair(x: Any) -> Any:
        return np.stack([np.abs(x[0]), np.abs(x[0])])

    given = np.array([[1.0], [-1.0]])
    report = an.verify(pair, [0.0], gradient=given)
    assert report.verdict is an.Verdict.CLARKE
    # The generalized Jacobian holds (t, t) only.
    assert an.generalized_gradient(pair, [0.0]).contains(given) is False
    element = report.clarke_gradient
    assert element[0, 0] == element[1, 0] != 0


def test_jacobians_that_are_given_are_judged_row_by_row() -> None:
    right = an.clarke_gradient(f, np.zeros(3))
    wrong = right + np.array([[0.0, 0.0, 0.0], [5.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    assert an.verify(f, np.zeros(3), gradient=right)
    report = an.verify(f, np.zeros(3), gradient=wrong)
    assert [row.verdict.name for row in report.rows] == ["CLARKE", "NOT_CLARKE", "CLARKE"]
    assert report.verdict is an.Verdict.NOT_CLARKE and "row 1: NOT_CLARKE" in str(report)
    with pytest.raises(ValueError, match="must begin with the shape"):
        an.verify(f, np.zeros(3), gradient=np.zeros(2))


def test_a_program_a_dict_and_a_result_of_two_axes() -> None:
    def g(p: Any) -> Any:
        return np.maximum(p["w"] @ p["x"], 0).reshape(2, 1)

    at = {"w": np.array([[1.0, -1.0], [2.0, 0.0]]), "x": np.ones(2)}
    for taken in (g, an.trace(g, at)):
        report = an.verify(taken, at, slope=-1)
        assert report.shape == (2, 1)
        assert report.gradient["w"].shape == (2, 1, 2, 2) and report.gradient["x"].shape == (2, 1, 2)
        np.testing.assert_array_equal(report.gradient["x"], [[[0.0, 0.0]], [[2.0, 0.0]]])
        assert an.verify(taken, at, gradient=report.clarke_gradient)
    again = pickle.loads(pickle.dumps(an.verify(an.trace(g, at), at)))
    assert again.verdict is an.Verdict.CLARKE
    assert len(json.loads(json.dumps(again.to_dict()))["rows"]) == 2


def test_frameworks_have_the_same_verdicts_and_their_own_arrays() -> None:
    def h(x: Any, relu: Any, stack: Any) -> Any:
        return stack([relu(x[0]) - relu(-x[0]), relu(x[1]) * x[0], x[0] + x[1]])

    point = np.zeros(2)
    expected = an.verify(lambda x: h(x, lambda u: np.maximum(u, 0), np.stack), point, slope=-1)
    in_torch = an.verify(lambda x: h(x, torch.relu, torch.stack), torch.tensor(point))
    in_jax = an.verify(lambda x: h(x, jax.nn.relu, jnp.stack), jnp.asarray(point))
    for report in (in_torch, in_jax):
        assert [row.verdict for row in report.rows] == [row.verdict for row in expected.rows]
        np.testing.assert_array_equal(np.asarray(report.gradient), expected.gradient)
        np.testing.assert_array_equal(np.asarray(report.clarke_gradient), expected.clarke_gradient)
    assert isinstance(in_torch.gradient, torch.Tensor) and isinstance(in_jax.clarke_gradient, jax.Array)
    own = torch.autograd.functional.jacobian(lambda x: h(x, torch.relu, torch.stack), torch.tensor(point))
    assert torch.equal(own, in_torch.gradient)
    G = an.generalized_gradient(lambda x: h(x, torch.relu, torch.stack), torch.tensor(point))
    assert G.limiting_gradients.shape[1:] == (3, 2)


def test_a_long_result_is_traced_once() -> None:
    runs = itertools.count()

    def many(x: Any) -> Any:
        next(runs)
        return np.abs(np.outer(np.arange(40.0), x)).reshape(-1)

    report = an.verify(many, [0.0, 1.0])
    assert len(report.rows) == 80 and report.verdict is an.Verdict.CLARKE
    assert next(runs) < 12


def test_what_takes_one_number_still_says_so() -> None:
    with pytest.raises(ValueError, match="numbers, got an array of shape"):
        an.verify(lambda x: x[:0], [0.0])
    with pytest.raises(ValueError, match="must return one number"):
        an.torch.verify(torch.nn.Linear(2, 2), lambda: torch.ones(2, requires_grad=True) * 2)


class Named(NamedTuple):
    a: Any
    b: Any


def test_a_given_jacobian_has_the_structure_of_the_point() -> None:
    points: list[Any] = [
        {"a": np.ones(2), "b": [np.zeros(2), 0.5]},
        (np.ones(2), (np.zeros(2), 0.5)),
        Named(np.ones(2), [np.zeros(2), 0.5]),
    ]

    def g(p: Any) -> Any:
        a, b = (p["a"], p["b"]) if isinstance(p, dict) else p
        return np.abs(a * b[0] + b[1])

    for x in points:
        own = an.clarke_gradient(g, x)
        assert type(own) is type(x)
        report = an.verify(g, x, gradient=own)
        assert report.verdict is an.Verdict.CLARKE and type(report.gradient) is type(x)
        for wrong in ({"a": own["a"] if isinstance(own, dict) else own[0]}, [], 1.0, [own]):
            with pytest.raises(ValueError, match="keys and nesting"):
                an.verify(g, x, gradient=wrong)
    pair = (torch.ones(2), torch.ones(2))
    given = torch.autograd.functional.jacobian(lambda a, b: a.abs() * b, pair)
    assert an.verify(lambda p: p[0].abs() * p[1], pair, gradient=given).verdict is an.Verdict.CLARKE
    for own in (torch.ones, jnp.ones):
        named = Named(own(()), own(2))
        assert isinstance(an.clarke_gradient(lambda p: p.a * abs(p.b), named), Named)


def test_reports_of_functions_that_do_not_pickle_do() -> None:
    report = an.verify(lambda x: np.abs(x), [0.0, 1.0])
    again = pickle.loads(pickle.dumps(report))
    np.testing.assert_array_equal(again.clarke_gradient, report.clarke_gradient)
    assert str(again) == str(report)


@pytest.mark.slow
def test_modules_of_jax_are_points_of_functions_that_return_arrays() -> None:
    inputs = jnp.array([1.0, -2.0])
    model = eqx.nn.Linear(2, 3, key=jax.random.PRNGKey(0))
    points: list[tuple[Any, Any]] = [
        (model, lambda m: jnp.abs(m(inputs))), ({"a": inputs, "b": None}, lambda p: jnp.abs(p["a"]))
    ]  # fmt: skip
    for x, h in points:
        own = jax.jacrev(h)(x)
        for report in (an.verify(h, x), an.verify(h, x, gradient=own)):
            assert report.verdict is an.Verdict.CLARKE
            for found in (report.gradient, report.clarke_gradient, an.gradient(h, x)):
                assert jax.tree.structure(found) == jax.tree.structure(own)
                for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(own), strict=True):
                    np.testing.assert_allclose(one, other, rtol=1e-6)


def test_an_array_of_one_number_is_one() -> None:
    points = (np.zeros(2), torch.zeros(2, dtype=torch.float64), jnp.zeros(2))
    for x, absolute in zip(points, (np.abs, torch.abs, jnp.abs), strict=True):
        def f(x: Any, absolute: Any = absolute) -> Any:
            return absolute(x[:1])

        report = an.verify(f, x)
        assert not isinstance(report, an.JacobianReport) and report.gradient.shape == (2,)
        assert an.clarke_gradient(f, x).shape == (2,)
        assert an.verify(f, x, gradient=report.gradient)


def test_a_row_has_the_kinks_of_its_own_number_only() -> None:
    def f(x: Any) -> Any:
        two = np.stack([np.abs(x[0]), np.maximum(x[0], 0) - np.maximum(-x[0], 0)])
        return np.concatenate([two, np.stack([x[1] * x[0], np.maximum(x[1], 0)])]).reshape(2, 2).T

    report = an.verify(f, np.zeros(2), slope=-1)
    assert [[group.operation for group in row.active] for row in report.rows] == [
        ["np.absolute"], [], ["np.maximum"], ["np.maximum"]]
    assert [row.verdict.name for row in report.rows] == ["CLARKE", "CLARKE", "NOT_CLARKE", "CLARKE"]
    assert [row.likq for row in report.rows] == [True, True, False, True]
    rng, program = np.random.default_rng(0), an.trace(f, np.zeros(2))
    for number in range(4):
        part = component(program, number)
        part.check()
        for x in rng.standard_normal((5, 2)):
            assert part(x) == f(x).reshape(-1)[number]


def test_a_row_may_be_constant() -> None:
    report = an.verify(lambda x: np.stack([np.abs(x[0]), 2.0]), np.zeros(1))
    assert [row.verdict.name for row in report.rows] == ["CLARKE", "CLARKE"]
    np.testing.assert_array_equal(report.gradient[1], [0.0])
