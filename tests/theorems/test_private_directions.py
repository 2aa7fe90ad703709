"""Private directions: biases, groups, chains."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import absnormal as an
from absnormal.sweeps.equal_rows import EqualRows
from absnormal.sweeps.table import Sweeps
from absnormal.theorems import private_directions as module
from absnormal.theorems import problem as problem_module
from absnormal.theorems.private_directions import private_directions, private_directions_for_definite_slopes

from ..oracle.expressions import maximum, minimum, relu, variables
from .judge import Case, case, cases, fuzz, never_wrong, wrong

x, y, b, w = variables(4)


def verdict(f: Any, point: Any, slope: Any = -1) -> tuple[str, str]:
    report = an.verify(f, point, slope=slope)
    if report.certificate is not None:
        assert report.certificate.check()
    return report.verdict.name, report.method


def test_duplicate_samples_share_a_group() -> None:
    """relu(x + b) and relu(2x + b) at x = b = 0 in one array: one bias, one group; LIKQ may fail."""
    data = np.array([[1.0], [1.0], [2.0]])
    f = lambda v: np.maximum(data @ v[:1] + v[1], 0).sum()  # noqa: E731
    assert verdict(f, [0.0, 0.0]) [0] == "CLARKE"
    f = lambda v: np.maximum(data @ v[:1] + v[1], 0) @ np.array([1.0, -1.0, 3.0])  # noqa: E731
    assert verdict(f, [0.0, 0.0]) == ("CLARKE", "private directions")


def test_a_group_with_two_slopes_is_not_settled() -> None:
    data = np.array([[1.0], [1.0]])
    f = lambda v: np.maximum(data @ v[:1] + v[1], 0) @ np.array([1.0, -1.0])  # noqa: E731
    assert verdict(f, [0.0, 0.0], np.array([1.0, -1.0])) == ("NOT_CLARKE", "separation")


def test_weight_tied_recurrence_with_a_slope_between() -> None:
    """h -> |h + b| twice with one bias: a chain meets the group twice, and c = 0 is not a mean of the open cells."""
    a = case(abs(abs(x + b - x) * 2 + b) - abs(b), [0, 0, 0], 0)
    assert never_wrong(private_directions, a) is None


def test_a_bias_that_is_used_again_is_not_private() -> None:
    a = case(relu(x + b) - relu(-x - b) + b, [0, 0, 0], -1)
    assert never_wrong(private_directions, a) is None and not a.clarke


def test_one_sum_before_two_kinks_is_not_private() -> None:
    u = x + b
    a = case(relu(u) - relu(-u), [0, 0, 0], -1)
    assert never_wrong(private_directions, a) is None and not a.clarke


def test_a_bias_behind_a_maximum_moves_both_arguments() -> None:
    u = x + b
    a = case(maximum(u, y) - maximum(u, y), [0, 0, 0], [1, -1])
    assert never_wrong(private_directions, a) is None and not a.clarke


def test_a_later_bias_may_depend_on_everything_before() -> None:
    a = case(abs(abs(x + b) * -2 + y - x + w), [0, 0, 0, 0], 0)
    assert never_wrong(private_directions, a) is not None


@pytest.mark.parametrize("slope", [-1, 0, 1])
@pytest.mark.parametrize("batch", [1, 7])
def test_a_deep_network_on_a_batch(slope: float, batch: int) -> None:
    rng = np.random.default_rng(0)
    data = np.repeat(rng.integers(-2, 3, (1, 3)), batch, axis=0).astype(float)
    shapes = {"w1": (3, 4), "b1": (4,), "w2": (4, 4), "b2": (4,), "w3": (4,)}
    point = {name: np.zeros(shape) for name, shape in shapes.items()}

    def loss(p: Any) -> Any:
        h = np.maximum(data @ p["w1"] + p["b1"], 0)
        h = h + np.maximum(h @ p["w2"] + p["b2"], 0)
        return (h @ p["w3"]).sum() ** 2

    assert verdict(loss, point, slope) == ("CLARKE", "private directions")


def test_normalisation_with_a_free_shift() -> None:
    """relu(gamma (h - mean) / std + beta) with beta = 0: the shift is private, whatever gamma / std is."""
    data = np.array([[1.0, 2.0], [1.0, -2.0], [1.0, 3.0], [1.0, 0.0]])

    def loss(p: Any) -> Any:
        h = data @ p["w"]
        centred = h - h.mean(axis=0)
        scaled = p["gamma"] * centred / np.sqrt((centred**2).mean(axis=0) + 0.01) + p["beta"]
        return np.maximum(scaled, 0).sum()

    point = {"w": np.array([[1.0, 2.0], [0.0, 0.0]]), "gamma": np.ones(2), "beta": np.zeros(2)}
    assert verdict(loss, point) == ("CLARKE", "private directions")


def test_normalisation_without_a_shift_is_never_wrong() -> None:
    """gamma (h - mean) / std: gamma / std is a factor of h - mean, and the rows of a batch sum to zero."""
    data = np.array([[1.0], [1.0]])

    def loss(v: Any) -> Any:
        h = data @ v[:1]
        centred = h - h.mean()
        return np.maximum(v[1] * centred / np.sqrt((centred**2).mean() + 1.0), 0) @ np.array([1.0, -1.0])

    assert an.verify(loss, [0.5, 2.0], slope=-1).verdict.name != "NOT_CLARKE"


@pytest.mark.parametrize("slope", [-1.0, 0.0, 1.0])
def test_an_input_that_reaches_the_kink_before_it_is_sliced(slope: float) -> None:
    """relu(h + b[:1]) - h with h = relu(-2 b) is b: the slice comes after the first use of b."""

    def f(b: Any) -> Any:
        h = np.maximum(-2 * b, 0)
        return np.sum(np.maximum(h + b[:1], 0) - h)

    report = an.verify(f, [0.0], slope=slope)
    assert report.method != "private directions"
    assert bool(report) is bool(abs(report.gradient[0] - 1) < 1e-12)


def test_a_bias_tied_across_layers_by_a_slice() -> None:
    rng = np.random.default_rng(0)
    data, below = rng.standard_normal((8, 3)), rng.standard_normal((4, 2))

    def f(p: Any) -> Any:
        h = np.maximum(data @ p["W"] + p["b"], 0)
        return np.sum(np.maximum(h @ below + p["b"][:2], 0))

    assert an.verify(f, {"W": np.zeros((3, 4)), "b": np.zeros(4)}, slope=0).method != "private directions"


def test_slopes_that_differ_in_a_group_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_fits", lambda problem, found, *rest: not found.crossed)
    network = lambda v: np.maximum(np.array([[1.0], [1.0]]) @ v[:1] + v[1], 0) @ np.array([1.0, -1.0])  # noqa: E731
    assert verdict_of_rung(network, [0.0, 0.0], [1.0, -1.0]) == "CLARKE"


def verdict_of_rung(f: Any, point: Any, slope: Any) -> str:
    report = an.verify(f, point, slope=np.asarray(slope))
    return report.verdict.name


def test_inputs_that_cross_an_earlier_kink_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def blind(problem, found, own, c, blocking, zero_rows):  # type: ignore[no-untyped-def]
        return True

    monkeypatch.setattr(module, "_fits", blind)
    assert wrong(private_directions, case(abs(x) + abs(x) + relu(x) - relu(-x), [0], -1))


# -- definite slopes --------------------------------------------------------------------------------------------------


@st.composite
def pooled(draw: st.DrawFn) -> Case:
    """Maxima over relus of one filter with one bias, read out with any weights: ties of dead and equal windows."""
    rows = draw(st.lists(st.lists(st.integers(-1, 2), min_size=2, max_size=2), min_size=2, max_size=4))
    weights = draw(st.lists(st.integers(-1, 1), min_size=2, max_size=2))
    bias, slope = draw(st.integers(-1, 1)), draw(st.sampled_from([-1, 1]))
    readout = draw(st.lists(st.integers(-2, 2), min_size=2, max_size=2))
    shared = draw(st.booleans())
    units = [relu(row[0] * x + row[1] * y + b) for row in rows]
    other = [relu(row[1] * x - row[0] * y + (b if shared else w)) for row in rows]
    f = readout[0] * pool(units) + readout[1] * pool(other)
    return case(f, [*weights, bias, bias], slope)


def pool(units: list[Any]) -> Any:
    best = units[0]
    for unit in units[1:]:
        best = maximum(best, unit)
    return best


@pytest.mark.slow
@fuzz(60)
@given(pooled())
def test_pools_of_equal_windows_are_never_wrong(a: Case) -> None:
    never_wrong(private_directions_for_definite_slopes, a)
    never_wrong(private_directions, a)


@pytest.mark.slow
@fuzz(20)
@given(cases(), st.sampled_from([-1.0, 1.0]))
def test_zero_rows_at_sight_are_zero(a: Case, slope: float) -> None:
    problem = a.problem()
    sweeps = problem.sweeps
    sigma = sweeps.signature(slope)
    found = EqualRows(sweeps, sigma).zero_rows()
    dz, _ = sweeps.push(sigma, np.eye(sweeps.program.n))
    assert not dz[:, sweeps.alpha[found]].any()


def test_zero_rows_of_a_pool_of_equal_windows() -> None:
    data = np.array([[1.0, 2.0], [1.0, 2.0], [3.0, 1.0], [1.0, 2.0]])
    f = lambda v: np.max(np.maximum(data @ v[:2] + v[2], 0.0).reshape(2, 2), axis=0).sum()  # noqa: E731
    program = an.trace(f, [1.0, 0.5, 0.0])
    sweeps = Sweeps(program, np.array([1.0, 0.5, 0.0]))
    assert EqualRows(sweeps, sweeps.signature(-1.0)).zero_rows().tolist() == [True]
    other = np.array([1.0, -0.5, 0.0])
    sweeps = Sweeps(program, other)
    assert EqualRows(sweeps, sweeps.signature(-1.0)).zero_rows().tolist() == [False, False, False, True]


def test_taking_every_tie_for_a_zero_row_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(EqualRows):
        def zero_rows(self, among: Any = None) -> Any:
            return np.ones(len(self.sweeps.alpha), bool)

    monkeypatch.setattr(problem_module, "EqualRows", Broken)
    assert wrong(private_directions_for_definite_slopes, case(abs(x) + minimum(-x, 0), [0], -1))
