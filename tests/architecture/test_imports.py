"""Data flows one way: what a module may import, how long it may be, what `import absnormal` costs and loads."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

import absnormal
from absnormal._shown import SHOWN, shown

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "absnormal"

#: Each folder, and each module beside the folders, has a layer: it may import from its own and from lower ones.
FOLDERS = {
    "errors": 0, "arrays": 0, "_optional": 0, "_shown": 0,
    "ops": 1, "rational": 1,
    "program": 2, "gallery": 2,
    "sweeps": 3,
    "active": 4,
    "clarke": 5,
    "theorems": 6, "frontends": 6,
    "certificates": 7, "form": 7,
    "report": 8, "display": 8, "judgement": 8,
    "model_step": 8, "verify": 9, "stationarity": 9,
    "kinks": 10, "minimize": 10, "jacobian": 10,
    "batch": 10, "torch": 10, "jax": 10, "onnx": 10, "extend": 10, "": 10, "progress": 10,
    "testing": 11, "pytest_plugin": 11, "cli": 11, "plot": 11,
    "__main__": 12,
}  # fmt: skip
#: Modules that lie below their folder: what theorems rest on, and what imports nothing.
BELOW = {
    "program.nodes": 0, "judgement.tolerances": 0, "certificates.checker": 0,
    "certificates.witness": 4, "certificates.interval": 4, "certificates.next_to_program": 4,
    "certificates.merged_kinks": 4, "certificates.of_slopes": 4,
    "certificates.of_variable_coefficients": 4,
    "certificates.evidence": 4, "certificates.agreement": 4,
}  # fmt: skip
LAYERS = FOLDERS | BELOW

#: A framework's name is known to front ends only.
BEHIND_FRONT_ENDS = (
    "program", "ops", "sweeps", "active", "rational", "certificates", "clarke", "theorems", "report", "display",
)

#: The cheap proofs, and the explicit set that judges them in tests.
CHEAP = ("smooth", "private_directions", "regular", "likq", "direction", "supporting", "even_part",
         "layered_blocks")
EXPLICIT = ("absnormal.clarke.cells", "absnormal.clarke.components", "absnormal.clarke.generalized_gradient")

FRAMEWORKS = ("torch", "jax", "onnx", "autograd", "casadi", "sklearn", "sympy", "matplotlib")

MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer(name: str) -> int:
    parts = name.split(".") if name else []
    prefixes = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return LAYERS[next((prefix for prefix in prefixes if prefix in LAYERS), name)]


@cache
def imports(path: Path) -> tuple[tuple[str, bool], ...]:
    """The modules that a module imports, and whether it does so as it is loaded; those for type checkers left out."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[tuple[str, bool]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    stack: list[tuple[ast.AST, bool]] = [(tree, True)]
    while stack:
        node, loading = stack.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, loading) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield (whole if _is_module(whole) else node.module), loading
        inside = loading and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        stack += [(child, inside) for child in ast.iter_child_nodes(node)]


@cache
def _is_module(name: str) -> bool:
    place = ROOT.joinpath(*name.split("."))
    return name.startswith("absnormal") and (place.with_suffix(".py").exists() or place.is_dir())


def ours(path: Path) -> Iterator[tuple[str, bool]]:
    for name, loading in imports(path):
        if name == "absnormal" or name.startswith("absnormal."):
            yield name.removeprefix("absnormal").removeprefix("."), loading


def test_imports_go_downward() -> None:
    """Also those of a function, when it is called; what shows an object is found by its name in one table."""
    modules = [(path, name_of(path)) for path in MODULES]
    assert not [(own, name) for path, own in modules for name, _ in ours(path) if layer(name) > layer(own)]


def test_every_folder_and_every_module_beside_them_has_a_layer() -> None:
    found = {name_of(path).split(".")[0] for path in MODULES}
    assert found == set(FOLDERS)
    assert all(name_of(path) in BELOW or layer(name_of(path)) == FOLDERS[name_of(path).split(".")[0]]
               for path in MODULES if not name_of(path).startswith("certificates.checker"))


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_what_shows_an_object_is_there(name: str) -> None:
    """Each is asked for by the method of its class, and by nothing else."""
    assert callable(shown(name))
    asked = [path for path in MODULES if f'shown("{name}")' in path.read_text(encoding="utf-8")]
    (path,) = asked
    assert f"class {name.split('.')[0]}" in path.read_text(encoding="utf-8")


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = {name_of(path): {name for name, loading in ours(path) if loading} for path in MODULES}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        # A front end fills its tables from modules that know its traced arrays; that circle stays within its package.
        if name in above:
            circle = above[above.index(name) :]
            assert all(part.startswith("frontends") for part in circle), f"a circle of imports: {circle}"
            return
        if name not in done:
            for below in graph.get(name, ()):
                visit(below, (*above, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_nothing_behind_the_front_ends_knows_them() -> None:
    behind = [path for path in MODULES if name_of(path).startswith(BEHIND_FRONT_ENDS)]
    names = [(path, name) for path in behind for name, _ in imports(path)]
    assert not [
        (path, name) for path, name in names
        if name.startswith("absnormal.frontends") or name.split(".")[0] in FRAMEWORKS
    ]


def test_cheap_proofs_do_not_load_the_explicit_set() -> None:
    """Not even through another module."""
    loaded = _import("import " + ", ".join(f"absnormal.theorems.{theorem}" for theorem in CHEAP))
    assert not loaded & set(EXPLICIT) and "absnormal.theorems.problem" in loaded


def test_the_checker_loads_nothing_else() -> None:
    """A certificate is re-checked with Python alone."""
    loaded = _import("import absnormal.certificates.checker")
    own = {name for name in loaded if name.split(".")[0] == "absnormal"}
    parts = {f"absnormal.{name_of(path)}" for path in (PACKAGE / "certificates" / "checker").glob("*.py")}
    assert own == {"absnormal", "absnormal.certificates"} | parts
    assert not {"numpy", "scipy"} & loaded


def test_the_explicit_set_does_not_know_the_theorems() -> None:
    known = [name for path in MODULES if name_of(path).startswith("clarke") for name, _ in ours(path)]
    assert known and not [name for name in known if name.startswith("theorems")]


def test_no_module_is_longer_than_400_lines() -> None:
    assert not [path for path in MODULES if len(path.read_text(encoding="utf-8").splitlines()) > 400]


def _import(what: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", f"{what}\nimport sys; print(*sys.modules)"],
        env=environment, cwd=ROOT, capture_output=True, text=True, check=True,
    )
    return set(done.stdout.split())


def test_the_import_loads_no_framework() -> None:
    heavy = {"sympy", "torch", "jax", "matplotlib", "sklearn", "scipy.optimize", "autograd", "onnx", "hypothesis"}
    assert not heavy & _import("import absnormal; absnormal.verify")


def test_the_bare_import_loads_nothing_else() -> None:
    modules = _import("import absnormal")
    assert "numpy" not in modules and not [name for name in modules if name.startswith("absnormal.")]


#: Asks for each name in a process of its own, a copy of one that has imported only modules which other names are in.
_EACH = """
import os, sys
import absnormal.verify, absnormal.batch
for name in absnormal.__all__:
    child = os.fork()
    if not child:
        space = {}
        try:
            exec(f"from absnormal import {name} as found", space)
            os._exit(int(space["found"] is not getattr(absnormal, name)))
        except BaseException as error:
            print(name, error, file=sys.stderr, flush=True)
            os._exit(1)
    if os.waitpid(child, 0)[1]:
        sys.exit(f"{name} is not there")
"""


def test_every_public_name_is_there_however_it_is_asked_for() -> None:
    for name in absnormal.__all__:
        found = getattr(absnormal, name)
        assert name in dir(absnormal)
        assert isinstance(found, ModuleType) == (name in ("extend", "jax", "onnx", "plot", "testing", "torch"))
    _import(_EACH)
