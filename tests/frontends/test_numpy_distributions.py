"""Are densities, masses and distribution functions of SciPy's distributions followed inside of their supports?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

import absnormal as an
from absnormal.frontends.numpy.distributions import CUMULATIVE, DISTRIBUTIONS, LOG_DENSITIES, LOG_MASSES

#: Shapes, and a positive place inside of the support.
SHAPES: dict[str, list[float]] = {
    "gamma": [2.3], "beta": [2.0, 3.0], "t": [4.0], "lognorm": [0.5], "weibull_min": [1.5], "pareto": [1.3],
    "invgamma": [2.0], "chi2": [3.0],
}  # fmt: skip
COUNTS: dict[str, tuple[list[int], list[float]]] = {
    "poisson": ([0, 1, 4], [0.7]), "bernoulli": ([0, 1, 1], [0.3]), "binom": ([0, 2, 5], [5, 0.3]),
    "geom": ([1, 2, 3], [0.4]), "nbinom": ([0, 2, 5], [3.0, 0.3]),
}  # fmt: skip
WEIGHTS = np.array([1.0, -2.0, 3.0])


def _holds(f: Callable[[Any], Any], x: list[float]) -> None:
    """The value and the gradient, against f's own and differences of it."""
    step = 1e-6
    slopes = [(f(x + step * unit) - f(x - step * unit)) / (2 * step) for unit in np.eye(len(x))]
    assert an.trace(f, x)(x) == pytest.approx(f(np.array(x)), rel=1e-11)
    assert an.clarke_gradient(f, x) == pytest.approx(slopes, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("name", LOG_DENSITIES)
def test_densities(name: str) -> None:
    distribution, shapes = getattr(stats, name), SHAPES.get(name, [])
    x = [4.3, 4.7, 4.55] if name == "pareto" else [0.3, 0.7, 0.55]
    _holds(lambda u: (distribution.logpdf(u, *shapes) * WEIGHTS).sum(), x)
    _holds(lambda u: (distribution.pdf(u, *shapes, loc=-0.01, scale=1.2) * WEIGHTS).sum(), x)
    if name in DISTRIBUTIONS:
        _holds(lambda u: (distribution.cdf(u, *shapes, -0.01) * WEIGHTS).sum(), x)
        _holds(lambda u: (distribution.logcdf(u, *shapes) * WEIGHTS).sum(), x)
    # A fit: the shapes and the width are variables.
    _holds(lambda p: distribution.logpdf(np.array(x), *p[1:], scale=p[0]).sum(), [0.9, *shapes])


@pytest.mark.parametrize("name", LOG_MASSES)
def test_masses(name: str) -> None:
    distribution, (counts, shapes) = getattr(stats, name), COUNTS[name]
    for method in ("logpmf", "pmf", *(("cdf", "logcdf") if name in CUMULATIVE else ())):
        _holds(lambda p, m=method: (getattr(distribution, m)(np.array(counts), *shapes[:-1], p[0]) * WEIGHTS).sum(),
               shapes[-1:])


@pytest.mark.parametrize("t", [-30.0, -1.0, 0.0, 2.0, 30.0])
def test_the_distribution_of_student_is_smooth_everywhere_and_exact_in_its_tails(t: float) -> None:
    assert an.clarke_gradient(lambda x: special.stdtr(3.0, x[0]), [t]) == pytest.approx(stats.t.pdf(t, 3), rel=1e-8)


@pytest.mark.parametrize(("f", "x"), [
    (lambda x: stats.expon.logpdf(x[0]), 0.0), (lambda x: stats.gamma.logpdf(x[0], 2.0), -1.0),
    (lambda x: stats.beta.pdf(x[0], 2.0, 2.0), 1.0),
])  # fmt: skip
def test_at_the_end_of_the_support_and_outside_of_it_nothing_is_followed(f: Any, x: float) -> None:
    with pytest.raises(an.TraceError, match="inside of the support"):
        an.verify(f, [x])


def test_counts_and_unknown_distributions_are_refused_by_name() -> None:
    with pytest.raises(an.TraceError, match="in its parameters only"):
        an.verify(lambda x: stats.poisson.pmf(x[0], 2.0), [1.0])
    with pytest.raises(an.TraceError, match="inside of a constant support"):
        an.verify(lambda p: stats.binom.pmf(6, 5, p[0]), [0.3])
    with pytest.raises(an.TraceError, match="between whole numbers"):
        an.verify(lambda p: stats.poisson.pmf(1.5, p[0]), [0.3])
    with pytest.raises(an.TraceError, match="uniform is not supported"):
        an.verify(lambda x: stats.uniform.pdf(x[0]), [0.3])


def test_a_program_says_that_it_holds_inside_of_the_support() -> None:
    program = an.trace(lambda x: stats.expon.logpdf(x[0]), [1.0])
    with pytest.raises(an.TraceError):
        program([-1.0])
