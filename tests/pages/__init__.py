"""README and the pages of absnormal/docs, read as a visitor reads them: files, commands, links, tables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "absnormal" / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
#: Everything whose links are followed.
LINKED = [*PAGES, *sorted((ROOT / "absnormal").glob("*.md")), *sorted((ROOT / ".github").glob("*.md"))]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def name_of(page: Path) -> str:
    """A page in the name of a test."""
    return page.stem


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the file that the sentence before it names."""

    language: str
    text: str
    file: str


def text_of(page: str) -> str:
    """A page by its name."""
    return (DOCS / f"{page}.md").read_text(encoding="utf-8")


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in their order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        before = text[: match.start()].rstrip().rsplit("\n\n", 1)[-1]
        named = re.search(r"[Aa]\s(?:file|workflow)\s`([\w./]+)`[^`]*:$", before)
        found.append(Block(match[1], match[2], named[1] if named else ""))
    return found


def prose(page: Path) -> str:
    """A page without its blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """What links to headings of a page look like, on GitHub and on the site."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
