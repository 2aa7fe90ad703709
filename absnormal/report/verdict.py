"""The three verdicts."""

from __future__ import annotations

from enum import Enum


class Verdict(Enum):
    """What is known about the gradient; the values are the help texts.

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> an.verify(lambda x: np.abs(x[0]), [0.0]).verdict is an.Verdict.CLARKE
    True
    >>> print(an.Verdict.NOT_CLARKE.value)
    proved: the gradient is not an element of the Clarke generalized gradient
    """

    CLARKE = "proved: the gradient is an element of the Clarke generalized gradient"
    NOT_CLARKE = "proved: the gradient is not an element of the Clarke generalized gradient"
    UNDECIDED = "neither could be proved within the budget"

    def __repr__(self) -> str:
        return f"<Verdict.{self.name}>"
