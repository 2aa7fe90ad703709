"""Has every public name a docstring with an example that runs?  (That they run is tested with the doctests.)"""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import pydoc
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import absnormal

#: Modules whose names a user writes, and what they offer.
_PUBLIC = [name for name in absnormal.__all__ if isinstance(getattr(absnormal, name), ModuleType)] + ["gallery"]


def _examples(thing: Any) -> int:
    return len(doctest.DocTestParser().get_examples(inspect.getdoc(thing) or ""))


def _names() -> list[tuple[str, Any]]:
    found = [(name, getattr(absnormal, name)) for name in absnormal.__all__]
    for module in _PUBLIC:
        loaded = importlib.import_module(f"absnormal.{module}")
        found += [(f"{module}.{name}", getattr(loaded, name)) for name in getattr(loaded, "__all__", ())]
    return [
        (name, thing) for name, thing in found
        if not isinstance(thing, ModuleType) and (inspect.isclass(thing) or inspect.isfunction(thing))
    ]


@pytest.mark.parametrize(("name", "thing"), _names(), ids=[name for name, _ in _names()])
def test_every_public_name_has_an_example_that_runs(name: str, thing: Any) -> None:
    assert _examples(thing), f"absnormal.{name} has no example in its docstring"


#: What goes wrong in these is nothing that a caller did.
_NEVER_RAISE = {"progress", "gallery.examples"}


@pytest.mark.parametrize("name", sorted(name for name, thing in _names() if inspect.isfunction(thing)))
def test_every_public_function_says_what_it_takes_and_returns_and_raises(name: str) -> None:
    function = dict(_names())[name]
    text = inspect.getdoc(function) or ""
    sections = dict(re.findall(r"^([A-Z]\w+)\n-+\n(.*?)(?=\n\n[A-Z]\w+\n-+\n|\Z)", text, re.MULTILINE | re.DOTALL))
    signature = inspect.signature(function)
    for parameter in signature.parameters.values():
        if parameter.kind is not parameter.VAR_POSITIONAL:
            entry = re.compile(rf"^(?:[\w*]+, )*\*{{0,2}}{parameter.name}\b", re.MULTILINE)
            said = entry.search(sections.get("Parameters", ""))
            assert said, f"absnormal.{name} does not say what {parameter.name} is"
    returns = signature.return_annotation not in (None, "None")
    assert "Returns" in sections or not returns, f"absnormal.{name} does not say what it returns"
    assert "Raises" in sections or name in _NEVER_RAISE, f"absnormal.{name} does not say what it raises"


@pytest.mark.parametrize("name", ["verify", "trace", "gradient", "clarke_gradient", "generalized_gradient", "sweep"])
def test_what_takes_arrays_speaks_of_shapes(name: str) -> None:
    assert re.search(r"\bshapes?\b", inspect.getdoc(getattr(absnormal, name)) or ""), name


@pytest.mark.parametrize("name", sorted(name for name, thing in _names() if inspect.isclass(thing)))
def test_every_public_method_has_a_docstring(name: str) -> None:
    thing = dict(_names())[name]
    for method, member in vars(thing).items():
        function = getattr(member, "func", getattr(member, "fget", getattr(member, "__func__", member)))
        if not method.startswith("_") and inspect.isfunction(function):
            assert inspect.getdoc(function), f"absnormal.{name}.{method} has no docstring"


def test_every_module_has_a_docstring() -> None:
    for info in pkgutil.walk_packages(absnormal.__path__, "absnormal."):
        if not info.name.endswith(("__main__", "torch", "jax", "onnx")) and ".frontends." not in info.name:
            assert importlib.import_module(info.name).__doc__, info.name


def test_help_reads_well() -> None:
    text = pydoc.plain(pydoc.render_doc(absnormal))
    for name in ("verify", "clarke_gradient", "generalized_gradient", "abs_normal_form", "trace"):
        assert f"absnormal.{name}" in (absnormal.__doc__ or "") or f"an.{name}" in (absnormal.__doc__ or ""), name
    assert len((absnormal.__doc__ or "").splitlines()) > 10
    assert "verify(" in text


def test_the_map_names_every_folder_and_nothing_that_is_not_there() -> None:
    package = Path(absnormal.__file__).parent
    text = (package / "ARCHITECTURE.md").read_text(encoding="utf-8")
    folders = [path for path in package.iterdir() if path.is_dir() and (path / "__init__.py").exists()]
    assert not [path.name for path in folders if f"`{path.name}/`" not in text]
    for name in re.findall(r"`(\w[\w/.]*)`", text):
        parts = re.split(r"[/.]", name.removesuffix(".py").rstrip("/"))
        if (package / parts[0]).is_dir() or (package / f"{parts[0]}.py").exists():
            # The last part may be a name in a module.
            paths = [package.joinpath(*parts[:count]) for count in {len(parts), max(1, len(parts) - 1)}]
            assert any(path.is_dir() or path.with_suffix(".py").exists() for path in paths), name
