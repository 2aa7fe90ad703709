"""Does the whole package know a kink from one class?  |u - v| as an operation, against np.abs(u - v)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.arrays import Array
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import Writer
from absnormal.kinks.enclosure import enclose
from absnormal.ops import TABLE
from absnormal.ops.kinks import row
from absnormal.ops.kinks.entrywise import Entrywise
from absnormal.ops.table import Params
from absnormal.sweeps.sparse import rows
from absnormal.sweeps.table import Sweeps


class Distance(Entrywise):
    name = "distance"
    show = "|{0} - {1}|"
    rates = (1, -1)

    def value(self, params: Params, *args: Array) -> Array:
        return np.asarray(np.abs(args[0] - args[1]))

    def sides(self, params: Params, number: Callable[[Any], Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return (1, -1), (-1, 1)

    def weight(self, params: Params, number: Callable[[Any], Any]) -> Any:
        return number(1)


def distance(u: Any, v: Any) -> Any:
    if not isinstance(u, TracedArray):
        return np.abs(u - v)
    return Writer(u.builder, "distance", None).op("distance", u, v, tie="abs")


def by_hand(u: Any, v: Any) -> Any:
    return np.abs(u - v)


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(TABLE, "distance", row(Distance()))
    yield


W = np.array([[2.0, -1.0, 0.5], [1.0, 3.0, -2.0]])

FUNCTIONS: dict[str, tuple[Callable[[Any, Any], Any], Any]] = {
    "one": (lambda d, x: d(x[0], x[1]), [1.0, 1.0]),
    "cancelled": (lambda d, x: d(x[0], x[1]) - d(x[1], x[0]) + x[0], [0.5, 0.5]),
    "same set": (lambda d, x: d(x[0], x[1]) - 2 * np.maximum(x[0] - x[1], 0), [0.5, 0.5]),
    "nested": (lambda d, x: d(d(x[0], x[1]), x[2]) + np.maximum(x[0], x[2]), [0.0, 1.0, 1.0]),
    "against a constant": (lambda d, x: d(x, np.zeros(3)).sum() - d(x * 2, np.ones(3)).max(), [0.0, 0.5, -1.0]),
    "a layer": (lambda d, x: d(W @ x, np.zeros(2)).sum() + d(x[:2], x[1:]).sum(), [1.0, 1.0, 1.0]),
    "curved": (lambda d, x: d(x[0] ** 2, x[1]) * np.exp(x[1]), [2.0, 4.0]),
}


@pytest.mark.parametrize("slope", [-1.0, 0.0, 0.25, 1.0])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_verdict_is_that_of_the_rewriting(name: str, slope: float) -> None:
    f, x = FUNCTIONS[name]
    for exact in (False, True) if name != "curved" else (False,):
        found, expected = (an.verify(lambda x: f(d, x), x, slope=slope, exact=exact) for d in (distance, by_hand))
        assert found.verdict == expected.verdict and found.likq == expected.likq
        np.testing.assert_allclose(np.asarray(found.gradient, float), np.asarray(expected.gradient, float), rtol=1e-12)
        assert found.certificate is None or found.certificate.check()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_form_is_that_of_the_rewriting(name: str) -> None:
    f, x = FUNCTIONS[name]
    program, other = (an.trace(lambda x: f(d, x), x) for d in (distance, by_hand))
    assert any(node.op == "distance" and node.switch >= 0 for node in program.nodes)
    assert "- v" in str(program).split("|")[1]
    assert program(x) == other(x)
    found, expected = program.abs_normal_form(x), other.abs_normal_form(x)
    for part in ("Z", "L", "J", "Y", "c", "b"):
        assert_same(getattr(found, part), getattr(expected, part))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_set_is_that_of_the_rewriting(name: str) -> None:
    f, x = FUNCTIONS[name]
    found, expected = (an.generalized_gradient(lambda x: f(d, x), x) for d in (distance, by_hand))
    for v in np.random.default_rng(3).standard_normal((4, len(x))):
        assert found.support(v) == pytest.approx(expected.support(v))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_sweeps_and_enclosures_are_those_of_the_rewriting(name: str) -> None:
    f, x = FUNCTIONS[name]
    point = np.asarray(x)
    own, other = (Sweeps(an.trace(lambda x: f(d, x), x), point) for d in (distance, by_hand))
    d = np.random.default_rng(2).standard_normal((2, len(x)))
    for slopes in (-1.0, 0.25):
        for made, expected in zip(*(s.push(s.signature(slopes), d) for s in (own, other)), strict=True):
            np.testing.assert_allclose(made, expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(own.directional(d[0]).dy, other.directional(d[0]).dy, rtol=1e-12)
    for made, expected in zip(rows(own.program, own), rows(other.program, other), strict=True):
        for ours, theirs in zip(made, expected, strict=True):
            assert_same(ours, theirs)
    if own.program.is_piecewise_linear:
        np.testing.assert_allclose(enclose(own, 0.125).z, enclose(other, 0.125).z, rtol=1e-12)


def assert_same(found: Any, expected: Any) -> None:
    dense = (np.asarray(a.toarray() if hasattr(a, "toarray") else a, dtype=float) for a in (found, expected))
    np.testing.assert_allclose(*dense, rtol=1e-12, atol=1e-14)
