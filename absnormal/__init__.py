"""Is the gradient that an AD tool returns at a kink a Clarke generalized gradient, and what is one if it is not?

    >>> import numpy as np
    >>> import absnormal as an
    >>> def f(x):
    ...     return np.maximum(x[0], 0) - np.maximum(-x[0], 0)     # this is x[0]
    >>> an.verify(f, [0.0], slope=-1)                             # relu'(0) = 0
    <Report NOT_CLARKE by separation, 2 of 2 switches active>

One gradient
    an.verify(f, x)                 a Report: verdict, proof, source lines, a gradient to use instead
    an.clarke_gradient(f, x)        a certified Clarke gradient, at a constant times the cost of f
    an.gradient(f, x, slope)        what backward mode returns
    an.directional_derivative(f, x, d)      the one-sided derivative along d
The structure
    an.trace(f, x)                  the Program: f in smooth operations and |.| only
    an.abs_normal_form(f, x)        z = c + Z x + L|z|, y = b + J x + Y|z|
    an.generalized_gradient(f, x)   the whole set
Many points, and kinks
    an.sweep(f, points)             a record for each; an.progress() shows how far it is
    an.find_kink(f, x, y)           the kinks on a segment
    an.kinks_near(f, x, radius)     the kinks in a ball
    an.stationarity(f, x, radius)   how near x is to a stationary point
    an.minimize(f, x0)              a minimum of a function with kinks, with a certificate
    an.clarke_jacobian(f)           certified gradients for SciPy's jac=
Elsewhere
    an.torch, an.onnx               models; functions of torch tensors and JAX arrays go to `verify` itself
    an.jax                          verdicts and certified gradients, called as jax.grad is
    an.testing                      assertions and Hypothesis strategies; a pytest plugin comes along
    an.extend                       operations and tools of your own
    an.plot                         pictures
    absnormal.gallery               examples with known answers

f is a function of one argument, an array or nested dicts, lists and tuples of arrays.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from absnormal import extend, jax, onnx, plot, testing, torch
    from absnormal.batch import Sweep, sweep
    from absnormal.clarke.budget import Budget
    from absnormal.clarke.generalized_gradient import GeneralizedGradient
    from absnormal.errors import AbsNormalError, BudgetError, DomainError, GuardError, TraceError, UndecidedWarning
    from absnormal.form import AbsNormalForm, abs_normal_form
    from absnormal.jacobian import clarke_jacobian
    from absnormal.kinks import Kink, KinksNear, find_kink, kinks_near
    from absnormal.minimize import minimize
    from absnormal.program.program import Program
    from absnormal.progress import progress
    from absnormal.report.record import Record
    from absnormal.report.report import Report
    from absnormal.report.rows import JacobianReport
    from absnormal.report.verdict import Verdict
    from absnormal.stationarity import Stationarity, stationarity
    from absnormal.verify import (
        clarke_gradient,
        directional_derivative,
        generalized_gradient,
        gradient,
        trace,
        verify,
    )

__version__ = "0.2.0"

#: Everything loads when it is first used: the pytest plugin starts without NumPy.
_LATER = {
    "AbsNormalError": "absnormal.errors",
    "AbsNormalForm": "absnormal.form",
    "Budget": "absnormal.clarke.budget",
    "BudgetError": "absnormal.errors",
    "DomainError": "absnormal.errors",
    "GeneralizedGradient": "absnormal.clarke.generalized_gradient",
    "GuardError": "absnormal.errors",
    "JacobianReport": "absnormal.report.rows",
    "Kink": "absnormal.kinks",
    "KinksNear": "absnormal.kinks",
    "Program": "absnormal.program.program",
    "Record": "absnormal.report.record",
    "Report": "absnormal.report.report",
    "Stationarity": "absnormal.stationarity",
    "Sweep": "absnormal.batch",
    "TraceError": "absnormal.errors",
    "UndecidedWarning": "absnormal.errors",
    "Verdict": "absnormal.report.verdict",
    "abs_normal_form": "absnormal.form",
    "clarke_gradient": "absnormal.verify",
    "clarke_jacobian": "absnormal.jacobian",
    "directional_derivative": "absnormal.verify",
    "find_kink": "absnormal.kinks",
    "generalized_gradient": "absnormal.verify",
    "gradient": "absnormal.verify",
    "kinks_near": "absnormal.kinks",
    "minimize": "absnormal.minimize",
    "progress": "absnormal.progress",
    "stationarity": "absnormal.stationarity",
    "sweep": "absnormal.batch",
    "trace": "absnormal.verify",
    "verify": "absnormal.verify",
}
_SUBMODULES = ("extend", "jax", "onnx", "plot", "testing", "torch")


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(_LATER[name]), name)
    if name in _SUBMODULES:
        return importlib.import_module(f"absnormal.{name}")
    raise AttributeError(f"module 'absnormal' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})


class _Package(ModuleType):
    """Keeps `absnormal.verify` the function when the module of this name is loaded."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _LATER and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package

__all__ = [
    "AbsNormalError",
    "AbsNormalForm",
    "Budget",
    "BudgetError",
    "DomainError",
    "GeneralizedGradient",
    "GuardError",
    "JacobianReport",
    "Kink",
    "KinksNear",
    "Program",
    "Record",
    "Report",
    "Stationarity",
    "Sweep",
    "TraceError",
    "UndecidedWarning",
    "Verdict",
    "__version__",
    "abs_normal_form",
    "clarke_gradient",
    "clarke_jacobian",
    "directional_derivative",
    "extend",
    "find_kink",
    "generalized_gradient",
    "gradient",
    "jax",
    "kinks_near",
    "minimize",
    "onnx",
    "plot",
    "progress",
    "stationarity",
    "sweep",
    "testing",
    "torch",
    "trace",
    "verify",
]
