"""A report as HTML: no scripts, no style sheet, colours that read on light and on dark pages."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from absnormal.report.explanation import sentences
from absnormal.report.plain import interval, tree
from absnormal.report.text import certified, counted, facts, inconsistent, nearby, whose
from absnormal.report.verdict import Verdict

if TYPE_CHECKING:
    from absnormal.report.report import Report

_COLOURS = {Verdict.CLARKE: "#1a7f37", Verdict.NOT_CLARKE: "#cf222e", Verdict.UNDECIDED: "#8a5a00"}
_CELL = "text-align:left;padding:2px 12px 2px 0;vertical-align:top;background:transparent;color:inherit"
_ROWS = 20


def html(report: Report) -> str:
    """The whole report, everything escaped."""
    colour = _COLOURS[report.verdict]
    badge = (
        f'<span style="background:{colour};color:#ffffff;padding:2px 8px;border-radius:4px;font-weight:600">'
        f"{report.verdict.name}</span>"
    )
    top = f'<p style="margin:4px 0">{badge} {escape(report.verdict.value)}</p>'
    parts = [top, _gradients(report), _why(report)]
    near = nearby(report)
    if near:
        parts.append(f"<p>{'<br>'.join(map(escape, near))}</p>")
    if not report.consistent:
        parts.append(f"<p>{escape(inconsistent())}</p>")
    parts += [_switches(report), _proof(report)]
    return f'<div style="color:inherit;font-family:inherit">{"".join(parts)}</div>'


def _gradients(report: Report) -> str:
    rows = [("gradient", tree(report.arrays(report.flat_gradient)), whose(report))]
    if report.verdict is not Verdict.CLARKE or report.given:
        rows.append(("Clarke gradient", tree(report.arrays(report.flat_clarke_gradient)), certified(report)))
    return _table([
        [escape(name), "<br>".join(f"<code>{escape(line)}</code>" for line in lines), escape(note)]
        for name, lines, note in rows
    ])


def _why(report: Report) -> str:
    return f'<p style="margin:4px 0">{"<br>".join(escape(line) for line in sentences(report))}</p>'


def _switches(report: Report) -> str:
    groups = sorted(report.active, key=lambda group: -group.count)
    head = ["operation", "source", "active", "switches", "slope", "line"]
    rows = [
        [
            escape(group.operation), escape(group.source), f"{group.count} of {group.total}",
            escape(group.switches), "" if group.slopes is None else escape(interval(*group.slopes)),
            f"<code>{escape(group.line)}</code>" if group.line else "",
        ]
        for group in groups[:_ROWS]
    ]
    if len(groups) > _ROWS:
        rows.append([f"... and {len(groups) - _ROWS} more", "", "", "", "", ""])
    summary = f"<summary>active switches: {escape(counted(report))}</summary>"
    opened = " open" if 0 < len(groups) <= _ROWS else ""
    return f"<details{opened}>{summary}{_table(rows, head) if rows else ''}</details>"


def _proof(report: Report) -> str:
    rows = [[escape(name), escape(said)] for name, said in facts(report)]
    return f"<details><summary>proof</summary>{_table(rows)}</details>"


def _table(rows: list[list[str]], head: list[str] | None = None) -> str:
    """Rows of cells that are HTML already."""
    top = "".join(f'<th style="{_CELL}">{name}</th>' for name in head or [])
    lines = ["".join(f'<td style="{_CELL}">{cell}</td>' for cell in row) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in ([top] if top else []) + lines)
    return f'<table style="border-collapse:collapse;margin:4px 0;color:inherit">{body}</table>'
