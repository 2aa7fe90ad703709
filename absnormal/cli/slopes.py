"""`absnormal slopes`: what tools do at ties, tabulated and, where a tool is installed, measured now."""

from __future__ import annotations

import argparse
import json

from absnormal.frontends.probes import measured
from absnormal.frontends.slopes import TABLES
from absnormal.report.plain import number

HELP = "what AD tools take for the derivative of |u| at u = 0, operation by operation"
EXAMPLES = """\
A number is the slope of |u| in the rewriting to |.|: maximum(x, 0) has derivative (1 + slope)/2 at 0.  "even" splits a
tie of a reduction evenly.  Tools that are installed are measured; a value that differs from the table is marked.

exit status: 0, or 1 when a measured value differs from the table
"""


def arguments(command: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    command.add_argument("--format", choices=["text", "json"], default="text", help="how the table is written")


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    found = measured()
    different = {
        tool: {tie: value for tie, value in values.items() if value != TABLES[tool][tie]}
        for tool, values in found.items()
    }
    if arguments.format == "json":
        print(json.dumps({"tables": TABLES, "measured": found}))
    else:
        print(_table(found))
        for tool, values in different.items():
            for tie, value in values.items():
                print(f"{tool}: {tie} is {_said(value)} here, {_said(TABLES[tool][tie])} in the table")
    return int(any(different.values()))


def _table(found: dict[str, dict[str, float | str]]) -> str:
    heads = [f"{tool}{' (measured)' if tool in found else ''}" for tool in TABLES]
    rows = [["operation", *heads]]
    for tie in next(iter(TABLES.values())):
        rows.append([tie, *(_said(found.get(tool, TABLES[tool]).get(tie, TABLES[tool][tie])) for tool in TABLES)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    return "\n".join("  ".join(row).rstrip() for row in cells)


def _said(value: float | str) -> str:
    return value if isinstance(value, str) else number(value)
