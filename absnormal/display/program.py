"""A program as a table: the abs-only form, an operation a row, with the switches and the user's lines."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from absnormal.display.markup import code, details, paragraph, table, whole
from absnormal.program.listing import formula, guard, owned

if TYPE_CHECKING:
    from absnormal.program.nodes import Node
    from absnormal.program.program import Program

#: Rows that are shown; the rest is counted.
_ROWS = 60
#: Rows up to which the table is unfolded.
_OPEN = 30


def html(program: Program) -> str:
    """The whole program, or its first operations and what was left out."""
    nodes = list(enumerate(program.nodes))
    rows, above = [], ""
    for index, node in nodes[:_ROWS]:
        line = "" if node.source is None else f"{escape(str(node.source))} {code(node.source.text)}"
        rows.append([*_row(index, node), line if line != above else ""])
        above = line
    left = len(nodes) - len(rows)
    if left:
        rows.append([f"... and {left} more operations; print(program) lists all", "", "", "", ""])
    rows += [["", code(guard(program, index)), "", "followed", ""] for index in range(min(len(program.guards), _ROWS))]
    head = f"<strong>Program</strong>: n = {program.n} variables, s = {program.s} switches, m = {program.m} outputs"
    listed = table(rows, ("", "abs-only form", "shape", "switches", "line"))
    summary = f"{len(nodes)} operations" + (f", {len(program.guards)} branches followed" if program.guards else "")
    result = paragraph(f"y = {code(f'v{program.output}')}")
    return whole(paragraph(head), details(summary, listed, len(nodes) <= _OPEN), result)


def _row(index: int, node: Node) -> list[str]:
    name = code(f"v{index}")
    return [name, code(formula(node)), escape(" x ".join(map(str, node.shape))), escape(owned(node))]
