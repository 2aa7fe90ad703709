"""Rows that are computed from rounded values are independent, and a direction opens them, beyond that rounding only.

The two kinks of each function lie on one set; their rows are computed in two ways, which rounding alone tells apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.active.rows import errors_of_base_rows
from absnormal.active.system import from_rows
from absnormal.certificates import next_to_program
from absnormal.certificates.witness import Witness
from absnormal.sweeps.conditioning import beyond_values
from absnormal.sweeps.realized import realizes
from absnormal.sweeps.table import Sweeps

Function = Callable[[Any], Any]


def at(f: Function, x: list[float]) -> Sweeps:
    return Sweeps(an.trace(f, x), np.array(x))


def variances(x: Any) -> Any:
    """max(v x0 + x1, 0) - max(-v x0 - x1, 0) = v x0 + x1, with the variance v computed in two ways."""
    d = x[2:]
    first, second = (d**2).mean() - d.mean() ** 2, ((d - d.mean()) ** 2).mean()
    up, down = x[0] * first + x[1], -x[0] * second - x[1]
    return (up + abs(up)) / 2 - (down + abs(down)) / 2


def products(x: Any) -> Any:
    """The same of a b x0 + a b^2 x1, associated in two ways."""
    a, b = x[2], x[3]
    up, down = (x[0] + x[1] * b) * a * b, -(x[0] * (a * b) + x[1] * (a * b * b))
    return (up + abs(up)) / 2 - (down + abs(down)) / 2


def apart(x: Any) -> Any:
    """Rows that differ by more than rounding: every signature is open."""
    a, b = x[2], x[3]
    up, down = x[0] * a * b + x[1], -x[0] * (a * b + 0.01 * b) - x[1]
    return (up + abs(up)) / 2 - (down + abs(down)) / 2


SAME = {"variances": (variances, [0.0, 0.0, 101.0, 102.0, 104.0]), "products": (products, [0.0, 0.0, 1.1, 1.3])}
TOOLS: dict[str, Callable[[Function, list[float]], an.Report]] = {
    "numpy": lambda f, x: an.verify(f, x, slope=-1.0),
    "torch double": lambda f, x: an.verify(f, torch.tensor(x, dtype=torch.float64), slope=-1.0),
    "torch single": lambda f, x: an.verify(f, torch.tensor(x), slope=-1.0),
    "torch half": lambda f, x: an.verify(f, torch.tensor(x, dtype=torch.bfloat16), slope=-1.0),
    "jax single": lambda f, x: an.verify(f, jnp.array(x, jnp.float32), slope=-1.0),
}  # fmt: skip


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("name", SAME)
def test_one_row_computed_in_two_ways_is_not_two(name: str, tool: str) -> None:
    with jax.enable_x64(False):
        report = TOOLS[tool](*SAME[name])
    assert report.verdict is not an.Verdict.CLARKE
    if tool != "torch half":  # which computes no variance of these numbers
        assert np.abs(np.asarray(report.clarke_gradient[:2])).min() > 0.5


@pytest.mark.parametrize("tool", ["numpy", "torch double", "torch single", "jax single"])
def test_rows_that_differ_by_more_are_independent(tool: str) -> None:
    with jax.enable_x64(False):
        report = TOOLS[tool](apart, [0.0, 0.0, 1.1, 1.3])
    assert report and report.certificate is not None and report.certificate.check()


def test_the_whole_set_is_not_called_exact() -> None:
    G = an.generalized_gradient(*SAME["variances"])
    assert not G.exact and not G.contains(np.zeros(5))


@pytest.mark.parametrize(("gap", "opens"), [(1e-4, True), (1e-7, False)])
def test_a_direction_opens_beyond_the_rounding_of_values(gap: float, opens: bool) -> None:
    """(1, gap - 1) moves a b (x0 + x1) up by a b gap, and a b is rounded in single precision."""
    sweeps = at(lambda x: abs(x[0] * (x[2] * x[3]) + x[1] * x[2] * x[3]), [0.0, 0.0, 1.1, 1.3])
    assert realizes(sweeps, sweeps.signature(1.0), np.array([1.0, gap - 1.0, 0.0, 0.0])).all()
    single = Sweeps(sweeps.program, None, values=sweeps.values, units=2.0**-23)
    for rng in (None, np.random.default_rng()):
        assert realizes(single, single.signature(1.0), np.array([1.0, gap - 1.0, 0.0, 0.0]), rng).all() == opens


def test_a_certificate_of_independence_asks_for_more_than_rounding() -> None:
    f, x = SAME["products"]
    sweeps = at(f, x)
    single = Sweeps(sweeps.program, None, values=sweeps.values, units=2.0**-23)
    rows = next_to_program.independent_rows
    rng = np.random.default_rng()
    assert not rows(Witness(single, np.zeros(2)), rng) and not rows(Witness(sweeps, np.zeros(2)), rng)
    away = at(apart, x)
    assert rows(Witness(away, np.zeros(2)), rng)
    coarse = Sweeps(away.program, None, values=away.values, units=2.0**-7)
    assert not rows(Witness(coarse, np.zeros(2)), rng)


def test_piecewise_linear_rows_depend_on_no_value() -> None:
    sweeps = at(lambda x: abs(2 * x[0] + x[1]), [0.0, 0.0])
    sigma = sweeps.signature(1.0)
    push = lambda near: near.push(sigma, np.eye(2))[0]  # noqa: E731
    assert not beyond_values(sweeps, sigma, push(sweeps), push).any()
    assert errors_of_base_rows(sweeps, np.array([[2.0, 1.0]])).max() < 1e-12


def test_a_sum_that_cancels_has_the_rounding_of_its_terms() -> None:
    """10^8 (u - v) is about 0.3, and off by about 10^-8."""
    sweeps = at(lambda x: abs(x[0] * (np.array([1e8, -1e8]) @ x[1:])), [0.0, 1.1, 1.1 - 3e-9])
    sigma = sweeps.signature(1.0)
    push = lambda near: near.push(sigma, np.eye(3)[:1])[0]  # noqa: E731
    slack = beyond_values(sweeps, sigma, push(sweeps), push)
    assert 1e-8 < slack.max() < 1e-5


def test_rows_without_numbers_are_no_rows() -> None:
    """x0 / x1^4 has the derivative 0 / 0 with respect to x1 in float64."""

    def f(x: Any) -> Any:
        return abs(x[0] / (x[1] * x[1]) ** 2) - abs(2 * x[0] / (x[1] * x[1]) ** 2)

    assert from_rows(at(f, [0.0, 1e-80])) is None and from_rows(at(f, [0.0, 1.0])) is not None
    with pytest.raises(an.AbsNormalError):
        _ = an.verify(f, [0.0, 1e-80], slope=-1.0).clarke_gradient
