"""A generalized gradient: what is known of it, its picture, its vertices."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from absnormal.display.markup import code, details, paragraph, table, whole
from absnormal.display.svg import polygon, spans
from absnormal.errors import BudgetError
from absnormal.report.plain import number, tree

if TYPE_CHECKING:
    from absnormal.clarke.generalized_gradient import GeneralizedGradient

#: Vertices that are shown; the rest is counted.
_ROWS = 20
_ENTRIES = 12
_COLUMNS = 200_000


def html(G: GeneralizedGradient) -> str:
    """What is known of the set, its picture (in its two widest directions), and its vertices."""
    head = f"<strong>Clarke generalized gradient</strong>: {escape(repr(G)[len('<GeneralizedGradient ') : -1])}"
    stationary = {True: "0 lies in it: x is Clarke stationary", False: "0 does not lie in it", None: ""}
    least = "; ".join(tree(G.shaped(G.least)))
    known = "least-norm element" if G.exact else "least-norm element of what is known"
    lines = [head, f"{known}: {code(least)}", stationary[G.is_stationary()]]
    return whole(paragraph(*(line for line in lines if line)), _picture(G), _vertices(G))


def _picture(G: GeneralizedGradient) -> str:
    size = len(G.base)
    if not 2 <= size <= _COLUMNS:
        return ""
    axes = np.eye(2) if size == 2 else G.wide_axes()
    if len(axes) < 2:
        return ""
    corners = G.outline(axes)
    if len(corners) < 2:
        return ""
    seen = "the set" if size == 2 else "projected on its two widest directions"
    caption = f"{seen}: {len(corners)} corners in {spans(corners)}; ring: least norm; cross: 0"
    return polygon(corners, axes @ G.least, caption)


def _vertices(G: GeneralizedGradient) -> str:
    try:
        vertices = G.corners.reshape(-1, len(G.base))
    except BudgetError as error:
        return paragraph(escape(f"vertices: {error}"))
    rows = [[str(k), code(_row(vertex.tolist()))] for k, vertex in enumerate(vertices[:_ROWS])]
    if len(vertices) > _ROWS:
        rows.append(["", f"... and {len(vertices) - _ROWS} more"])
    name = "vertices" if G.exact else "vertices of what is known"
    return details(f"{name}: {len(vertices)}", table(rows), len(vertices) <= _ROWS)


def _row(vertex: list[float]) -> str:
    left = len(vertex) - _ENTRIES
    entries = ", ".join(map(number, vertex[:_ENTRIES]))
    return f"({entries}, ... and {left} more entries)" if left > 0 else f"({entries})"
