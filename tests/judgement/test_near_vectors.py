"""A vector that some slopes give: what separates their gradient separates it, where that lies far enough beyond."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.active import system
from absnormal.certificates import checker
from absnormal.theorems.variable_coefficients import BeyondStableCells

from ..frontier.networks import dense
from ..theorems.test_variable_coefficients import network

#: Slopes of a, b and a + b that no point has.
IMPOSSIBLE = (1.0, 1.0, -1.0)


def three(a: Any, b: Any) -> Any:
    return 2 * np.abs(a) - np.abs(b) - np.abs(a + b)


def layer(sizes: tuple[int, int, int], loss: str) -> tuple[Callable[[Any], Any], Any, Any]:
    """A hidden layer of relu without biases, whose first weights are 0, on a batch of 16."""
    f, x = dense(sizes, 16, "relu", 0, loss)
    x[-sizes[1]:] = np.random.default_rng(0).standard_normal(sizes[1])
    return f, x, 1.0


#: Kind of evidence -> a function, its point and slopes whose gradient is none.
OPEN: dict[str, Callable[[], tuple[Callable[[Any], Any], Any, Any]]] = {
    "separated by branching": lambda: layer((3, 4, 1), "absolute"),
    "independent parts": lambda: layer((4, 6, 1), "absolute"),
    "separated with variable coefficients": lambda: (*network(2), 1.0),
    "separated within a component": lambda: (
        lambda v: np.exp(three(v[0], v[1])) + np.exp(three(v[2], v[3])), np.zeros(4),
        np.array([*IMPOSSIBLE, 1.0, 1.0, 1.0]),
    ),
}


@pytest.mark.parametrize("kind", OPEN)
def test_a_gradient_that_is_given_is_judged_like_its_slopes(kind: str) -> None:
    f, x, slope = OPEN[kind]()
    itself = an.verify(f, x, slope=slope)
    given = an.verify(f, x, gradient=itself.gradient, slope=slope)
    for report in (itself, given):
        assert report.verdict.name == "NOT_CLARKE"
        assert report.certificate is not None and report.certificate.kind == kind and report.certificate.check()


@pytest.mark.parametrize("kind", OPEN)
def test_no_gradient_within_the_tolerance_is_separated(kind: str) -> None:
    """With so much allowed the certified gradient is what is given, too."""
    f, x, slope = OPEN[kind]()
    itself = an.verify(f, x, slope=slope)
    g, right = (np.asarray(one) for one in (itself.gradient, itself.clarke_gradient))
    rtol = 1.1 * np.abs(g - right).max() / np.abs(g).max()
    given = an.verify(f, x, gradient=g, slope=slope, rtol=rtol, budget=an.Budget(seconds=1.0))
    assert given.verdict.name != "NOT_CLARKE"


def test_where_switches_are_many_slopes_are_asked_before_rows_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    def listed(*given: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(system, "dense_system", listed)
    f, x = lambda v: v.max() - v.min(), np.ones(100)
    assert an.verify(f, x, gradient=an.gradient(f, x))
    # That cells are too many is seen without an elimination on rationals.
    assert an.verify(f, x, gradient=np.ones(100)).verdict.name == "NOT_CLARKE"


def test_a_certificate_of_parts_does_not_prove_a_clarke_gradient_wrong() -> None:
    """A vector that is judged stands for g_c where it is near; what is allowed counts against what separates it."""
    f = lambda v: three(v[0::2], v[1::2]).sum()  # noqa: E731
    report = an.verify(f, np.zeros(80), slope=np.repeat(IMPOSSIBLE, 40))
    assert report.certificate is not None and report.certificate.kind == "independent parts"
    document = json.loads(report.certificate.to_json())
    assert checker.holds(document)
    right = np.asarray(report.clarke_gradient, dtype=float)
    for vector, allowed, holds in (
        (report.gradient, 0, True), (report.gradient, Fraction(1, 1000), True), (right, 1000, False),
        (right, 0, False),
    ):
        document["data"] |= {"vector": [str(Fraction(float(a))) for a in vector], "tolerance": [str(allowed)] * 80}
        assert checker.holds({**document, "digest": checker.digest(document)}) is holds


def test_next_to_a_program_what_is_allowed_counts_against_what_separates() -> None:
    f, x = network(2)
    report = an.verify(f, x, slope=1.0)
    assert report.certificate is not None and isinstance(report.proof.evidence, BeyondStableCells)
    witness, rng = report.certificate.witness, np.random.default_rng(0)
    assert witness is not None
    for tolerance, holds in ((1e-9, True), (1e3, False)):
        judged = replace(witness, vector=np.asarray(report.gradient), tolerance=np.full(len(x), tolerance))
        assert report.proof.evidence.proves(judged, rng) is holds
