"""Every error the package raises on purpose, each saying what was wrong and the usual fix."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from absnormal.frontends.traced_call import TracedCall
    from absnormal.program.nodes import Source


_FINITE = (
    "move the point or rescale f; where the value is not used, keep the argument away from it, too (where inside of"
    " where)"
)


class AbsNormalError(Exception):
    """Base of the package's own errors.

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> try:
    ...     an.verify(lambda x: np.sign(x[0]), [0.0])
    ... except an.AbsNormalError as error:
    ...     print(type(error).__name__)
    TraceError
    """


class TraceError(AbsNormalError):
    """The program cannot be written with smooth operations and |.| at this point.

    Attributes
    ----------
    operation
        the user's operation, for example ``"numpy.sign"``
    source
        the user's file and line, or None
    fix
        what usually helps

    Examples
    --------
    >>> import absnormal as an
    >>> try:
    ...     an.trace(lambda x: x[0] if x[0] > 0 else -x[0], [0.0])
    ... except an.TraceError as error:
    ...     print(error.operation, "|", error.problem)
    comparison > | the two sides are equal at this point, so the branch is not constant near it
    """

    def __init__(self, operation: str, problem: str, fix: str, source: Source | None = None) -> None:
        self.operation = operation
        self.problem = problem
        self.fix = fix
        self.source = source
        super().__init__(_message(operation, problem, fix, source))

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.operation, self.problem, self.fix, self.source)


class GuardError(TraceError):
    """A program is used at a point where it would have taken another branch than the one traced.

    Examples
    --------
    >>> import absnormal as an
    >>> program = an.trace(lambda x: x[0] if x[0] > 0 else -x[0], [1.0])
    >>> try:
    ...     program([-1.0])
    ... except an.GuardError as error:
    ...     print(error.fix)
    trace f again at this point
    """


class DomainError(AbsNormalError, ArithmeticError):
    """NaN or infinity at the point; names the operation that made it first.

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> try:
    ...     an.verify(lambda x: np.log(x[0]) + x[0], [0.0])
    ... except an.DomainError as error:
    ...     print(error.operation)
    np.log
    """

    def __init__(self, operation: str, problem: str, source: Source | None = None) -> None:
        self.operation = operation
        self.problem = problem
        self.source = source
        super().__init__(_message(operation, problem, _FINITE, source))

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.operation, self.problem, self.source)


class BudgetError(AbsNormalError):
    """The budget ended where a partial answer is impossible.

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> G = an.generalized_gradient(lambda x: np.abs(x).sum(), np.zeros(30))
    >>> try:
    ...     G.vertices
    ... except an.BudgetError as error:
    ...     print(str(error)[:43])
    30 blocks multiply out to about 10^9 elemen
    """


class UndecidedWarning(UserWarning):
    """A test asked for a verdict and there was none; see ``undecided`` of `absnormal.testing`.

    Examples
    --------
    >>> import warnings, absnormal as an
    >>> warnings.simplefilter("error", an.UndecidedWarning)      # no verdict is no pass
    >>> warnings.simplefilter("default", an.UndecidedWarning)
    """


def _message(operation: str, problem: str, fix: str, source: Source | None) -> str:
    where = f" at {source}" if source is not None else ""
    return f"{operation}{where}: {problem}. Fix: {fix}."


class NoGradientError(TraceError):
    """The framework has no derivative of f, which it runs otherwise.

    Attributes
    ----------
    call
        f as it ran, to judge a vector of another origin; None where that is not known
    """

    call: TracedCall | None = None


class SeveralNumbersError(ValueError):
    """f returns an array where one number is asked for.

    Attributes
    ----------
    shape
        of what f returns
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__(f"f must return one number, got shape {shape}: verify a component, or a weighted sum of them")
        self.shape = shape

    def __reduce__(self) -> tuple[type[SeveralNumbersError], tuple[tuple[int, ...]]]:
        return SeveralNumbersError, (self.shape,)
