"""What a page must be: well formed, without scripts."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any


class _Checker(HTMLParser):
    void = ("br",)

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)


def tags(page: str) -> list[str]:
    """The tags of a page, in order, after a check that each is closed and none is a script."""
    checker = _Checker()
    checker.feed(page)
    checker.close()
    assert not checker.open
    assert not {"script", "style", "link", "iframe", "object"} & set(checker.seen)
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    return checker.seen
