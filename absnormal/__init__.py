"""Is the gradient that an AD tool returns at a kink a Clarke generalized gradient, and what is one if it is not?"""

from absnormal.clarke.budget import Budget
from absnormal.errors import AbsNormalError, BudgetError, DomainError, GuardError, TraceError
from absnormal.program.program import Program
from absnormal.report.report import Report
from absnormal.report.verdict import Verdict
from absnormal.verify import clarke_gradient, gradient, trace, verify

__all__ = [
    "AbsNormalError",
    "Budget",
    "BudgetError",
    "DomainError",
    "GuardError",
    "Program",
    "Report",
    "TraceError",
    "Verdict",
    "clarke_gradient",
    "gradient",
    "trace",
    "verify",
]
