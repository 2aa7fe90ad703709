"""Is the gradient that an AD tool returns at a kink a Clarke generalized gradient, and what is one if it is not?"""

import importlib
from typing import TYPE_CHECKING, Any

from absnormal.clarke.budget import Budget
from absnormal.clarke.generalized_gradient import GeneralizedGradient
from absnormal.errors import AbsNormalError, BudgetError, DomainError, GuardError, TraceError
from absnormal.program.program import Program
from absnormal.report.report import Report
from absnormal.report.verdict import Verdict
from absnormal.verify import clarke_gradient, generalized_gradient, gradient, trace, verify

if TYPE_CHECKING:
    from absnormal import plot
    from absnormal.form import AbsNormalForm, abs_normal_form

#: What loads when it is first used, and the modules that are names of their own.
_LATER = {"AbsNormalForm": "absnormal.form", "abs_normal_form": "absnormal.form"}
_MODULES = ("plot",)


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(_LATER[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"absnormal.{name}")
    raise AttributeError(f"module 'absnormal' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER, *_MODULES})


__all__ = [
    "AbsNormalError",
    "AbsNormalForm",
    "Budget",
    "BudgetError",
    "DomainError",
    "GeneralizedGradient",
    "GuardError",
    "Program",
    "Report",
    "TraceError",
    "Verdict",
    "abs_normal_form",
    "clarke_gradient",
    "generalized_gradient",
    "gradient",
    "plot",
    "trace",
    "verify",
]
