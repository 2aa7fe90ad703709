"""What the evidence of every theorem has in common: a kind, its data, and how it is written to a certificate.

Each theorem owns small frozen classes of evidence.  Those that speak of the switches of a rational system (`OnForm`)
are written beside that system and re-checked by `absnormal.certificates.checker` from the numbers alone.  Those that
speak of the program (`NextToProgram`) are re-checked beside it: every hypothesis of the theorem again.  Evidence about
systems that share no input (`InSystems`) is written system by system.  `absnormal.certificates.kinds` lists what is
read back.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from absnormal.active.system import System
from absnormal.arrays import Array
from absnormal.certificates.witness import Witness
from absnormal.sweeps.table import Sweeps


class AtPoint(Protocol):
    """A program at a point, with its active switches on rationals where they are few."""

    @property
    def sweeps(self) -> Sweeps: ...
    @property
    def system(self) -> System | None: ...
    @property
    def relevant(self) -> System | None: ...


@dataclass(frozen=True, eq=False)
class Judged:
    """A vector that a proof is about in place of g_c.

    Attributes
    ----------
    vector
        shape (n,)
    tolerance
        how far it may be off, entry by entry; None where the vector is judged without one
    slopes
        at the active switches, where the proof is about g_c of these and the vector is near to it; otherwise None
    """

    vector: Array
    tolerance: Array | None = None
    slopes: Array | None = None

    def to_dict(self) -> dict[str, Array]:
        """As it is written beside the evidence."""
        return {"vector": self.vector} if self.tolerance is None else {
            "vector": self.vector, "tolerance": self.tolerance
        }


class Evidence(ABC):
    """What a theorem shows: a frozen data class, whose ``kind`` names it in certificates."""

    kind: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        """The kind, and the data under their names: how evidence without a form is written."""
        return {"kind": self.kind, **{name: getattr(self, own) for own, name in _names(type(self))}}


class Separates(Evidence):
    """Evidence that a vector v separates the gradient from the generalized gradient.

    Attributes
    ----------
    separator
        v
    gap
        v . g minus the largest v . g_sigma
    in_columns
        whether v is in the columns of the relevant system, and not in the variables x
    """

    separator: Sequence[Any]
    gap: Fraction | float
    in_columns: bool = False


class OnForm(Evidence):
    """Evidence about the switches of a rational system that can change the output, which has their positions."""

    def on(self, system: System) -> dict[str, Any]:
        """As it is written beside this system; where that says all, the kind alone."""
        return {"kind": self.kind}


class InSystems(Evidence):
    """Evidence about systems that share no input."""

    @abstractmethod
    def on(self, systems: Sequence[System]) -> dict[str, Any]:
        """As it is written beside all these systems."""


class NextToProgram(Evidence):
    """Evidence that is checked next to its program."""

    #: Whether it is about the vector that is judged, and not about g_c, to which that must then be near.
    about_the_vector: ClassVar[bool] = False

    @abstractmethod
    def proves(self, witness: Witness, rng: np.random.Generator) -> bool:
        """Whether every hypothesis of the theorem holds of the program, when it is looked at again."""

    def on_rationals(self, problem: AtPoint, judged: Judged | None) -> OnForm | None:
        """What may prove the same of the system of a piecewise-linear program; None where nothing is proposed."""
        return None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`; a field that is missing is a KeyError."""
        return cls(**{own: data[name] for own, name in _names(cls)})


def _names(evidence: Any) -> list[tuple[str, str]]:
    """The fields of a class of evidence, and their names in certificates."""
    return [(own.name, own.name.replace("_", " ")) for own in fields(evidence)]


def wide(system: System, vector: Sequence[Any]) -> list[Fraction]:
    """A vector in the columns of the relevant system, in all columns."""
    full = [Fraction(0)] * (len(system.full[0]) if system.full else 0)
    for column, value in zip(system.relevant().columns, vector, strict=True):
        full[column] = value
    return full
