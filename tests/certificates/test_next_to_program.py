"""Evidence next to its program: each hypothesis just inside and just outside."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.active.one_set import Classes, one_set
from absnormal.certificates import agreement, kinds, merged_kinks, next_to_program
from absnormal.certificates.certificate import Certificate
from absnormal.certificates.checker.switches import matrix, numbers
from absnormal.certificates.evidence import OnForm
from absnormal.certificates.rational_evidence import snapshot
from absnormal.certificates.witness import Witness
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.problem import Problem
from absnormal.theorems.separation import separation

RNG = np.random.default_rng(0)


def witness(f: Any, x: list[float], slopes: list[float], **judged: Any) -> Witness:
    return Witness(Sweeps(an.trace(f, x), np.array(x)), np.array(slopes), **judged)


@pytest.mark.parametrize(("error", "holds"), [(0.4, True), (0.6, False)])
def test_rows_are_independent_whatever_they_are_within_their_errors(error: float, holds: bool) -> None:
    """The errors of the identity have the norm 2 e."""
    assert next_to_program._invertible(np.eye(2), np.full((2, 2), error)) is holds


@pytest.mark.parametrize(("tolerance", "holds"), [(0.09, True), (0.11, False)])
def test_a_separation_exceeds_the_tolerance(tolerance: float, holds: bool) -> None:
    one = witness(lambda x: np.abs(x[0]), [0.0], [1.0], vector=np.array([1.1]), tolerance=np.array([tolerance]))
    data = {"kind": "separated from all slopes", "separator": [1.0], "gap": 0.1}
    assert kinds.proves(data, one, RNG) is holds


@pytest.mark.parametrize(("order", "holds"), [([1, 0], True), ([0, 1], False)])
def test_private_inputs_move_no_earlier_group(order: list[int], holds: bool) -> None:
    """|x0 + x1| + |x1|: x1 moves both switches, x0 the first alone."""
    one = witness(lambda x: np.abs(x[0] + x[1]) + np.abs(x[1]), [0.0, 0.0], [0.3, 0.4])
    groups = [{"switch": switch, "inputs": [switch], "sign": 1} for switch in order]
    assert kinds.proves({"kind": "private inputs", "groups": groups}, one, RNG) is holds


@pytest.mark.parametrize(("part", "holds"), [(0.04, True), (0.06, False)])
def test_what_is_set_aside_is_small_against_the_gradient(part: float, holds: bool) -> None:
    """Five per cent of the largest entry of a leaf, and not more than is stated."""
    one = witness(lambda x: 2 * np.abs(x[0]), [0.0], [1.0], deviation=1.0)
    aside = np.array([2 * part])
    assert next_to_program.small(one, aside) is holds
    assert not next_to_program.small(replace(one, deviation=part), aside)


@pytest.mark.parametrize(("data", "holds"), [
    ({"weights": [0.5, 0.5], "slopes": [[1.0, 0.0], [0.0, 1.0]]}, True),
    ({"weights": [1.0], "slopes": [[0.5, 0.5]]}, True),
    ({"weights": [0.25, 0.25], "slopes": [[1.0, 1.0], [1.0, 1.0]]}, False),
    ({"weights": [1.5, -0.5], "slopes": [[0.5, 0.5], [0.5, 0.5]]}, False),
    ({"weights": [0.25, 0.75], "slopes": [[2.0, 2.0], [0.0, 0.0]]}, False),
    ({"weights": [1.0], "slopes": [[0.5, 0.6]]}, False),
    ({"weights": [1.0], "slopes": [[0.5, 0.5]], "sign": -1}, False),
])  # fmt: skip
def test_a_mean_under_regular_is_of_slopes_that_tools_may_have(data: dict[str, Any], holds: bool) -> None:
    one = witness(lambda x: np.abs(x[0]) + np.abs(x[1]), [0.0, 0.0], [1.0, 1.0], vector=np.full(2, 0.5),
                  tolerance=np.full(2, 1e-9))  # fmt: skip
    assert kinds.proves({"kind": "mean under regular", "sign": 1, **data}, one, RNG) is holds
    mixed = witness(lambda x: np.abs(x[0]) - np.abs(x[1]), [0.0, 0.0], [1.0, 1.0], vector=np.array([0.5, -0.5]),
                    tolerance=np.full(2, 1e-9))  # fmt: skip
    assert not kinds.proves({"kind": "mean under regular", "sign": 1, **data}, mixed, RNG)


@pytest.mark.parametrize(("g", "v", "holds"), [
    ([1.5, 0.0], [1.0, 0.0], True), ([1.5, 0.0], [0.0, 1.0], False), ([0.5, 0.5], [1.0, 1.0], False),
    ([1 + 1e-10, 0.0], [1.0, 0.0], False), ([1 + 2e-9, 0.0], [1.0, 0.0], True), ([0.9, 0.9], [1.0, 1.0], False),
])  # fmt: skip
def test_what_is_beyond_the_directional_derivative(g: list[float], v: list[float], holds: bool) -> None:
    one = witness(lambda x: np.abs(x[0]) + np.abs(x[1]), [0.0, 0.0], [1.0, 1.0], vector=np.array(g),
                  tolerance=np.full(2, 1e-9))  # fmt: skip
    data = {"kind": "beyond the directional derivative", "sign": 1, "separator": v, "gap": 1.0}
    assert kinds.proves(data, one, RNG) is holds
    assert not kinds.proves({**data, "sign": -1}, one, RNG)
    concave = replace(one, sweeps=witness(lambda x: -np.abs(x[0]) - np.abs(x[1]), [0.0, 0.0], [1.0, 1.0]).sweeps)
    assert kinds.proves({**data, "sign": -1}, concave, RNG) is holds


def test_a_norm_is_not_beyond_itself() -> None:
    one = witness(lambda x: np.linalg.norm(x), [0.0, 0.0], [0.6, 0.8], vector=np.array([0.6, 0.6]),
                  tolerance=np.full(2, 1e-9))  # fmt: skip
    mean = {"kind": "mean under regular", "sign": 1, "weights": [1.0]}
    assert kinds.proves({**mean, "slopes": [[0.6, 0.6]]}, one, RNG)
    beyond = replace(one, vector=np.array([0.8, 0.8]))
    assert not kinds.proves({**mean, "slopes": [[0.8, 0.8]]}, beyond, RNG)
    data = {"kind": "beyond the directional derivative", "sign": 1, "separator": [1.0, 1.0], "gap": 0.1}
    assert kinds.proves(data, beyond, RNG) and not kinds.proves(data, one, RNG)


@pytest.mark.parametrize(("second", "holds"), [(0.9, True), (1.1, False)])
def test_a_vector_that_stands_for_the_gradient_is_near_it_in_every_entry(second: float, holds: bool) -> None:
    vector = np.array([1.0, 1 + 0.01 * second])
    one = witness(lambda x: np.abs(x[0]) + np.abs(x[1]), [0.0, 0.0], [1.0, 1.0], vector=vector,
                  tolerance=np.full(2, 0.01))  # fmt: skip
    assert kinds.proves({"kind": "direction", "direction": [1.0, 1.0]}, one, RNG) is holds


def changed(certificate: Certificate, **other: Any) -> bool:
    """Whether a certificate with other numbers in its system holds next to its program."""
    data = {**certificate.data, "system": {**certificate.data["system"], **other}}
    return replace(certificate, data=data, digest="").check()


def test_the_form_is_that_of_the_program() -> None:
    """2 |x0| - |x0 + x1|, whose rows are independent whatever the weights are."""
    certificate = an.verify(lambda x: 2 * np.abs(x[0]) - np.abs(x[0] + x[1]), [0.0, 0.0], slope=0.5).certificate
    assert certificate is not None and certificate.check()
    system = certificate.data["system"]
    rows, weights = matrix(system["rows"]), numbers(system["weights"])
    assert changed(certificate, rows=system["rows"])
    # Another y' alone, another z' alone, and both.
    assert not changed(certificate, weights=[str(2 * b) for b in weights])
    assert not changed(certificate, rows=[[str(2 * a) for a in row] for row in rows],
                       weights=[str(b / 2) for b in weights])  # fmt: skip
    assert not changed(certificate, rows=[[str(2 * a) for a in row] for row in rows])


@pytest.mark.parametrize(("data", "holds"), [
    ({"deviation": 0.25}, True), ({"deviation": 0.5}, False), ({"deviation": 0.0}, False), ({}, False),
    ({"system": {}}, True), ({"system": {}, "deviation": 0.5}, False),
])  # fmt: skip
def test_the_deviation_that_is_stated_is_the_one_that_was_set_aside(data: dict[str, Any], holds: bool) -> None:
    """A form proves what it proves without one."""
    assert witness(lambda x: np.abs(x[0]), [0.0], [1.0], deviation=0.25).judges(data) is holds


def test_other_slopes_are_another_statement() -> None:
    one, other = (witness(lambda x: np.abs(x[0]), [0.0], [slope]) for slope in (1.0, -1.0))
    assert one.digest == replace(one).digest != other.digest


@pytest.mark.parametrize(("f", "holds"), [
    (lambda x: np.abs(x[0]) + 0.0 * x[1], True),
    (lambda x: np.abs(x[0]) + 0.0 * np.abs(2 * x[0]), False),
])  # fmt: skip
def test_a_form_has_all_active_switches(f: Any, holds: bool) -> None:
    """LIKQ is about all of them, also about one that changes nothing."""
    one = witness(f, [0.0, 0.0], [0.5] if holds else [0.5, 0.5])
    system = {"switches": [0], "rows": [["1"]], "couplings": [["0"]], "weights": ["1"], "signs": [1],
              "slopes": ["1/2"], "columns": [0], "base": ["0", "0"]}  # fmt: skip
    assert agreement.proves({"kind": "minor", "minor": [0], "system": system}, one, RNG) is holds


@pytest.mark.parametrize(("square", "holds"), [(lambda u: 0 * u, True), (np.square, False)])
def test_cells_of_rows_prove_nothing_where_they_need_not_be_all(square: Any, holds: bool) -> None:
    """|x0 + x1^2| - |x0 - x1^2| has the Clarke gradient (2, 0), which no direction in the rows (1, 0), (1, 0) opens."""

    def f(x: Any) -> Any:
        return np.abs(np.sin(x[0]) + square(x[1])) - np.abs(np.sin(x[0]) - square(x[1]))

    sweeps, slopes = Sweeps(an.trace(f, [0.0, 0.0]), np.zeros(2)), np.array([1.0, -1.0])
    problem = Problem(sweeps, slopes, an.Budget())
    system = problem.system
    assert system is not None and system.proved is holds
    problem.__dict__["system"] = replace(system, proved=True, hidden=False)
    proof = separation(problem)
    assert proof is not None and isinstance(proof.evidence, OnForm)
    data = {**proof.evidence.on(problem.system), "system": snapshot(problem.system, problem)}
    assert agreement.proves(data, Witness(sweeps, slopes), RNG) is holds


@pytest.mark.parametrize("f", [
    lambda x: np.abs(np.sin(x[0]) - np.sin(x[0])) + np.exp(x[0]),
    lambda x: np.abs(np.tanh(x[0] - x[0])) + np.exp(x[0]),
])  # fmt: skip
@pytest.mark.parametrize(("vector", "verdict"), [([3.0, 0.0], "NOT_CLARKE"), ([1.0, 0.0], "CLARKE")])
def test_a_switch_whose_form_is_0_leaves_one_gradient(f: Any, vector: list[float], verdict: str) -> None:
    """No pattern shows that such a row is 0."""
    report = an.verify(f, [0.0, 0.0], gradient=vector)
    assert report.verdict.name == verdict
    assert report.certificate is not None and report.certificate.check()


def doubled(w: Any) -> Any:
    """Kinks on two sets: nothing is left of those of x, and |y| of the other."""
    return 2 * np.abs(w[0]) - np.abs(2 * w[0]) + np.abs(w[1]) + w[0]


@pytest.mark.parametrize(("slopes", "vector", "holds"), [
    ([0.0, 0.5], [1.0, 0.5], True), ([1.0, -1.0], [1.0, -1.0], True), ([0.0, 0.5], [1.0, 0.6], False),
    ([0.0, 1.1], [1.0, 1.1], False), ([0.0], [1.0, 0.0], False), ([0.0, 0.0], [1.1, 0.0], False),
])  # fmt: skip
def test_slopes_of_merged_kinks_lie_in_their_interval_and_make_the_vector(
    slopes: list[float], vector: list[float], holds: bool
) -> None:
    one = witness(doubled, [0.0, 0.0], [0.0] * 3, vector=np.array(vector), tolerance=np.full(2, 1e-9))
    assert kinds.proves({"kind": "slopes of merged kinks", "sign": 1, "slopes": slopes}, one, RNG) is holds


@pytest.mark.parametrize(("v", "tolerance", "holds"), [
    ([0.0, 1.0], 0.09, True), ([0.0, 1.0], 0.11, False), ([0.0, -1.0], 0.0, False), ([1.0, 0.0], 0.0, False),
])  # fmt: skip
def test_a_separation_from_merged_kinks_exceeds_the_tolerance(v: list[float], tolerance: float, holds: bool) -> None:
    one = witness(doubled, [0.0, 0.0], [0.0] * 3, vector=np.array([1.0, 1.1]), tolerance=np.full(2, tolerance))
    data = {"kind": "separated from merged kinks", "separator": v, "gap": 0.1}
    assert kinds.proves(data, one, RNG) is holds


@pytest.mark.parametrize(("f", "sign", "holds"), [
    (lambda w: 2 * np.abs(w[0]) - np.abs(w[0]) + np.abs(w[1]), 1, True),
    (lambda w: 2 * np.abs(w[0]) - np.abs(w[0]) + np.abs(w[1]), -1, False),
    (lambda w: 2 * np.abs(w[0]) - np.abs(w[0]) - np.abs(w[1]), 1, False),
    (lambda w: 2 * np.abs(w[0]) - np.abs(w[0]) - np.abs(w[1]), 0, True),
    (lambda w: 2 * np.abs(w[0]) - np.abs(w[0]) + np.abs(w[1]) - np.abs(w[0] + w[1]), 0, False),
    (lambda w: 2 * np.abs(w[0]) - np.abs(w[0] + w[1] ** 2) + np.abs(w[1]), 1, False),
    (lambda w: 2 * np.abs(w[0]) - np.abs(w[0]) + np.abs(w[1] + np.abs(w[0])), 1, False),
])  # fmt: skip
def test_merged_kinks_are_one_layer_of_one_sign_or_of_independent_rows(f: Any, sign: int, holds: bool) -> None:
    """The last two: no kinks on one set, and one that acts on another."""
    sweeps = Sweeps(an.trace(f, [0.0, 0.0]), np.zeros(2))
    one = Witness(sweeps, np.zeros(len(sweeps.alpha)))
    classes = one_set(sweeps)
    count = len(sweeps.alpha) if classes is None else classes.count
    data = {"kind": "slopes of merged kinks", "sign": sign, "slopes": [0.0] * count}
    assert kinds.proves(data, one, RNG) is holds


def test_kinks_that_are_not_seen_together_are_not_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were |x| and |x + y| taken for one, points near x would show it."""
    both = Classes(np.zeros(2, int), np.ones(2), np.zeros(1, int))
    monkeypatch.setattr(merged_kinks, "one_set", lambda sweeps: both)
    data = {"kind": "slopes of merged kinks", "sign": 1, "slopes": [0.0]}
    for k, holds in ((0.0, True), (1.0, False)):
        one = witness(lambda w, k=k: np.abs(w[0]) - np.abs(w[0] + k * w[1]), [0.0, 0.0], [0.0, 0.0], deviation=1e-12)
        for seed in range(4):
            assert kinds.proves(data, one, np.random.default_rng(seed)) is holds
