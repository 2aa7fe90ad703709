"""The plugin beside what others do to a run: a random order, traced lines, several processes, warnings as errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.plugin.sample import make
from tests.plugin.test_plugin import run

#: What pytest-randomly and pytest-cov do, without them.
SHUFFLED = """\
import random
import numpy as np
import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    random.Random(3).shuffle(items)

def pytest_runtest_setup(item):
    random.seed(5), np.random.seed(5)
"""
TRACED = """\
import sys, threading

def lines(frame, event, argument):
    seen.add((frame.f_code.co_filename, frame.f_lineno))
    return lines

seen = set()

def pytest_runtest_setup(item):
    sys.settrace(lines), threading.settrace(lines)

def pytest_runtest_teardown(item):
    sys.settrace(None), threading.settrace(None)

def pytest_sessionfinish():
    assert any(name.endswith("wrong.py") for name, _ in seen)
"""
UNIT = """\
import unittest
import absnormal as an
from losses.wrong import identity

class TestUnit(unittest.TestCase):
    def setUp(self):
        self.point = [0.0, 0.0]

    def test_wrong(self):
        an.testing.assert_clarke_gradient(identity, self.point, slope=-1)

    def test_each(self):
        for slope in (0.0, 0.0):
            with self.subTest(slope=slope):
                an.testing.assert_clarke_gradient(identity, self.point, slope=slope)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    make(tmp_path)
    (tmp_path / "test_unit.py").write_text(UNIT)
    return tmp_path


def results(folder: Path, *arguments: str) -> list[Any]:
    done = run(folder, "--clarke-report=out.json", *arguments)
    assert done.returncode == 1 and "INTERNALERROR" not in done.stdout + done.stderr
    found = json.loads((folder / "out.json").read_text())["results"]
    return sorted([(r["name"], r["verdict"], r["method"], r["reason"], r["lines"]) for r in found], key=str)


@pytest.mark.slow
def test_neither_order_nor_tracing_nor_processes_change_a_finding(project: Path) -> None:
    plain = results(project)
    assert ("test_unit.py::TestUnit::test_wrong", "NOT_CLARKE") in [found[:2] for found in plain]
    for text in (SHUFFLED, TRACED):
        (project / "conftest.py").write_text(text)
        assert results(project, "-W", "error") == plain
    (project / "conftest.py").write_text(SHUFFLED.replace("Random(3)", "Random(4)"))
    assert results(project, "-p", "xdist", "-n", "2") == plain


@pytest.mark.slow
def test_a_report_that_the_disk_has_no_room_for_is_named(project: Path, tmp_path: Path) -> None:
    (project / "conftest.py").write_text(
        "import errno\nfrom absnormal import pytest_plugin\n"
        "def full(file, found):\n    raise OSError(errno.ENOSPC, 'No space left on device')\n"
        "pytest_plugin._write = full\n"
    )
    done = run(project, "--clarke-report=out.sarif", "test_losses.py", "-k", "test_right")
    assert done.returncode == 3 and "1 passed" in done.stdout and "Clarke gradients" in done.stdout
    assert "--clarke-report out.sarif cannot be written: No space left on device" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
