"""Is a function told from an edited one, from another one, and from the same one with other values?"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.batch.origin import digest, origin
from absnormal.cli.targets import load

ROOT = Path(__file__).parents[2]
MODEL = """\
import functools
import numpy as np
import helper
W = np.ones(3)
def scale():
    return 2.0
def inner(x, factor=1.0):
    return factor * helper.bend(x[0]) * scale() + W @ x
def loss(x):
    return inner(x)
def other(x):
    return inner(x)
twice = functools.partial(inner, factor=2.0)
class Model:
    weight = np.ones(2)
    def loss(self, x):
        return inner(x)
model = Model()
"""
HELPER = "import numpy as np\ndef bend(u):\n    return np.abs(u)\n"
#: An edit of the files: the file, what is replaced, by what.
EDITS = [
    ("model.py", "return inner(x)", "return inner(x) + x[1]"),
    ("model.py", "return 2.0", "return 3.0"),
    ("model.py", "np.ones(3)", "np.zeros(3)"),
    ("model.py", "factor=1.0", "factor=1.5"),
    ("helper.py", "np.abs(u)", "np.maximum(u, 0)"),
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return tmp_path


def found(target: str, edit: tuple[str, str, str] | None = None) -> dict[str, Any]:
    """The origin of a target of the project, with an edit."""
    for name, text in (("model.py", MODEL), ("helper.py", HELPER)):
        Path(name).write_text(text.replace(edit[1], edit[2]) if edit is not None and edit[0] == name else text)
        sys.modules.pop(name.removesuffix(".py"), None)
    try:
        return origin(load(target))
    finally:
        for name in ("model", "helper"):
            sys.modules.pop(name, None)


@pytest.mark.parametrize("target", ["model.py:loss", "model:loss", "model:twice", "model:model.loss"])
def test_an_edit_anywhere_it_reaches_is_another_function(project: Path, target: str) -> None:
    before = found(target)
    assert found(target) == before and set(before["files"]) == {"model", "helper"}
    for number, edit in enumerate(EDITS):
        after = found(target, edit)
        assert after["target"] == before["target"] and after["files"] != before["files"]
        # The first edit is one of a function that the partial one does not call.
        assert (after["code"] != before["code"]) == (number > 0 or target != "model:twice")


def test_other_functions_of_one_file_have_other_names(project: Path) -> None:
    names = {target: found(f"model:{target}")["target"] for target in ("loss", "other", "twice", "model.loss")}
    assert [*names.values()] == ["model:loss", "model:other", "model:inner", "model:Model.loss"]
    assert found("model:twice")["code"] != found("model:inner")["code"]


@pytest.mark.slow
def test_a_second_process_finds_the_same(project: Path) -> None:
    before = found("model:loss")
    text = "from absnormal.cli import load\nfrom absnormal.batch.origin import origin\n"
    text += "print(origin(load('model:loss')))\n"
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, "-c", text], env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == str(before)


def _made(text: str, **values: Any) -> Callable[[Any], Any]:
    """A function without a file, as in a notebook."""
    space = {"np": np, "__name__": "__main__", **values}
    exec(compile(text, "<cell>", "exec"), space)
    made: Callable[[Any], Any] = space["f"]
    return made


def test_without_a_file_the_code_counts() -> None:
    text = "def g(u):\n    return {'a', 'b'} and np.abs(u)\ndef f(x):\n    return (lambda: factor * g(x[0]))()"
    before = origin(_made(text, factor=2.0))
    assert origin(_made(text, factor=2.0)) == before and not before["files"]
    assert origin(_made(text, factor=3.0)) != before
    assert origin(_made(text.replace("np.abs(u)", "np.abs(2 * u)"), factor=2.0)) != before
    assert origin(_made(text.replace("np.abs", "np.sign"), factor=2.0)) != before


def closed_over(value: Any) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        return value

    return f


class Holder:
    def __init__(self, weight: Any) -> None:
        self.weight = weight

    @functools.cached_property
    def size(self) -> int:
        return int(np.size(self.weight))

    def __call__(self, x: Any) -> Any:
        return self.weight


def _linear(seed: int) -> Any:
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout(0.1))


def _abs(factor: float) -> Any:
    return an.trace(lambda x: factor * np.abs(x[0]), [0.0])


@pytest.mark.parametrize("make", [
    lambda k: k, float, lambda k: np.full(3, k), lambda k: {"a": [k, (1, 2)]}, lambda k: {f"{k}", "b"}, Holder,
    lambda k: torch.tensor([k], dtype=torch.bfloat16), _linear, lambda k: types.SimpleNamespace(rate=k),
    lambda k: functools.partial(closed_over, k), _abs, lambda k: (np.abs, np.maximum)[k],
])  # fmt: skip
def test_values_that_it_holds(make: Callable[[int], Any]) -> None:
    assert origin(closed_over(make(0))) == origin(closed_over(make(0)))
    assert origin(closed_over(make(0))) != origin(closed_over(make(1)))


def test_what_is_only_remembered_does_not_count() -> None:
    holder = Holder(np.ones(4))
    before = origin(holder)
    assert holder.size == 4 and origin(holder) == before
    circle: list[Any] = []
    circle.append(circle)
    assert origin(closed_over(circle)) == origin(closed_over(circle))


def test_the_same_numbers_in_another_precision_are_another_point() -> None:
    points = [np.zeros(2), np.zeros(2, np.float32), np.zeros((2, 1)), torch.zeros(2), torch.zeros(2).double()]
    assert len({digest(point) for point in points}) == len(points)
