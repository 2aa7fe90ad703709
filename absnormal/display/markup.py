"""Pieces of HTML: no scripts, no style sheet, colours of the page, and words that stay when a page drops all styles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_CODE = "white-space:pre-wrap;overflow-wrap:anywhere"
_CELL = "text-align:left;padding:2px 12px 2px 0;vertical-align:top;background:transparent;color:inherit"
#: Long code is wrapped, not cut, up to this many letters.
_WIDTH = 400


def table(rows: Iterable[Sequence[str]], head: Sequence[str] = ()) -> str:
    """Rows of cells that are HTML already, under a head of plain words."""
    top = "".join(f'<th style="{_CELL}">{escape(name)}</th>' for name in head)
    lines = ["".join(f'<td style="{_CELL}">{cell}</td>' for cell in row) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in ([top] if top else []) + lines)
    return f'<table style="border-collapse:collapse;margin:4px 0;color:inherit">{body}</table>'


def code(text: str) -> str:
    """Text as code, wrapped where it is longer than a line.

    >>> code("a < b")
    '<code style="white-space:pre-wrap;overflow-wrap:anywhere">a &lt; b</code>'
    """
    cut = text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "..."
    return f'<code style="{_CODE}">{escape(cut)}</code>' if text else ""


def paragraph(*lines: str) -> str:
    """Lines of HTML, one under the other."""
    return f'<p style="margin:4px 0">{"<br>".join(lines)}</p>'


def details(summary: str, body: str, opened: bool = False) -> str:
    """HTML that folds under a plain summary."""
    return f"<details{' open' if opened else ''}><summary>{escape(summary)}</summary>{body}</details>"


def whole(*parts: str) -> str:
    """The parts in the colours and the font of the page."""
    return f'<div style="color:inherit;font-family:inherit">{"".join(parts)}</div>'
