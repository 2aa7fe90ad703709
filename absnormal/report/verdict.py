"""The three verdicts."""

from __future__ import annotations

from enum import Enum


class Verdict(Enum):
    """What is known about the gradient; the values are the help texts."""

    CLARKE = "proved: the gradient is an element of the Clarke generalized gradient"
    NOT_CLARKE = "proved: the gradient is not an element of the Clarke generalized gradient"
    UNDECIDED = "neither could be proved within the budget"

    def __repr__(self) -> str:
        return f"<Verdict.{self.name}>"
