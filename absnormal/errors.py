"""Every error the package raises on purpose, each saying what was wrong and the usual mend."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from absnormal.program.nodes import Source


class AbsNormalError(Exception):
    """Base of the package's own errors."""


class TraceError(AbsNormalError):
    """The program cannot be written with smooth operations and |.| at this point.

    Attributes
    ----------
    operation
        the user's operation, for example ``"numpy.sign"``
    source
        the user's file and line, or None
    mend
        what usually helps
    """

    def __init__(self, operation: str, problem: str, mend: str, source: Source | None = None) -> None:
        self.operation = operation
        self.problem = problem
        self.mend = mend
        self.source = source
        super().__init__(_message(operation, problem, mend, source))

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.operation, self.problem, self.mend, self.source)


class GuardError(TraceError):
    """A program is used at a point where it would have taken another branch than the one traced."""


class DomainError(AbsNormalError, ArithmeticError):
    """NaN or infinity at the point; names the operation that made it first."""

    def __init__(self, operation: str, problem: str, source: Source | None = None) -> None:
        self.operation = operation
        self.problem = problem
        self.source = source
        super().__init__(_message(operation, problem, "evaluate f at a point inside its domain", source))

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.operation, self.problem, self.source)


class BudgetError(AbsNormalError):
    """The budget ended where a partial answer is impossible."""


class UndecidedWarning(UserWarning):
    """A test asked for a verdict and there was none; see ``undecided`` of `absnormal.testing`."""


def _message(operation: str, problem: str, mend: str, source: Source | None) -> str:
    where = f" at {source}" if source is not None else ""
    return f"{operation}{where}: {problem}. Mend: {mend}."
