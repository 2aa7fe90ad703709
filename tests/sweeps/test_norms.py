"""The four verbs on programs with norms at 0, against the oracle for norms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import Writer
from absnormal.sweeps.bounds import curvatures, derivative_bounds
from absnormal.sweeps.table import Sweeps
from tests.oracle.expressions import Expr, numpy_callable
from tests.oracle.norms.claims_of_adjoints import adjoint_bounds
from tests.oracle.norms.drawn_forms import INNER, UNIT
from tests.oracle.norms.form import NormForm, norm_form
from tests.oracle.norms.hull import gradients, outer
from tests.oracle.norms.programs import program


def kept_whole(expr: Expr) -> Any:
    """The expression as f(x), each norm one node of its program."""

    def norm(rows: Any) -> Any:
        if not isinstance(rows, TracedArray):
            return np.sqrt((rows * rows).sum())
        if len(rows) == 1:
            return np.abs(rows[0])
        return Writer(rows.builder, "norm", None).op("norm", rows, tie="abs", entries=len(rows))

    return numpy_callable(expr, norm=norm)


def drawn(seed: int) -> tuple[Sweeps, NormForm, Any]:
    expr, point, dice = program(seed)
    x = [float(a) for a in point]
    traced = an.trace(kept_whole(expr), x)
    return Sweeps(traced, np.array(x)), norm_form(expr, point), dice


SEEDS = range(60)


def test_gradients_under_slopes_are_those_of_the_form() -> None:
    for seed in SEEDS:
        sweeps, form, dice = drawn(seed)
        c = tuple(dice.pick((*UNIT[k], *INNER[k])) for k in form.sizes)
        assert len(sweeps.alpha) == sum(form.sizes), seed
        sigma = sweeps.signature([float(a) for block in c for a in block])
        g = np.array(form.gradient(c), float)
        np.testing.assert_allclose(sweeps.gradient(sigma), g, rtol=1e-9, atol=1e-9)
        d = np.random.default_rng(seed).standard_normal((2, form.n))
        np.testing.assert_allclose(sweeps.push(sigma, d)[1][:, 0], d @ g, rtol=1e-9, atol=1e-9)
        rows = np.concatenate([np.array(r, float) for r in form.rows(c)] or [np.zeros((0, form.n))])
        np.testing.assert_allclose(sweeps.push(sigma, d)[0][:, sweeps.alpha], d @ rows.T, rtol=1e-9, atol=1e-9)


def test_directions_choose_unit_vectors() -> None:
    for seed in SEEDS:
        sweeps, form, _ = drawn(seed)
        d = np.random.default_rng(seed).standard_normal(form.n)
        found = sweeps.directional(d)
        expected = gradients(form, d[None])[0]
        np.testing.assert_allclose(sweeps.gradient(found.sigma), expected, rtol=1e-8, atol=1e-8)
        assert found.dy[0] == pytest.approx(expected @ d)


def test_bounds_hold_for_all_slopes_in_the_balls() -> None:
    for seed in SEEDS:
        sweeps, form, _ = drawn(seed)
        v = np.random.default_rng(seed).standard_normal(form.n)
        low, high = derivative_bounds(sweeps, v)
        least, most = -outer(form, -v, above=True)[0], outer(form, v, above=True)[0]
        assert low[0] <= least + 1e-12 and most <= high[0] + 1e-12, seed
        found, start = curvatures(sweeps), 0
        for j, k in enumerate(form.sizes):
            least, most = adjoint_bounds(form, j)
            if k > 1 and not sweeps.upward:
                assert (found.lower[start : start + k] <= least + 1e-9).all(), seed
                assert (found.upper[start : start + k] >= most - 1e-9).all(), seed
            start += k
