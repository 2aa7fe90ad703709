"""Is the gradient that is judged of a function of NumPy's the one that a tool returns, NaN and jumps included?"""

from __future__ import annotations

from typing import Any

import autograd
import autograd.numpy
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import absnormal as an

from .frameworks import FRAMEWORKS, Jax, Numpy, Torch
from .programs import drawn
from .test_conformance import DEAD, JUMPING

NUMPY = Numpy()
ZEROS = [0.0, 0.0]
#: Nothing at all of a side is taken.
UNUSED = {
    "a logarithm": lambda ns, x: ns.where(x > 0.5, ns.log(x), x).sum(),
    "a norm": lambda ns, x: ns.where(x.sum() > 10.0, ns.sqrt((x * x).sum()), x.sum()),
    "a root of what is masked": lambda ns, x: ns.where(x > 0.5, ns.sqrt(ns.where(x > 0.5, x, 1.0)), x).sum(),
    "the root of what is masked by 0": lambda ns, x: ns.sqrt(ns.where(x > 0.5, x, 0.0)).sum() + x.sum(),
    "a logarithm of a choice": lambda ns, x: (
        ns.where(x > 0.5, ns.log(ns.where(ns.array([1.0, 0.0]) > 0.5, x, 1.0)), x).sum()),
    "a logarithm behind a maximum": lambda ns, x: ns.where(x > 0.5, ns.log(ns.relu(x - 1.0)), x).sum(),
}


class Autograd(Numpy):
    """The names of HIPS autograd, whose comparisons give plain numbers."""

    real = staticmethod(lambda mask: mask * 1.0)
    relu = staticmethod(lambda u: autograd.numpy.maximum(u, 0.0))
    any = staticmethod(autograd.numpy.any)

    def __getattr__(self, name: str) -> Any:
        return getattr(autograd.numpy, name)


def in_autograd(f: Any, x: Any) -> Any:
    return autograd.grad(lambda u: f(Autograd(), u))(np.array(x))


def in_torch(f: Any, x: Any) -> Any:
    ns = Torch()
    ns.relu = lambda u: ns.maximum(u, 0.0)  # type: ignore[method-assign]
    leaf = torch.tensor(np.array(x), requires_grad=True)
    return torch.autograd.grad(f(ns, leaf), leaf)[0].numpy()


def in_jax(f: Any, x: Any) -> Any:
    ns = Jax()
    ns.relu = lambda u: jnp.maximum(u, 0.0)  # type: ignore[method-assign]
    with jax.enable_x64(True):
        return np.asarray(jax.grad(lambda u: f(ns, u))(jnp.array(x)))


TOOLS = {"autograd": in_autograd, "torch": in_torch, "jax": in_jax}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("name", [*DEAD, *UNUSED])
def test_what_is_not_taken_makes_nan_where_it_does_in_the_tool(name: str, tool: str) -> None:
    f, x = (DEAD[name].f, DEAD[name].x) if name in DEAD else (UNUSED[name], ZEROS)
    report, expected = NUMPY.report(f, x, slope=tool), TOOLS[tool](f, x)
    np.testing.assert_allclose(report.gradient, expected, rtol=1e-12)
    assert report.verdict is (an.Verdict.CLARKE if np.isfinite(expected).all() else an.Verdict.NOT_CLARKE)
    assert np.isfinite(report.clarke_gradient).all() and report.certificate is not None and report.certificate.check()
    np.testing.assert_array_equal(an.gradient(lambda u: f(NUMPY, u), x, slope=tool), report.gradient)


@pytest.mark.parametrize("slope", ["autograd", "jax", 0.0, 1.0])
@pytest.mark.parametrize("name", ["a value at one point", "a value at one point by !="])
def test_a_jump_is_a_constant_whatever_the_slope(name: str, slope: Any) -> None:
    case = JUMPING[name]
    report = NUMPY.report(case.f, case.x, slope=slope)
    assert report.verdict is an.Verdict.NOT_CLARKE is NUMPY.report(case.f, case.x).verdict
    assert report.gradient.tolist() == case.gradient == an.gradient(lambda x: case.f(NUMPY, x), case.x, slope).tolist()


def test_the_tool_that_is_asked_about_is_named() -> None:
    f = JUMPING["a value at one point"].f
    report = NUMPY.report(f, [1.0, 2.0], slope="torch")
    assert report.verdict is an.Verdict.NOT_CLARKE and report.gradient.tolist() == in_torch(f, [1.0, 2.0]).tolist()
    assert "slopes of torch" in str(report) and report.notes[0].startswith("torch's own formulas alone did not")
    assert "backward mode's own formulas" in NUMPY.report(f, [1.0, 2.0], slope=0.0).notes[0]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_line_that_makes_nan_is_named_and_what_is_said_is_a_fix() -> None:
    report = an.verify(lambda x: np.where(x > 0.5, np.log(x), x).sum(), ZEROS)
    assert report.method == "nonfinite" and "the derivative of np.log at test_tools.py" in report.explanation
    assert "np.where(ok, g(np.where(ok, u, 1.0)), other)" in report.explanation
    fixed = an.verify(lambda x: np.where(x > 0.5, np.log(np.where(x > 0.5, x, 1.0)), x).sum(), ZEROS)
    assert fixed.verdict is an.Verdict.CLARKE


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_rows_and_sweeps_know_it_too() -> None:
    def f(x: Any) -> Any:
        return np.where(x > 0.5, np.log(x), x)

    assert [row.method for row in an.verify(f, [0.0, 2.0]).rows] == ["nonfinite", "nonfinite"]
    points = np.array([[-1.0, -2.0], [0.0, 1.0], [2.0, 3.0], [0.0, -1.0], [0.2, 0.0]])
    expected = [an.verify(lambda x: f(x).sum(), point).method for point in points]
    assert expected == ["smooth", "nonfinite", "smooth", "nonfinite", "nonfinite"]
    assert [found.method for found in an.sweep(lambda x: f(x).sum(), points)] == expected


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_random_functions_have_the_gradient_of_autograd() -> None:
    judged = 0
    for seed in range(60):
        f, x = drawn(seed)
        try:
            report = FRAMEWORKS["numpy"]().report(f, x)
        except (an.TraceError, an.DomainError):
            continue
        np.testing.assert_allclose(report.gradient, in_autograd(f, x), rtol=1e-9, atol=1e-12)
        judged += 1
    assert judged > 40
