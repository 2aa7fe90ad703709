"""A project of a user: a package with right and wrong losses, and its tests.  A framework adds a module and tests."""

from __future__ import annotations

from pathlib import Path

FILES = {
    "losses/__init__.py": "",
    "losses/right.py": """\
import numpy as np


def hinge(w):
    margins = np.array([[1.0, 2.0], [-1.0, 1.0]]) @ w
    return np.mean(np.maximum(1 - margins, 0))
""",
    "losses/wrong.py": """\
import numpy as np


def identity(x):
    positive = np.maximum(x[0], 0)
    unrelated = np.abs(x[1])
    negative = np.maximum(-x[0], 0)
    return positive - negative + unrelated


def undecided(x):
    return np.abs(np.abs(x[1]) - x[0] ** 2) - np.abs(x[1])


def jumps(x):
    return np.sign(x[0])
""",
    "test_losses.py": """\
import numpy as np
import pytest
from losses.right import hinge
from losses.wrong import identity, jumps, undecided


def test_right(clarke):
    assert clarke(hinge, [0.0, 0.5]).verdict.name == "CLARKE"


def test_wrong(clarke):
    clarke(identity, [0.0, 0.0], slope=-1)


def test_open(clarke):
    clarke(undecided, [0.0, 0.0], slope=-1)


def test_refused(clarke):
    clarke(jumps, [0.0])


@pytest.mark.clarke(points=[[0.0, 0.0], [1.0, 1.0]], slope=-1)
def test_marked(x):
    return identity(x)


@pytest.fixture
def scale():
    return 2.0


class TestHinge:
    @pytest.mark.clarke(points=np.zeros((3, 2)))
    def test_hinge(self, w, scale):
        return scale * hinge(w)


def test_plain():
    pass
""",
}

#: What each test comes to, with ``clarke_undecided = skip``.
OUTCOMES = {
    "test_right": "passed", "test_wrong": "failed", "test_open": "skipped", "test_refused": "failed",
    "test_marked[point0]": "failed", "test_marked[point1]": "passed", "test_hinge[point0]": "passed",
    "test_hinge[point1]": "passed", "test_hinge[point2]": "passed", "test_plain": "passed",
}  # fmt: skip

#: The verdicts of the tests that ask for one and are not CLARKE, with the lines that are to blame.
FINDINGS = {
    "test_wrong": ("NOT_CLARKE", ("losses/wrong.py", [5, 7])),
    "test_open": ("UNDECIDED", ("losses/wrong.py", [12])),
    "test_refused": ("ERROR", ("losses/wrong.py", [16])),
    "test_marked[point0]": ("NOT_CLARKE", ("losses/wrong.py", [5, 7])),
}


def make(folder: Path) -> None:
    """Write the project."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
