"""What the site has besides the pages of absnormal/docs: README, theory, architecture, notebooks, the reference.

MkDocs calls these hooks (`.mkdocs.yml`).  Links in the repository go from file to file; here they go from page to page.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import os.path
import re
from pathlib import Path
from types import ModuleType
from typing import Any

from latex2mathml.converter import convert
from markdown import Markdown
from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
DOCS = "absnormal/docs"
#: Files of the repository that come into the site, and their names there.
PAGES = {
    "README.md": "index.md",
    "absnormal/THEORY.md": "THEORY.md",
    "absnormal/ARCHITECTURE.md": "ARCHITECTURE.md",
    "LICENSE": "LICENSE.md",
    "tests/README.md": "TESTS.md",
    ".github/CITATION.cff": "CITATION.cff",
    ".github/CHANGELOG.md": "CHANGELOG.md",
    ".github/CONTRIBUTING.md": "CONTRIBUTING.md",
    **{f"notebooks/{path.name}": f"notebooks/{path.stem}.md" for path in sorted((ROOT / "notebooks").glob("*.ipynb"))},
}
#: Modules whose names a user writes, each a page of the reference.
MODULES = ("absnormal", "torch", "jax", "onnx", "testing", "plot", "extend", "gallery")
_PICTURE = re.compile(
    r"<picture>\s*<source[^>]* srcset=\"([^\"]+)\">\s*<img alt=\"([^\"]*)\" src=\"([^\"]+)\">\s*</picture>"
)
_MATH = re.compile(r"\$(\$)?(.+?)\$(?(1)\$)", re.DOTALL)
#: What SymPy and the forms write, in words that the converter knows.
_KNOWN = {"\\begin{aligned}": "\\begin{array}{rl}", "\\end{aligned}": "\\end{array}", "\\\\[4pt]": "\\\\"}
#: Code, where nothing is a link, or a link to a file.
_LINK = re.compile(
    r"^```.*?^```|`[^`\n]+`|(\]\(|src(?:set)?=\")([^)\"#:\s]+)(#[^)\"\s]*)?(?=[)\"])", re.DOTALL | re.MULTILINE
)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Notebooks and reference come into the navigation by themselves."""
    own = {
        "Notebooks": [page for page in PAGES.values() if page.startswith("notebooks/")],
        "Reference": [f"reference/{name}.md" for name in reference()],
    }
    config.nav = [{title: own.get(title, pages) for title, pages in entry.items()} for entry in config.nav or []]
    config.markdown_extensions.append(Sessions())
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in absnormal/docs."""
    for source, page in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=notebook(text) if source.endswith(".ipynb") else text))
    for name, text in reference().items():
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links to files become links to pages; sessions of Python are marked as such."""
    names = {site: source for source, site in PAGES.items()}
    source = names.get(page.file.src_uri, f"{DOCS}/{page.file.src_uri}")

    def linked(match: re.Match[str]) -> str:
        start, target, anchor = match[1], match[2], match[3] or ""
        if start is None:
            return match[0]
        place = os.path.normpath(os.path.join(os.path.dirname(source), target))
        site = PAGES.get(place, os.path.relpath(place, DOCS))
        return f"{start}{os.path.relpath(site, os.path.dirname(page.file.src_uri) or '.')}{anchor}"

    markdown = _PICTURE.sub(_both, markdown)
    return re.sub(r"^```python\n(?=>>>)", "```pycon\n", _LINK.sub(linked, markdown), flags=re.MULTILINE)


class Sessions(Extension):
    """Sessions of Python in docstrings are code, as doctest takes them: from >>> to an empty line."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Before fenced blocks are read."""
        md.preprocessors.register(_Fenced(md), "sessions", 40)


class _Fenced(Preprocessor):
    def run(self, lines: list[str]) -> list[str]:
        """Put a fence around each session that has none."""
        found, fenced, inside = [], False, False
        for line in [*lines, ""]:
            fenced ^= line.lstrip().startswith("```")
            if not fenced and not inside and line.startswith(">>> "):
                inside = True
                found.append("```pycon")
            elif inside and not line.strip():
                inside = False
                found.append("```")
            found.append(line)
        return found


def _both(match: re.Match[str]) -> str:
    """A picture for each ground: the site has a switch of its own."""
    dark, said, light = match.groups()
    return f"![{said}]({light}#only-light)\n![{said}]({dark}#only-dark)"


def _formula(match: re.Match[str]) -> str:
    """A formula as MathML, which browsers draw by themselves."""
    block, tex = match.groups()
    for written, known in _KNOWN.items():
        tex = tex.replace(written, known)
    return f"<span>{convert(tex, display='block' if block else 'inline')}</span>"


def notebook(text: str) -> str:
    """A notebook with its outputs, in Markdown."""
    parts = []
    for cell in json.loads(text)["cells"]:
        source = "".join(cell["source"])
        parts.append(_MATH.sub(_formula, source) if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        parts += [shown for output in cell.get("outputs", []) if (shown := _output(output))]
    return "\n\n".join(parts) + "\n"


def _output(output: dict[str, Any]) -> str:
    data = {kind: "".join(value) for kind, value in output.get("data", {}).items()}
    if "image/png" in data:
        return f'<p><img alt="" src="data:image/png;base64,{data["image/png"].strip()}"></p>'
    if "text/html" in data:
        return f'<div class="output">{" ".join(data["text/html"].split(chr(10)))}</div>'
    if "text/latex" in data:
        return _MATH.sub(_formula, data["text/latex"])
    plain = data.get("text/plain", "".join(output.get("text", "")))
    return f"```text\n{plain.rstrip()}\n```" if plain else ""


def reference() -> dict[str, str]:
    """A page for each module whose names a user writes."""
    pages = {}
    for name in MODULES:
        public = name if name == "absnormal" else f"absnormal.{name}"
        if importlib.util.find_spec(public) is None:
            continue
        module = importlib.import_module(public)
        things = [(item, getattr(module, item)) for item in getattr(module, "__all__", ())]
        things.sort(key=lambda thing: _kind(thing[1]))
        shown = [
            f"::: {thing.__module__}.{thing.__qualname__}\n    options:\n      heading: {public}.{item}\n"
            for item, thing in things if inspect.isfunction(thing) or inspect.isclass(thing)
        ]
        pages[name] = f"# {public}\n\n{_first(module)}\n\n" + "\n".join(shown)
    return pages


def _kind(thing: Any) -> int:
    """Functions come first, then what they return, then errors."""
    return inspect.isclass(thing) + (inspect.isclass(thing) and issubclass(thing, Exception))


def _first(module: ModuleType) -> str:
    return (module.__doc__ or "").strip().split("\n\n")[0]
