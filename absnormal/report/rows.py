"""The verdicts on the rows of a Jacobian: a tool's, of a function that returns an array."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, partial
from html import escape
from typing import Any, NoReturn

from absnormal.errors import AbsNormalError
from absnormal.report import html
from absnormal.report.plain import data
from absnormal.report.report import Report
from absnormal.report.verdict import Verdict

_WORST = (Verdict.NOT_CLARKE, Verdict.UNDECIDED, Verdict.CLARKE)
#: Rows that are listed.
_LISTED = 20


def _known(element: Any) -> Any:
    return element


def _failed(error: AbsNormalError) -> NoReturn:
    raise error


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class JacobianReport(Report):
    """A verdict on each row of a Jacobian: whether it is a Clarke gradient of that number of f.

    It is the report on the first row with the worst verdict, and holds those on all rows.  Rows that are Clarke
    gradients each do not make an element of the generalized Jacobian, which is a stronger statement (Clarke 1983, 2.6);
    ``clarke_gradient`` is one.

    Attributes
    ----------
    rows
        the reports, in the order of the flat result of f
    shape
        of the result of f

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> report = an.verify(lambda x: np.maximum(x, 0) - np.maximum(-x, 0) * [0.0, 1.0], [0.0, 0.0], slope=-1)
    >>> report, [row.verdict.name for row in report.rows]
    (<JacobianReport NOT_CLARKE: 1 CLARKE, 1 NOT_CLARKE>, ['CLARKE', 'NOT_CLARKE'])
    >>> report.gradient.tolist(), report.clarke_gradient.tolist()
    ([[0.0, 0.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]])
    """

    rows: Sequence[Report]
    shape: tuple[int, ...]
    stacked: Callable[[list[Any]], Any]
    element: Callable[[], Any]

    @classmethod
    def of(
        cls, rows: Sequence[Report], shape: tuple[int, ...], stacked: Callable[[list[Any]], Any],
        element: Callable[[], Any],
    ) -> JacobianReport:
        """``stacked`` makes one Jacobian of gradients, ``element`` computes one of the generalized Jacobian."""
        worst = next(row for verdict in _WORST for row in rows if row.verdict is verdict)
        own = {field.name: getattr(worst, field.name) for field in fields(Report)}
        return cls(**own, rows=tuple(rows), shape=shape, stacked=stacked, element=element)

    @property
    def gradient(self) -> Any:
        """The tool's Jacobian in the structure of x: the shape of f's result, then that of each array of x."""
        return self.stacked([row.gradient for row in self.rows])

    @property
    def clarke_gradient(self) -> Any:
        """An element of the generalized Jacobian in the structure of x.

        Raises
        ------
        BudgetError
            where no direction certifies the signs of all kinks together
        """
        return self._element

    def __getstate__(self) -> dict[str, Any]:
        """With the element in the place of f, which need not pickle."""
        try:
            element = partial(_known, self.clarke_gradient)
        except AbsNormalError as error:
            element = partial(_failed, error)
        return {**self.__dict__, "element": element}

    @cached_property
    def _element(self) -> Any:
        return self.element()

    @property
    def counts(self) -> Counter[str]:
        """How many rows have each verdict."""
        return Counter(row.verdict.name for row in self.rows)

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {name}" for name, count in sorted(self.counts.items()))
        return f"<JacobianReport {self.verdict.name}: {counts}>"

    def _repr_html_(self) -> str:
        return f"<p>{escape(self._counted)}; row {self.rows.index(self.worst)}:</p>{html.html(self.worst)}"

    @property
    def _counted(self) -> str:
        return f"rows of the Jacobian: {', '.join(f'{count} {name}' for name, count in sorted(self.counts.items()))}"

    def __str__(self) -> str:
        lines = [self._counted]
        wrong = [number for number, row in enumerate(self.rows) if not row]
        lines += [f"  row {number}: {self.rows[number].verdict.name} by {self.rows[number].method}"
                  for number in wrong[:_LISTED]]
        lines += [f"  ... and {len(wrong) - _LISTED} more"] if len(wrong) > _LISTED else []
        lines += [f"row {self.rows.index(self.worst)}:", *(f"  {line}" for line in str(self.worst).splitlines())]
        return "\n".join(lines)

    @property
    def worst(self) -> Report:
        """The report on the first row with the worst verdict."""
        return next(row for row in self.rows if row.verdict is self.verdict)

    def to_dict(self, certificate: bool = False) -> dict[str, Any]:
        """Plain data: the verdict, the shape of the result, and the reports of all rows."""
        rows = [row.to_dict(certificate) for row in self.rows]
        return {"verdict": self.verdict.name, "shape": data(list(self.shape)), "rows": rows}
