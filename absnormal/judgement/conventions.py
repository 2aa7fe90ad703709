"""How a gradient depends on what is taken for the slope at ties: other slopes, other tools, the lines that matter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from absnormal.arrays import Array
from absnormal.errors import AbsNormalError
from absnormal.frontends.ties.names import OWN
from absnormal.frontends.ties.slopes import TABLES, slopes, slopes_elsewhere, tools_for
from absnormal.ops import kink_of
from absnormal.program.nodes import placed
from absnormal.report.plain import number, tree
from absnormal.sweeps.table import Sweeps

if TYPE_CHECKING:
    from absnormal.report.report import Report

#: Numbers that a tool may take for the derivative of |u| at u = 0 everywhere.
_NUMBERS = {"slope -1": -1.0, "slope 0": 0.0, "slope 1": 1.0}
#: Entries that are shown, and lines that are named.
_SHOWN, _NAMED = 6, 4
#: Gradients nearer than this, relative to their largest entry, are the same.
_SAME = 1e-9


@dataclass(frozen=True, eq=False)
class Conventions:
    """The gradients that backward mode gives for different slopes at ties.

    Attributes
    ----------
    gradients
        by "slope -1", "slope 0", "slope 1" and by tool, where its table says what it takes: flat vectors, shape (n,);
        for kernels of torch what functions of the same meaning give, of the tools that have all of them
    lines
        the operations and lines where another slope changes the gradient for nearly all slopes of the others
    shapes
        shows a flat vector in the structure of x, a line a leaf
    """

    gradients: Mapping[str, Array]
    lines: tuple[str, ...]
    shapes: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether all of them give one gradient."""
        return len(set(self.shapes)) <= 1

    def __repr__(self) -> str:
        return f"<Conventions: {self}>"

    def __str__(self) -> str:
        if self.same:
            tools = ", and for the ties of every tool" if len(self.gradients) > len(_NUMBERS) else ""
            return f"the gradient is the same for the slopes -1, 0 and 1 at every tie{tools}"
        names: dict[str, list[str]] = {}
        for name, shown in zip(self.gradients, self.shapes, strict=True):
            names.setdefault(shown, []).append(name)
        said = "; ".join(f"{', '.join(group)}: {shown}" for shown, group in names.items())
        if not self.lines:
            return said
        more = f" and {len(self.lines) - _NAMED} more lines" if len(self.lines) > _NAMED else ""
        return f"{said}. It depends on the slope of {', '.join(self.lines[:_NAMED])}{more}"


def conventions(report: Report) -> Conventions:
    """Those at the point of a report, in the float64 arithmetic of the tool."""
    sweeps = report.tool
    found = {name: _gradient(sweeps, slopes(sweeps, slope)) for name, slope in _NUMBERS.items()}
    for tool in tools_for(sweeps.program):
        try:
            found[tool] = _gradient(sweeps, slopes(sweeps, tool))
        except (AbsNormalError, ValueError):
            # A tool that says nothing of an operation here.
            continue
    if not tools_for(sweeps.program):
        found |= _elsewhere(report)
    return Conventions(found, _lines(sweeps), _shown(report, found))


def _elsewhere(report: Report) -> dict[str, Array]:
    """What torch's own kernels give, and functions of the same meaning of the tools that have all of them."""
    sweeps, own = report.tool, str(report.slope)
    known = own in TABLES and len(report.slopes) == len(sweeps.alpha)
    found = {own: _gradient(sweeps, report.slopes)} if known else {}
    for tool in TABLES:
        elsewhere = None if tool in (own, OWN) else slopes_elsewhere(sweeps, tool)
        if elsewhere is not None:
            found[tool] = _gradient(sweeps, elsewhere)
    return found


def _gradient(sweeps: Sweeps, c: Array) -> Array:
    return np.asarray(sweeps.gradient(sweeps.signature(np.asarray(c, dtype=float))), dtype=float)


def _lines(sweeps: Sweeps) -> tuple[str, ...]:
    """Where other slopes of one line give another gradient, with numbers drawn for the slopes of all other lines.

    The gradient is a polynomial in the slopes: numbers that are drawn show a dependence, which a slope of 0 elsewhere
    may hide.  Lines without one are left out together.
    """
    program, alpha = sweeps.program, sweeps.alpha
    places: dict[str, Array] = {}
    drawn = np.ones(len(alpha), bool)
    for index in program.kinked:
        node = program.nodes[index]
        here = node.owns(alpha)
        if here.any():
            place = placed(node.operation, node.source)
            places[place] = places.get(place, np.zeros(len(alpha), bool)) | here
            drawn &= ~here | (not kink_of(node.op).permutes)
    low, high = (np.asarray(slopes(sweeps, end), dtype=float) for end in (-1.0, 1.0))
    drawn &= low != high
    rng = np.random.default_rng(0)
    first, second = (np.where(drawn, rng.uniform(0.5, 1, len(alpha)) * rng.choice([-1, 1], len(alpha)), end)
                     for end in (low, high))  # fmt: skip
    known = _gradient(sweeps, first)

    def matter(names: list[str]) -> list[str]:
        here = np.logical_or.reduce([places[name] for name in names])
        if _equal(known, _gradient(sweeps, np.where(here, second, first))):
            return []
        half = len(names) // 2
        return names if not half else [*matter(names[:half]), *matter(names[half:])]

    return tuple(matter([*places])) if places else ()


def _equal(a: Array, b: Array) -> bool:
    size = max(np.abs(a[np.isfinite(a)]).max(initial=0.0), np.abs(b[np.isfinite(b)]).max(initial=0.0))
    return bool(np.allclose(a, b, rtol=0.0, atol=_SAME * size, equal_nan=True))


def _shown(report: Report, found: Mapping[str, Array]) -> tuple[str, ...]:
    """A text for each gradient, the same for those that are equal to rounding."""
    distinct: list[tuple[Array, str]] = []
    texts = []
    for gradient in found.values():
        text = next((text for known, text in distinct if _equal(known, gradient)), None)
        if text is None:
            text = _text(report, gradient, distinct[0][0] if distinct else gradient)
            distinct.append((gradient, text))
        texts.append(text)
    return tuple(texts)


def _text(report: Report, gradient: Array, first: Array) -> str:
    if len(gradient) <= _SHOWN:
        return "; ".join(tree(report.arrays(gradient)))
    apart = np.abs(gradient - first)
    if not np.isfinite(apart).all():
        return f"NaN or infinity in {int((~np.isfinite(gradient)).sum()):,} of {len(gradient):,} entries"
    if gradient is first:
        return f"a vector of {len(gradient):,} entries, the largest of size {number(np.abs(gradient).max())}"
    return f"{int((apart > 0).sum()):,} entries differ from the first, by up to {number(apart.max())}"
