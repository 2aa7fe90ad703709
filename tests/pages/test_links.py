"""Does every link of README, of the pages and of what they belong to lead somewhere?"""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pages import DOCS, LINKED, PAGES, ROOT, anchors, name_of, prose

_LINKS = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"")


def links(page: Path) -> list[str]:
    """Where a page points to."""
    return [first or second for first, second in _LINKS.findall(re.sub(r"`[^`]*`", "", prose(page)))]


@pytest.mark.parametrize("page", LINKED, ids=name_of)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for link in links(page):
        target, _, anchor = link.partition("#")
        if target.startswith(("https://", "mailto:")):
            continue
        place = (page.parent / target).resolve() if target else page
        assert place.exists(), link
        assert not anchor or anchor in anchors(place), link


def test_every_page_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        waiting += [(page.parent / link.partition("#")[0]).resolve() for link in links(page) if ":" not in link]
    assert set(PAGES) <= reached
    pictures = (DOCS / "pictures").iterdir() if (DOCS / "pictures").exists() else ()
    assert all(picture.name in "".join(map(prose, PAGES)) for picture in pictures)


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    listed = re.findall(r"^ +- (\w+\.md)$", (ROOT / ".mkdocs.yml").read_text(), re.MULTILINE)
    assert {page.name for page in PAGES[1:]} <= set(listed)


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", ".mkdocs.yml", "-d", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for page in ("index", "torch", "THEORY", "reference/absnormal", "notebooks/04_your_model"):
        assert (tmp_path / f"{page}.html").exists()
    assert "certified Clarke gradient" in (tmp_path / "reference" / "absnormal.html").read_text()
    formulas = (tmp_path / "notebooks" / "02_abs_normal_form.html").read_text()
    assert formulas.count("<math") > 5 and "begin{" not in formulas and "&amp; =" not in formulas
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        shown = (tmp_path / "notebooks" / f"{notebook.stem}.html").read_text()
        page = html.unescape(re.sub("<[^>]*>", "", shown))
        for cell in json.loads(notebook.read_text())["cells"]:
            assert cell["cell_type"] != "code" or "".join(cell["source"]).strip() in page, "code is shown as it is"
