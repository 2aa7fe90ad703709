"""Is a standardization one node for all that asks about it: its rounding, its rows, its forms, many points at once?"""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.active.forms import forms
from absnormal.ops import TABLE, maps_of, standardized
from absnormal.program.builder import Builder, Finished
from absnormal.program.tree import Tree
from absnormal.sweeps.equal_rows import EqualRows
from absnormal.sweeps.many import looked_at
from absnormal.sweeps.rounding import value_errors
from absnormal.sweeps.table import Sweeps

F = torch.nn.functional
EPS = 1e-5


def program(x: np.ndarray, axes: tuple[int, ...], gather: Any = None) -> tuple[Finished, int]:
    """|y| of what is standardized, of x or of entries of it; and the node of y."""
    builder = Builder(*Tree.of(x))
    u = 0 if gather is None else builder.add("gather", (0,), {"index": np.asarray(gather)}, "", None)
    y = builder.add("standardized", (u,), {"axes": axes, "eps": EPS}, "", None)
    return builder.finished(builder.add("kink", (y,), {"a": 0.0, "b": 1.0}, "abs", None)), y


def precise(u: np.ndarray) -> list[Any]:
    """One group in 60 digits."""
    with mpmath.workdps(60):
        entries = [mpmath.mpf(float(entry)) for entry in u]
        mean = mpmath.fsum(entries) / len(entries)
        root = mpmath.sqrt(mpmath.fsum((e - mean) ** 2 for e in entries) / len(entries) + mpmath.mpf(EPS))
        return [(entry - mean) / root for entry in entries]


@pytest.mark.parametrize("offset", [0.0, 0.1, 1e3, -1e8])
@pytest.mark.parametrize("spread", [0.0, 1e-6, 1.0])
def test_errors_of_values_bound_what_the_mean_and_the_root_round(offset: float, spread: float) -> None:
    x = offset + spread * np.random.default_rng(0).standard_normal(37)
    sweeps = Sweeps(program(x, (0,))[0].program, x)
    errors = value_errors(sweeps)
    for value, exact, error in zip(sweeps.z, precise(x), errors, strict=True):
        assert abs(mpmath.mpf(float(value)) - exact) <= float(error)
    # A bound that says something: no more than the cancellation in u - mean(u) makes of it.
    assert (errors <= 1e-11 * (1 + abs(x).max() / np.sqrt(np.var(x) + EPS))).all()


def test_equal_entries_of_two_groups_have_other_rows() -> None:
    """In (x0, x1), (x0, x2) the first entries are equal where x1 = x2, and are compared with different means."""
    x = np.array([1.0, 2.0, 2.0])
    found, y = program(x, (1,), [[0, 1, 1], [0, 2, 1]])
    sweeps = Sweeps(found.program, x)
    rows = EqualRows(sweeps, sweeps.signature(1.0))
    assert not rows.zero_rows().any()
    assert rows.equal(y, np.array([0]), np.array([3])).tolist() == [False]
    assert rows.equal(y, np.array([1, 0]), np.array([2, 1])).tolist() == [True, False]
    pushed = sweeps.push(sweeps.signs, np.eye(3))[0]
    np.testing.assert_array_equal(pushed[:, 1], pushed[:, 2])
    assert abs(pushed[:, 0] - pushed[:, 3]).max() > 1e-6


def test_groups_are_divided_by_roots_of_their_own() -> None:
    """(-1, 0, 1) and (-2, 0, 2): the entries in the middle are 0, and their difference is no multiple of x1 - x4."""
    x = np.array([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0]])
    builder = Builder(*Tree.of(x))
    y = builder.add("standardized", (0,), {"axes": (1,), "eps": EPS}, "", None)
    first, second = (builder.add("index", (y,), {"key": (row, 1)}, "", None) for row in (0, 1))
    apart = builder.add("sub", (first, second), {}, "", None)
    middle = builder.add("kink", (first,), {"a": 0.0, "b": 1.0}, "abs", None)
    both = builder.add("kink", (apart,), {"a": 0.0, "b": 1.0}, "abs", None)
    sweeps = Sweeps(builder.program(builder.add("add", (middle, both), {}, "", None)), x.reshape(-1))
    one, other = (forms(sweeps).z[switch] for switch in (0, 1))
    assert {key: float(value) for key, value in one.terms.items()} == {
        ("input", 0, 0): pytest.approx(-1 / 3), ("input", 1, 0): pytest.approx(2 / 3),
        ("input", 2, 0): pytest.approx(-1 / 3)}
    assert float(one.q) == pytest.approx(1 / np.sqrt(2 / 3 + EPS))
    assert [key[0] for key in other.terms] == ["node"]


LAYERS = {
    "layer norm": lambda u: F.layer_norm(u, (3,), None, torch.zeros(3, dtype=u.dtype), EPS),
    "batch norm": lambda u: F.batch_norm(u, None, None, training=True, eps=EPS),
    "group norm": lambda u: F.group_norm(u[..., None], 1, eps=EPS)[..., 0],
    "instance norm": lambda u: F.instance_norm(u[None], eps=EPS)[0],
}  # fmt: skip


def by_hand(u: Any, axis: int) -> Any:
    apart = u - u.mean(axis, keepdim=True)
    return apart / torch.sqrt(apart.square().mean(axis, keepdim=True) + EPS)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("x", [[[0.0, 0, 0], [1, 1, 2]], [[1.0, 2, 1], [-1, 2, 0]], [[0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]])
@pytest.mark.parametrize("slope", [0.0, 1.0, 0.3])
def test_a_layer_has_the_verdict_of_its_formula(name: str, x: Any, slope: float) -> None:
    point = torch.tensor(x, dtype=torch.float64)
    weights = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)

    def of(layer: Any) -> Any:
        return an.verify(lambda u: (torch.relu(layer(u)) * weights).sum(), point, slope=slope)

    found, expected = of(LAYERS[name]), of(lambda u: by_hand(u, 0 if name == "batch norm" else 1))
    assert [node.op for node in found.program.nodes].count("standardized") == 1
    assert "standardized" not in [node.op for node in expected.program.nodes]
    assert found.verdict is expected.verdict and found.active == expected.active
    np.testing.assert_allclose(found.gradient, expected.gradient, atol=1e-9)


def test_many_points_are_looked_at_together() -> None:
    points = 1e3 + np.random.default_rng(3).standard_normal((40, 2, 5))
    points[::5] = 1e3
    builder = Builder(*Tree.of(points[0]))
    y = builder.add("standardized", (0,), {"axes": (1,), "eps": EPS}, "", None)
    bent = builder.add("kink", (y,), {"a": 0.5, "b": 0.5}, "relu", None)
    found = builder.program(builder.add("sum", (bent,), {"axes": (0, 1), "shape": ()}, "", None))
    looked = looked_at(found, [points])
    assert not looked.clear[::5].any() and looked.clear.sum() == 32
    for x, value, error in zip(points[looked.clear], looked.values[looked.clear], looked.errors[looked.clear],
                               strict=True):
        exact = sum(max(entry, 0) for row in x for entry in precise(row))
        assert abs(mpmath.mpf(float(value)) - exact) <= float(error) < 1e-6


@pytest.mark.parametrize("name", ["batch norm", "instance norm"])
def test_what_the_entries_of_a_pair_cancel_is_rounding_of_their_result(name: str) -> None:
    """Of two entries y is -1 and 1 but for eps, and the gradient is rounding of y alone: many rows show some."""
    pair: dict[str, Any] = {
        "batch norm": lambda u: F.batch_norm(u.T, None, None, training=True, eps=1e-12).T,
        "instance norm": lambda u: F.instance_norm(u[None], eps=1e-12)[0],
    }
    for x in np.random.default_rng(5).standard_normal((6, 16, 2)) * 3:
        point = torch.tensor(x, dtype=torch.float32)
        found = an.verify(lambda u: pair[name](2 * u).amax(1).sum() / 3, point)
        assert found.verdict is an.Verdict.CLARKE, str(found)


def test_the_derivative_is_one_of_the_argument_not_of_a_rounded_result() -> None:
    u = np.random.default_rng(1).standard_normal((3, 5))
    row, params = TABLE["standardized"], {"axes": (1,), "eps": EPS}
    value = row.value(params, u)
    assert row.maps is not None
    given = torch.tensor(value).to(torch.bfloat16).double().numpy()
    t = np.random.default_rng(2).standard_normal((1, 3, 5))
    for out in (value, given):
        np.testing.assert_allclose(
            row.maps(params, [u], out, u.shape)[0].push(t)[0],
            (row.value(params, u + 1e-6 * t[0]) - row.value(params, u - 1e-6 * t[0])) / 2e-6, atol=1e-8)


ALONE = {
    "layer norm": lambda u: F.layer_norm(u[:, None], (1,))[:, 0],
    "layer norm along two axes": lambda u: F.layer_norm(u.reshape(4, 1, 1), (1, 1)).reshape(-1),
    "group norm": lambda u: F.group_norm(u.reshape(2, 2, 1), 2).reshape(-1),
}  # fmt: skip


@pytest.mark.parametrize("name", ALONE)
@pytest.mark.parametrize("slope", [None, 0.0, 1.0])
@pytest.mark.parametrize("x", [[0.0, 0, 0, 0], [1.0, 2, 3, 3]])
def test_an_entry_that_is_standardized_alone_is_0_and_moves_no_kink(name: str, slope: Any, x: list[float]) -> None:
    weights = torch.tensor([1.0, -2.0, 3.0, 0.5], dtype=torch.float64)

    def bent(u: Any) -> Any:
        y = ALONE[name](u)
        return ((torch.relu(y) - torch.relu(-y)) * weights).sum()

    found = an.verify(bent, torch.tensor(x, dtype=torch.float64), slope=slope)
    assert (found.verdict, found.method) == (an.Verdict.CLARKE, "smooth")
    assert found.certificate is not None and found.certificate.check()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(5, 3), (4, 2, 3, 3)])
def test_what_was_computed_for_the_value_is_the_derivatives(shape: tuple[int, ...], dtype: type) -> None:
    row, u = TABLE["standardized"], np.random.default_rng(0).normal(size=shape).astype(dtype)
    params = {"axes": tuple(axis for axis in range(len(shape)) if axis != 1), "eps": 1e-5}
    value, t = row.value(params, u), np.ones((1, *shape), dtype)
    t[0, 0] = 2
    known = maps_of("standardized")(params, [u], value, shape)[0]
    # A copy may be what a kernel rounded: y is computed again, as it is in another precision.
    again = maps_of("standardized")(params, [u], value.copy(), shape)[0]
    assert known is not None and again is not None
    assert known.pull(t) == pytest.approx(again.pull(t), rel=1e-5, abs=1e-5)
    other = maps_of("standardized")(params, [u.astype(float)], value, shape)[0]
    assert other is not None and other.rate.dtype == float


def test_nothing_is_kept_of_values_that_are_gone() -> None:
    value = TABLE["standardized"].value({"axes": (0,), "eps": 1e-5}, np.arange(4.0))
    key = id(value)
    assert key in standardized._RATES
    del value
    assert key not in standardized._RATES
