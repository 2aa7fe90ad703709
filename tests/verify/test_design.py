"""Do the examples of the public face give what is promised?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse

import absnormal as an


def f(x: Any) -> Any:
    return np.maximum(x[0], 0) - np.maximum(-x[0], 0)


def test_the_identity_from_two_relus() -> None:
    report = an.verify(f, [0.0], slope=-1)
    assert report.verdict is an.Verdict.NOT_CLARKE
    assert report.method == "separation"
    np.testing.assert_array_equal(report.gradient, [0.0])
    np.testing.assert_array_equal(report.clarke_gradient, [1.0])
    assert report.likq is False
    assert not report
    assert report.certificate.check()
    assert "z1 = -z0" in report.explanation
    assert "test_design.py:15" in str(report)


@pytest.mark.parametrize(("slope", "clarke"), [(-1, False), (0, True), (1, False), ([-1, 1], True), ("torch", True)])
def test_the_identity_under_other_slopes(slope: Any, clarke: bool) -> None:
    assert bool(an.verify(f, [0.0], slope=slope)) is clarke


def test_a_program_takes_the_place_of_f() -> None:
    program = an.trace(f, [0.0])
    assert program([3.0]) == 3.0
    assert not an.verify(program, [0.0], slope=-1)
    assert an.verify(program, [2.0], slope=-1).method == "smooth"
    np.testing.assert_array_equal(an.gradient(program, [0.0], slope=1), [2.0])
    np.testing.assert_array_equal(an.clarke_gradient(program, [0.0]), [1.0])


def test_the_form() -> None:
    form = an.trace(f, [0.0]).abs_normal_form([0.0])
    for matrix, shape in ((form.Z, (2, 1)), (form.L, (2, 2)), (form.J, (1, 1)), (form.Y, (1, 2))):
        assert scipy.sparse.issparse(matrix) and matrix.format == "csr" and matrix.shape == shape
    assert form([-2.5]) == -2.5
    assert an.abs_normal_form(f, [0.0]).signature.tolist() == [0, 0]
    assert form.to_sympy() is not None


def test_order_matters_at_a_tied_maximum() -> None:
    assert an.gradient(lambda x: np.maximum(x[0], 0), [0.0], slope=-1) == [0.0]
    assert an.gradient(lambda x: np.maximum(0, x[0]), [0.0], slope=-1) == [1.0]


def test_gradients_come_back_in_the_structure_of_x() -> None:
    x = {"w": np.ones((2, 2)), "b": [np.zeros(2), np.zeros(())]}
    report = an.verify(lambda p: np.sum(np.abs(p["w"] @ p["b"][0])) + np.abs(p["b"][1]), x)
    assert report.gradient["w"].shape == (2, 2) and report.gradient["b"][1].shape == ()
    assert an.verify(lambda p: np.sum(p["w"]), x, gradient={"w": np.ones((2, 2)), "b": [np.zeros(2), 0.0]})


def test_gradients_are_arrays_of_their_own() -> None:
    x = np.ones(3)
    for gradient in (an.gradient(np.sum, x), an.clarke_gradient(np.sum, x), an.verify(np.sum, x).gradient):
        gradient += 1.0
        np.testing.assert_array_equal(gradient, 2.0)
        np.testing.assert_array_equal(x, 1.0)
    report = an.verify(lambda v: np.sum(v * np.abs(v)), x)
    x += 1.0
    assert report.program(np.ones(3)) == 3.0
    assert report.likq is True


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_vector_that_is_not_finite(bad: float) -> None:
    report = an.verify(f, [0.0], gradient=[bad])
    assert report.verdict is an.Verdict.NOT_CLARKE and report.method == "nonfinite"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"slope": 2}, "slope must lie in"),
        ({"slope": "tf"}, "slope must be a number, an array or one of"),
        ({"slope": [0.0]}, "one entry per switch"),
        ({"gradient": [1.0, 2.0]}, "gradient must have leaves of shapes"),
        ({"atol": -1.0}, "atol must be"),
        ({"budget": 5}, "budget must be"),
        ({"slope": 1j}, "slope must be an array of real numbers"),
        ({"slope": {}}, "slope must hold real numbers"),
        ({"gradient": [1j]}, "gradient must be an array of real numbers"),
        ({"gradient": [None]}, "gradient must hold real numbers"),
        ({"gradient": {"a": 1.0}}, "gradient must have"),
        ({"seed": -1}, "seed must be an integer"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        an.verify(f, [0.0], **arguments)


def test_points_that_are_no_real_arrays_are_refused() -> None:
    for bad in (np.ma.array([0.0], mask=[True]), [1j], ["a"]):
        with pytest.raises(ValueError, match="x must"):
            an.verify(f, bad)
    with pytest.raises(an.DomainError, match="float64 cannot"):
        an.verify(f, [10**400])
    with pytest.raises(ValueError, match="cells must be a number"):
        an.Budget(cells="many")  # type: ignore[arg-type]


def test_a_tie_split_in_three_means_one_third() -> None:
    def g(x: Any) -> Any:
        middle = np.median(np.stack([-x[1], 3 * x[0] + 2 * x[1], -x[0], -x[0] - x[1]]))
        return x[1] - middle + 3 * np.max(np.stack([x[0], 0.5 * middle, 4 * x[0]]))

    report = an.verify(g, [0.0, 0.0], slope="jax")
    assert report.verdict is an.Verdict.CLARKE
    assert an.verify(g, [0.0, 0.0], gradient=report.gradient).verdict is an.Verdict.CLARKE


def test_a_vector_valued_function_is_judged_row_by_row() -> None:
    report = an.verify(lambda x: 2 * x, [1.0, 2.0])
    assert isinstance(report, an.JacobianReport) and report
    np.testing.assert_array_equal(report.gradient, 2 * np.eye(2))


def test_a_slope_for_every_switch_overrides_where() -> None:
    def relu(x: Any) -> Any:
        return np.where(x[0] > 0, x[0], 0.0)

    assert an.gradient(relu, [0.0], slope=1.0) == [0.0]
    assert an.gradient(relu, [0.0], slope=[1.0]) == [1.0]


def test_shifted_switches_count_as_active_within_atol() -> None:
    def near(x: Any) -> Any:
        return np.maximum(x[0], 0) - np.maximum(1e-12 - x[0], 0)

    assert an.verify(near, [0.0], slope=-1).verdict is an.Verdict.CLARKE
    assert an.verify(near, [0.0], slope=-1, atol=1e-9).verdict is an.Verdict.NOT_CLARKE


def test_exact_arithmetic_finds_a_kink_that_rounding_made_up() -> None:
    def rounded(x: Any) -> Any:
        return np.abs((x[0] + 1e16) - 1e16)

    assert an.verify(rounded, [0.5]).verdict is an.Verdict.CLARKE
    report = an.verify(rounded, [0.5], exact=True)
    assert report.verdict is an.Verdict.NOT_CLARKE
    np.testing.assert_array_equal(report.clarke_gradient, [1.0])


def test_many_independent_pairs_are_decided_one_by_one() -> None:
    report = an.verify(lambda x: np.sum(np.maximum(x, 0) - np.maximum(-x, 0)), np.zeros(20), slope=-1)
    assert report.verdict is an.Verdict.NOT_CLARKE


def test_what_is_open_says_why() -> None:
    # The linearization misses the cell |y| < x ** 2, so the gradient (0, 2) can be neither proved nor refuted.
    report = an.verify(lambda x: np.abs(np.abs(x[1]) - x[0] ** 2) - np.abs(x[1]), [0.0, 0.0], slope=-1)
    assert report.verdict is an.Verdict.UNDECIDED
    assert "hypothesis E" in report.proof.reason
