"""Is each framework known to its own front end only?"""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from .test_imports import MODULES, Path, imports, name_of

#: What a module that speaks of a framework calls it, in code and in messages.
NAMES = {"torch": "torch|PyTorch", "jax": "jax|jnp|JAX", "onnx": "onnx|ONNX"}

#: Besides its own front end a framework is named where front ends are chosen by the types of a point, in the tables of
#: slopes, and where a user names a tool or a file.
CHOOSE = ("frontends.frameworks", "frontends.points", "frontends.ties", "extend", "torch", "jax", "onnx", "", "cli",
          "gallery", "batch.origin")


@cache
def words(path: Path) -> tuple[frozenset[str], frozenset[str]]:
    """The strings of a module without its documentation, and its names."""
    nodes = [*ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    said = {
        node.body[0].value for node in nodes
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    strings, names = set(), set()
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in said:
            strings.add(node.value)
        elif isinstance(node, (ast.Name, ast.Attribute)):
            names.add(node.id if isinstance(node, ast.Name) else node.attr)
    return frozenset(strings), frozenset(names)


def _is_in(name: str, folders: tuple[str, ...]) -> bool:
    return any(name == folder or (folder and name.startswith(f"{folder}.")) for folder in folders)


@pytest.mark.parametrize("framework", NAMES)
def test_a_framework_is_named_in_its_own_front_end_only(framework: str) -> None:
    own, word = f"frontends.{framework}", re.compile(rf"\b({NAMES[framework]})\b")
    others = [path for path in MODULES if not _is_in(name_of(path), (own, *CHOOSE))]
    assert not [name_of(path) for path in others if any(map(word.search, frozenset.union(*words(path))))]


def _loaded(path: Path) -> set[str]:
    """The frameworks that a module imports, or asks for by `require`."""
    asked = re.findall(r'\brequire\("(\w+)', path.read_text(encoding="utf-8"))
    return {name.split(".")[0] for name, _ in imports(path)} | set(asked)


@pytest.mark.parametrize("framework", NAMES)
def test_a_framework_is_loaded_by_its_own_front_end_only(framework: str) -> None:
    """And where a user's call begins, or a point is made."""
    allowed = (f"frontends.{framework}", framework, "frontends.points", "gallery.torch_models")
    users = [name_of(path) for path in MODULES if framework in _loaded(path)]
    assert users and all(_is_in(name, allowed) for name in users), users
