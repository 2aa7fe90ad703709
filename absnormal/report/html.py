"""A report as HTML: no scripts, no style sheet, colours that read on light and on dark pages, words that do without."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from absnormal.display.markup import code, details, paragraph, table, whole
from absnormal.report.explanation import sentences
from absnormal.report.plain import interval, tree
from absnormal.report.text import by_convention, certified, counted, facts, following, inconsistent, nearby, whose
from absnormal.report.verdict import Verdict

if TYPE_CHECKING:
    from absnormal.report.active import Active
    from absnormal.report.report import Report

#: White words on these have a contrast of more than 5; the mark tells them apart without colours.
_BADGES = {Verdict.CLARKE: ("#00704f", "✓"), Verdict.NOT_CLARKE: ("#b03a00", "✗"), Verdict.UNDECIDED: ("#5f5f5f", "?")}
#: Lines of code and operations on a line that are shown; the rest is counted.
_LINES, _OPERATIONS = 20, 5
_OPEN = 8


def html(report: Report) -> str:
    """The whole report, everything escaped; a few kilobytes however many switches are active."""
    colour, mark = _BADGES[report.verdict]
    badge = (
        f'<strong style="background:{colour};color:#ffffff;padding:2px 8px;border-radius:4px">'
        f"{mark} {report.verdict.name}</strong>"
    )
    parts = [paragraph(f"{badge} {escape(report.verdict.value)}"), _gradients(report)]
    parts.append(paragraph(*map(escape, sentences(report))))
    near = nearby(report)
    if near:
        parts.append(paragraph(*map(escape, near)))
    if not report.consistent:
        parts.append(paragraph(escape(inconsistent())))
    more = [*(f"note: {note}" for note in report.notes), following(report), by_convention(report)]
    parts += [paragraph(escape(said)) for said in more if said]
    return whole(*parts, _switches(report), _proof(report))


def _gradients(report: Report) -> str:
    rows = [("gradient", tree(report.arrays(report.flat_gradient)), whose(report))]
    if report.verdict is not Verdict.CLARKE or report.given:
        rows.append(("Clarke gradient", tree(report.arrays(report.flat_clarke_gradient)), certified(report)))
    return table([escape(name), "<br>".join(map(code, lines)), escape(note)] for name, lines, note in rows)


def _switches(report: Report) -> str:
    """The active switches by line of the user's code, the lines with most of them first."""
    lines: dict[tuple[str, str], list[Active]] = {}
    for group in report.active:
        lines.setdefault((group.source, group.line), []).append(group)
    ordered = sorted(lines.items(), key=lambda item: -sum(group.count for group in item[1]))
    rows = []
    for (source, text), groups in ordered[:_LINES]:
        for k, group in enumerate(groups[:_OPERATIONS]):
            slopes = "" if group.slopes is None else interval(*group.slopes)
            where = [escape(source), code(text)] if k == 0 else ["", ""]
            cells = (group.operation, f"{group.count} of {group.total}", group.switches, slopes)
            rows.append([*where, *map(escape, cells)])
        rows += _rest(groups[_OPERATIONS:], "operations on this line")
    rows += _rest([group for _, groups in ordered[_LINES:] for group in groups], "groups on further lines")
    shown = table(rows, ("source", "line", "operation", "active", "switches", "slope")) if rows else ""
    return details(f"active switches: {counted(report)}", shown, 0 < len(lines) <= _OPEN)


def _rest(groups: list[Active], what: str) -> list[list[str]]:
    """What a table leaves out."""
    count = sum(group.count for group in groups)
    return [[f"... and {len(groups)} more {what}, {count} active switches", *[""] * 5]] if groups else []


def _proof(report: Report) -> str:
    return details("proof", table([escape(name), escape(said)] for name, said in facts(report)))
