"""`absnormal slopes`: what tools do at ties, tabulated and, where a tool is installed, measured now."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from absnormal.frontends.ties.probes import kernels, measured
from absnormal.frontends.ties.probing import Row
from absnormal.frontends.ties.slopes import TABLES, same
from absnormal.report.plain import number

HELP = "what AD tools take for the derivative of |u| at u = 0, operation by operation"
EXAMPLES = """\
A number is the slope of |u| in the rewriting to |.|: maximum(x, 0) has derivative (1 + slope)/2 at 0.  "even" splits a
tie of a reduction evenly; nan at a 2-norm that is 0 says that the tool returns that.  Tools that are installed are
measured; a value that differs from the table is marked.

exit status: 0, or 1 when a measured value differs from the table
"""


def arguments(command: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    command.add_argument("--format", choices=["text", "json"], default="text", help="how the table is written")


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    found, own = measured(), kernels()
    different = {
        tool: {tie: value for tie, value in values.items() if not same(value, TABLES[tool][tie])}
        for tool, values in found.items()
    }
    if arguments.format == "json":
        rows = {tool: [asdict(row) for row in table] for tool, table in own.items()}
        print(json.dumps({"tables": _written(TABLES), "measured": _written(found), "kernels": rows}))
    else:
        print(_table(found))
        for tool, values in different.items():
            for tie, value in values.items():
                print(f"{tool}: {tie} is {_said(value)} here, {_said(TABLES[tool][tie])} in the table")
        for tool, table in own.items():
            print(f"\nkernels of {tool} (measured)\n{_kernels(table)}")
            for row in table:
                if not row.agrees:
                    print(f"{tool}: {row.operation} is {number(row.slope)} here, was {number(row.measured)}")
    return int(any(different.values()) or any(not row.agrees for table in own.values() for row in table))


def _written(tables: dict[str, dict[str, float | str]]) -> dict[str, dict[str, float | str]]:
    """NaN, which JSON does not have, as a word."""
    return {
        tool: {tie: "nan" if slope != slope else slope for tie, slope in table.items()}
        for tool, table in tables.items()
    }


def _table(found: dict[str, dict[str, float | str]]) -> str:
    heads = [f"{tool}{' (measured)' if tool in found else ''}" for tool in TABLES]
    rows = [["operation", *heads]]
    for tie in dict.fromkeys(tie for table in TABLES.values() for tie in table):
        rows.append([tie, *(_said(found.get(tool, {}).get(tie, TABLES[tool].get(tie, ""))) for tool in TABLES)])
    return _aligned(rows)


def _kernels(table: list[Row]) -> str:
    rows = [["operation", "kink", "slope"]]
    return _aligned(rows + [[row.operation, number(row.kink), number(row.slope)] for row in table])


def _aligned(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    return "\n".join("  ".join(row).rstrip() for row in cells)


def _said(value: float | str) -> str:
    return value if isinstance(value, str) else number(value)
