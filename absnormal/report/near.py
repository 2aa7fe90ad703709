"""Switches whose float64 sign is one of rounding: not what exact arithmetic gives, or within rounding of 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from operator import eq
from typing import overload

import numpy as np

from absnormal.active.arithmetic import TooLarge, measure
from absnormal.arrays import Array, exactly
from absnormal.errors import AbsNormalError
from absnormal.report.plain import number
from absnormal.sweeps.rounding import value_errors
from absnormal.sweeps.table import Sweeps

#: Multiplications up to which a piecewise-linear program is evaluated exactly for this.
_EXACT = 20_000


@dataclass(frozen=True)
class Near:
    """A switch whose sign rounding decides.

    Attributes
    ----------
    switch
        its number
    operation, source, line
        what the user wrote, where, and the text of the line
    value
        z as float64 computes it
    exact
        z in exact arithmetic at the same point; None where that is not known
    bound
        a first-order bound on the rounding in ``value``
    """

    switch: int
    operation: str
    source: str
    line: str
    value: float
    exact: Fraction | None
    bound: float

    @property
    def wrong(self) -> bool:
        """Whether the float64 sign is known to differ from the exact one."""
        return self.exact is not None and np.sign(self.value) != _sign(self.exact)

    def __str__(self) -> str:
        where = f" at {self.source}" if self.source else ""
        known = f"rounding up to {number(self.bound)}" if self.exact is None else f"{number(self.exact)} exactly"
        return f"z{self.switch}, {self.operation}{where}: {number(self.value)} in float64, {known}"


class NearKinks(Sequence[Near]):
    """Such switches in the order of their numbers; one is made when it is looked at, as they may be very many."""

    def __init__(self, tool: Sweeps, numbers: Array, exact: Array | None, bounds: Array) -> None:
        self._tool, self._numbers, self._exact, self._bounds = tool, numbers, exact, bounds

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, place: int) -> Near: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Near, ...]: ...
    def __getitem__(self, place: int | slice) -> Near | tuple[Near, ...]:
        chosen = self._numbers[place]
        return tuple(map(self._made, chosen.tolist())) if isinstance(place, slice) else self._made(int(chosen))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(eq, self, other))

    def __repr__(self) -> str:
        return f"<{len(self)} switch{'' if len(self) == 1 else 'es'} near a kink>"

    @property
    def wrong(self) -> tuple[Near, ...]:
        """Those whose float64 sign is known to differ from the exact one."""
        return () if self._exact is None else tuple(one for one in self if one.wrong)

    def _made(self, switch: int) -> Near:
        node, tool, exact = self._tool.program.node_of(switch), self._tool, self._exact
        source = node.source
        return Near(
            switch, node.operation or node.op, "" if source is None else str(source),
            "" if source is None else source.text, float(tool.z[switch]),
            None if exact is None else exact[switch], float(self._bounds[switch]),
        )


def near(tool: Sweeps, exact: Array | None) -> NearKinks:
    """The switches whose float64 sign differs from the exact one, and those within rounding of 0 but not 0.

    ``tool`` is the program in float64, ``exact`` the exact switching variables where they are known already.
    """
    if not tool.program.s:
        return NearKinks(tool, np.zeros(0, int), None, np.zeros(0))
    exact = _evaluated(tool) if exact is None else exact
    bounds = value_errors(tool)
    doubtful = (tool.z != 0) & (np.abs(tool.z) <= bounds)
    if exact is not None:
        doubtful |= np.sign(tool.z) != np.array([_sign(a) for a in exact])
    return NearKinks(tool, np.flatnonzero(doubtful), exact, bounds)


def _evaluated(tool: Sweeps) -> Array | None:
    """The switching variables in exact arithmetic, where the program is piecewise linear and small."""
    program = tool.program
    if not program.is_piecewise_linear:
        return None
    try:
        measure(program, _EXACT)
        values = program.evaluate([exactly(leaf) for leaf in program.inputs(tool.values)])
    except (TooLarge, AbsNormalError):
        return None
    return program.switching(values)


def _sign(value: Fraction) -> int:
    return (value > 0) - (value < 0)
