"""The three verdicts, and what each method that decides between them states."""

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


#: Method -> the theorem in a line (THEORY 2 and 3).
STATEMENTS = {
    "smooth": "where no switch moves, f is strictly differentiable and the gradient is unique",
    "private directions": "an input of its own before every kink makes slopes that groups share Clarke",
    "merging": "kinks on one set are one kink, and those that are left enter with one sign",
    "regular": "kinks that all enter with one sign make every slope in [-1, 1] Clarke",
    "likq": "linearly independent switching rows make every slope in [-1, 1] Clarke",
    "direction": "a direction that opens the chosen cell shows a limiting gradient",
    "even part": "kinks with slope 0 that f sees on both sides alike make the gradient the middle of the set",
    "layered blocks": "inputs that move a layer of kinks whole, and none before it, make its slopes Clarke",
    "supporting": "kinks that enter with one sign under the tool's own slopes make its gradient a supporting one",
    "componentwise": "slopes that are means of open cells, component by component, give a Clarke gradient",
    "membership": "a convex combination of limiting gradients is a Clarke gradient",
    "separate inputs": "kinks that are functions of separate inputs are judged set by set",
    "separation": "a gradient with more slope in some direction than every limiting gradient is not Clarke",
    "nonfinite": "a vector with NaN or infinity is in no generalized gradient",
}
