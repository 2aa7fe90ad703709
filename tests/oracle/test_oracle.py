"""The oracle against hand-known facts and published numbers."""

from __future__ import annotations

import json
from fractions import Fraction
from math import comb
from pathlib import Path
from typing import Any

import pytest

from .expressions import (
    Expr,
    Number,
    Vector,
    clip,
    copy,
    leaky_relu,
    max_list,
    maximum,
    minimum,
    relu,
    variables,
)
from .forms import abs_form
from .oracle import Oracle

DATA = Path(__file__).parents[1] / "data"
CASES = json.loads((DATA / "abs_normal_cases.json").read_text())["cases"]
PL_CASES = [case for case in CASES if case["f_is_piecewise_linear"]]
WRONG = {row["name"]: row for row in json.loads((DATA / "wrong_gradients.json").read_text())}

x, y, w = variables(3)


def rationals(values: Any) -> Any:
    """Nested lists of numbers as nested tuples of fractions."""
    return tuple(map(rationals, values)) if isinstance(values, list | tuple) else Fraction(values)


def gradients(*rows: tuple[int, ...]) -> tuple[Vector, ...]:
    """A sorted tuple of distinct rational vectors."""
    return tuple(sorted({rationals(row) for row in rows}))


# Counterexamples and small facts, each by hand.


def test_cancelling_kinks_have_one_gradient_and_no_likq() -> None:
    oracle = Oracle.of(abs(x) - abs(x), [0])
    assert oracle.limiting_gradients == gradients((0,))
    assert not oracle.likq
    assert oracle.contains(oracle.gradient(1))
    assert not oracle.contains(oracle.gradient([1, -1]))


def test_first_moments_do_not_prove_membership() -> None:
    """2|x| - |2x + |x|| = -x, and slope 0 everywhere, the mean of the two open cells' signs, gives 0."""
    a = abs(x)
    oracle = Oracle.of(2 * a - abs(2 * x + a), [0])
    assert oracle.limiting_gradients == gradients((-1,))
    assert oracle.open_signatures == ((-1, -1), (1, 1))
    assert oracle.gradient(0) == (0,)
    assert not oracle.contains([0])


def test_nested_kink_has_cells_beyond_the_product() -> None:
    oracle = Oracle.of(abs(x) - abs(x + abs(y)), [0, 0])
    assert len(oracle.open_signatures) == 6
    assert oracle.limiting_gradients == gradients((-2, 1), (-2, -1), (0, 1), (0, -1))
    assert len(oracle.outer_gradients) == 6
    assert not oracle.contains([2, 1])


def test_regular_block_must_receive_no_coupling() -> None:
    a = abs(y)
    oracle = Oracle.of(-a + abs(x) + abs(x + a), [0, 0])
    c = [1, 1, -1]
    assert oracle.gradient(c) == (0, -2)
    assert not oracle.contains(oracle.gradient(c))


def test_identity_by_two_relus() -> None:
    oracle = Oracle.of(relu(x) - relu(-x), [0])
    assert oracle.limiting_gradients == gradients((1,))
    assert oracle.gradient(-1) == (0,)
    assert oracle.gradient(0) == (1,)
    assert not oracle.contains([0])


def test_a_direction_along_a_kink_proves_nothing() -> None:
    oracle = Oracle.of(relu(y) - relu(-y) + abs(x), [0, 0])
    assert oracle.limiting_gradients == gradients((1, 1), (-1, 1))
    assert oracle.gradient(-1) == (-1, 0)
    assert not oracle.contains([-1, 0])
    assert oracle.contains([0, 1])


def test_zero_row_fails_likq_and_changes_nothing() -> None:
    oracle = Oracle.of(abs(x - x) + y, [1, 2])
    assert oracle.active == (0,)
    assert not oracle.likq
    assert len(oracle.open_signatures) == 2
    assert oracle.limiting_gradients == gradients((0, 1))


def test_kink_that_vanishes_in_a_cell() -> None:
    """relu(|x| - x) = 2 relu(-x): for x > 0 the outer row is zero and its sign is immaterial."""
    oracle = Oracle.of(relu(abs(x) - x), [0])
    assert oracle.limiting_gradients == gradients((0,), (-2,))
    assert oracle.open_signatures == ((-1, 1), (1, -1), (1, 1))


def test_shared_kink_has_one_switch_and_a_copy_has_its_own() -> None:
    a = abs(x)
    assert abs_form(a + a, 1).s == 1
    assert abs_form(a + copy(a), 1).s == 2
    assert abs_form(copy(a + a), 1).s == 1


@pytest.mark.parametrize(
    ("expr", "c", "switches", "slope_of_plus_one"),
    [
        (maximum(x, y), [0], [(1, -1)], (1, 0)),
        (minimum(x, y), [0], [(1, -1)], (0, 1)),
        (relu(x), [0], [(1, 0)], (1, 0)),
        (maximum(0, x), [0], [(-1, 0)], (0, 0)),
        (leaky_relu(x, Fraction(1, 4)), [0], [(Fraction(3, 4), 0)], (1, 0)),
        (clip(x, 0, 6), [0, -6], [(1, 0), (Fraction(1, 2), 0)], (1, 0)),
        (max_list(x, y, 0), [0, 0], [(1, -1), (Fraction(1, 2), Fraction(1, 2))], (1, 0)),
    ],
)
def test_canonical_rewriting(
    expr: Expr, c: list[int], switches: list[tuple[Number, ...]], slope_of_plus_one: tuple[int, int]
) -> None:
    oracle = Oracle.of(expr, [0, 0])
    assert oracle.form.c == tuple(c)
    assert rationals(switches) == oracle.form.Z
    assert oracle.gradient(1) == slope_of_plus_one


def test_a_kink_of_constants_is_a_constant() -> None:
    form = abs_form(x + maximum(relu(-1 + 0 * maximum(2, 3)), 4), 1)
    assert (form.s, form.b, form.J) == (0, 4, (1,))


@pytest.mark.parametrize(("k", "r"), [(k, r) for r in (1, 2, 3) for k in range(1, 7)])
def test_generic_hyperplanes_have_the_known_number_of_cells(k: int, r: int) -> None:
    """k hyperplanes in general position in R^r: 2 sum_{i < r} C(k - 1, i) cells; rows on the moment curve."""
    inputs = variables(r)
    rows = [[t**i for i in range(r)] for t in range(1, k + 1)]
    f = sum((abs(sum((a * v for a, v in zip(row, inputs, strict=True)), 0 * x)) for row in rows), 0 * x)
    oracle = Oracle.of(f, [0] * r)
    assert len(oracle.open_signatures) == 2 * sum(comb(k - 1, i) for i in range(r))
    assert oracle.likq == (k <= r)


def test_max_of_four_corners_has_a_square_of_gradients() -> None:
    oracle = Oracle.of(max_list(x + y, x - y, y - x, -x - y, 0), [0, 0])
    assert oracle.vertices == gradients((1, 1), (1, -1), (-1, 1), (-1, -1))
    assert oracle.min_norm() == (0, 0)
    assert oracle.support([2, 1]) == 3
    assert Oracle.of(max_list(x + 1, y + 1), [0, 0]).min_norm() == (Fraction(1, 2), Fraction(1, 2))


def test_slopes_of_the_wrong_length_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 2 numbers, one per switch, got 1"):
        Oracle.of(abs(x) + abs(y), [0, 0]).gradient([1])


def test_constants_must_be_exact_in_float64() -> None:
    with pytest.raises(ValueError, match="1/3"):
        Fraction(1, 3) * x


# Published cases.


def as_written(values: Any) -> Any:
    """Decimal numbers of a case as the rationals that were written."""
    return tuple(map(as_written, values)) if isinstance(values, list) else Fraction(str(values))


def read_case(case: dict[str, Any]) -> tuple[list[Expr], Vector]:
    """The outputs of a case as expressions, built from its own text, and its point."""
    names = {
        "abs": abs,
        "relu": lambda v: (v + abs(v)) / 2,
        "max2": lambda a, b: (a + b + abs(b - a)) / 2,
        "Fr": Fraction,
        "sum": sum,
        "range": range,
    }
    outputs = eval(case["expr"], {"__builtins__": {}, **names})(variables(len(case["x"])))
    return (outputs if isinstance(outputs, list) else [outputs]), as_written(case["x"])


@pytest.mark.parametrize("case", PL_CASES, ids=lambda case: case["id"])
def test_published_case(case: dict[str, Any]) -> None:
    outputs, point = read_case(case)
    expected: dict[str, Any] = {
        name: value if isinstance(value, bool | dict) else as_written(value)
        for part in case["expected"].values()
        for name, value in part.items()
    }
    oracle = Oracle.of(outputs[0], point)
    assert oracle.z == expected["z"]
    assert oracle.y == expected["y"][0]
    assert expected.get("Z", oracle.form.Z) == oracle.form.Z
    assert expected.get("L", oracle.form.L) == oracle.form.L
    assert expected["J"][0] == oracle.form.J
    assert expected["Y"][0] == oracle.form.Y
    assert oracle.form.c == expected["c_abs"]
    assert oracle.form.b == expected["b_abs"][0]
    assert oracle.signature == expected["signature_at_x"]
    assert oracle.active == expected["active"]
    assert oracle.likq == expected["likq"]
    assert oracle.gradient(0) == expected["jacobian_with_sign0_eq_0"][0]
    assert set(oracle.limiting_gradients) == {
        jacobian[0] for jacobian in expected["limiting_jacobians_of_PL_model"]
    }


def test_a_maximum_over_a_list_has_the_set_of_the_published_rewriting() -> None:
    entries = (0, 2 * x - 5 * y, 3 * x + 2 * y, 2 * x + 5 * y, 3 * x - 2 * y, -100)
    case = next(case for case in CASES if case["id"] == "adolc-sparse-5")
    outputs, point = read_case(case)
    assert (
        Oracle.of(max_list(*entries), point).limiting_gradients
        == Oracle.of(outputs[0], point).limiting_gradients
    )


WRITTEN: dict[str, Expr] = {
    "identity_relu_minus_relu_neg": relu(x) - relu(-x),
    "identity_clamp_min": relu(x) - relu(-x),
    "identity_clamp_min_plus_clamp_max": relu(x) + minimum(x, 0),
    "identity_fmax_fmin": maximum(x, 0) + minimum(x, 0),
    "identity_maximum_minimum": maximum(x, 0) + minimum(x, 0),
    "abs_minus_two_relu": abs(x) - 2 * relu(x),
    "relu_vs_maximum": maximum(x, 0) - relu(x),
    "relu6_from_relus": clip(x, 0, 6) - relu(x) + relu(x - 6),
    "double_maximum": maximum(maximum(x, 0), 0) - maximum(x, 0),
    "clamp_degenerate_box": clip(x, 0, 0),
    "cdist_inf_tie": maximum(abs(x), abs(y)),
    "pdist_inf_tie": maximum(abs(x), abs(y)),
    "maxmin_groupsort_dim": maximum(x, y) + minimum(x, y),
    "maxpool_plus_minpool": max_list(x, y) - max_list(-x, -y),
    "sort_asc_vs_desc": minimum(minimum(x, y), w) - minimum(minimum(w, y), x),
    "residual_minus_parts": x - relu(x) + relu(-x),
    "residual_relu_block": x - relu(x) + relu(-x),
    "antipodal_batch_zero_weight": relu(x + 2 * y) - relu(-x - 2 * y),
    "nonzero_const_net_min_of_relu": minimum(relu(x), relu(-x)) + (relu(x) - relu(-x)),
    "intransitive_relu_cycle": relu(x - y) + relu(y - w) - 2 * relu(w - x) + (w - x),
    "jax_abs_minus_abs_neg": abs(x) - abs(-x),
    "jax_relu_identity": relu(x) - relu(-x),
    "jax_double_clip": clip(clip(x, -1, 1), -1, 1) - clip(x, -1, 1),
    "jax_abs_minus_two_relu": abs(x) - 2 * relu(x),
    "autograd_double_maximum": maximum(maximum(x, 0), 0) - maximum(x, 0),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_gradient_that_a_framework_returned(name: str) -> None:
    row = WRONG[name]
    oracle = Oracle.of(WRITTEN[name], row["x"])
    assert oracle.contains(row["returned_gradient"]) == (not row["wrong"])


def test_cyclic_differences_have_the_hull_of_six_orderings() -> None:
    oracle = Oracle.of(WRITTEN["intransitive_relu_cycle"], [0, 0, 0])
    assert len(oracle.open_signatures) == 6
