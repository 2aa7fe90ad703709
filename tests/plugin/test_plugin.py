"""A user's project under pytest with the plugin: what passes, fails and skips, and what is said of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests import formats
from tests.plugin.sample import FINDINGS, OUTCOMES, make

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    make(tmp_path)
    return tmp_path


def run(folder: Path, *arguments: str, undecided: str = "skip") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "",
                   "CI": "", "GITHUB_ACTIONS": "", "COLUMNS": "200"}  # fmt: skip
    (folder / "pytest.ini").write_text(f"[pytest]\nclarke_undecided = {undecided}\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "absnormal.pytest_plugin", "-p", "no:cacheprovider", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True,
    )  # fmt: skip


def outcomes(text: str) -> dict[str, str]:
    return {name: word.lower() for name, word in re.findall(r"::([\w\[\]]+) (PASSED|FAILED|SKIPPED)", text)}


def short(name: str) -> str:
    return name.rpartition("::")[2]


@pytest.mark.slow
def test_it_passes_fails_and_skips_with_the_right_lines(project: Path) -> None:
    done = run(project, "-v", "--clarke-report=out.json", "--junitxml=junit.xml")
    assert done.returncode == 1 and not done.stderr
    assert outcomes(done.stdout) == OUTCOMES
    # The text: the report with the user's lines, and none of the plugin's.
    assert "AssertionError: NOT_CLARKE: proved: the gradient is not" in done.stdout
    assert "np.maximum at wrong.py:5: 1 of 1 active (z0), slope -1   | positive = np.maximum(x[0], 0)" in done.stdout
    assert "np.maximum at wrong.py:7: 1 of 1 active" in done.stdout
    assert "clarke(identity, [0.0, 0.0], slope=-1)" in done.stdout
    assert "pytest_plugin.py" not in done.stdout
    # The terminal summary.
    summary = done.stdout.split(" Clarke gradients ")[1]
    assert re.search(r"^proved: 5 \(4 smooth, 1 regular\)$", summary, re.MULTILINE) is not None
    assert "NOT_CLARKE test_losses.py::test_wrong: z0 and z2 kink on the same set" in summary
    assert "    np.maximum at losses/wrong.py:7   | negative = np.maximum(-x[0], 0)" in summary
    assert "unrelated" not in summary
    # The JSON.
    found = json.loads((project / "out.json").read_text())
    assert found["summary"]["verdicts"] == {"CLARKE": 5, "NOT_CLARKE": 2, "UNDECIDED": 1, "ERROR": 1}
    verdicts = {short(result["name"]): result for result in found["results"]}
    for name, (verdict, (file, lines)) in FINDINGS.items():
        assert verdicts[name]["verdict"] == verdict
        assert [(line["path"], line["line"]) for line in verdicts[name]["lines"]] == [
            (str(project / file), line) for line in lines
        ]
    # pytest's own JUnit file.
    cases = {case.attrib["name"]: case for case in ElementTree.parse(project / "junit.xml").iter("testcase")}
    failure = cases["test_wrong"].find("failure")
    assert failure is not None and "wrong.py:7" in (failure.text or "")
    assert cases["test_open"].find("skipped") is not None


@pytest.mark.slow
def test_sarif_and_junit_reports_have_the_lines(project: Path) -> None:
    run(project, "--clarke-report=out.sarif")
    results = formats.sarif((project / "out.sarif").read_text())
    assert {short(result["message"]["text"].partition(": ")[0]): (result["ruleId"], formats.places(result))
            for result in results} == {
        name: (verdict, [(file, line) for line in lines]) for name, (verdict, (file, lines)) in FINDINGS.items()
    }  # fmt: skip
    run(project, "--clarke-report=out.xml")
    cases = {short(case.attrib["name"]): case for case in formats.junit((project / "out.xml").read_text())}
    tags = {"NOT_CLARKE": "failure", "UNDECIDED": "skipped", "ERROR": "error"}
    assert len(cases) == 9
    for name, case in cases.items():
        if name not in FINDINGS:
            assert not len(case)
            continue
        verdict, (file, lines) = FINDINGS[name]
        found = case.find(tags[verdict])
        assert found is not None
        assert all(f"{file}:{line}" in (found.text or "") for line in lines)


@pytest.mark.slow
def test_two_workers_find_the_same(project: Path) -> None:
    run(project, "--clarke-report=one.json")
    done = run(project, "-p", "xdist", "-n", "2", "--clarke-report=two.json")
    assert done.returncode == 1

    def results(name: str) -> list[Any]:
        found = json.loads((project / name).read_text())["results"]
        return sorted([(r["name"], r["verdict"], r["method"], r["lines"]) for r in found], key=str)

    assert results("one.json") == results("two.json")
    assert "NOT_CLARKE test_losses.py::test_wrong" in done.stdout.split(" Clarke gradients ")[1]


@pytest.mark.slow
@pytest.mark.parametrize(("undecided", "outcome"), [("fail", "failed"), ("warn", "passed"), ("skip", "skipped")])
def test_what_undecided_means(project: Path, undecided: str, outcome: str) -> None:
    done = run(project, "-v", "-k", "test_open", undecided=undecided)
    assert outcomes(done.stdout) == {"test_open": outcome}
    assert ("UndecidedWarning" in done.stdout) == (undecided == "warn")
    assert "UNDECIDED test_losses.py::test_open" in done.stdout


@pytest.mark.slow
def test_a_slope_for_the_whole_project(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import numpy as np\ndef test_it(clarke):\n"
        "    clarke(lambda x: np.maximum(x[0], 0) - np.maximum(-x[0], 0), [0.0])\n"
    )
    assert run(tmp_path).returncode == 0
    assert run(tmp_path, "-o", "clarke_slope=-1").returncode == 1


@pytest.mark.slow
def test_hypothesis_goes_to_the_kinks_and_the_report_counts(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import numpy as np\nfrom hypothesis import Phase, given, settings\nfrom absnormal.testing import strategies\n"
        "def loss(x):\n    return np.maximum(x[0] - x[1], 0) - np.maximum(x[1] - x[0], 0)\n"
        "@settings(max_examples=10, deadline=None, database=None)\n"
        "@given(x=strategies.kinks(loss, 2))\n"
        "def test_right(clarke, x):\n    clarke(loss, x, slope=0)\n"
        # What is found need not be made small, and explained.
        "@settings(max_examples=10, deadline=None, database=None, phases=[Phase.generate])\n"
        "@given(x=strategies.kinks(loss, 2))\n"
        "def test_wrong(clarke, x):\n    clarke(loss, x, slope=-1)\n"
    )
    done = run(tmp_path, "-v", "--clarke-report=out.json")
    assert outcomes(done.stdout) == {"test_right": "passed", "test_wrong": "failed"}
    verdicts = json.loads((tmp_path / "out.json").read_text())["summary"]["verdicts"]
    assert verdicts["CLARKE"] == 10 and verdicts["NOT_CLARKE"] >= 1


MODEL = """\
import torch
from torch import nn


class Readout(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 3, bias=False)

    def forward(self, x):
        hidden = self.first(x)
        return torch.relu(hidden).sum() - torch.relu(-hidden).sum()
"""
TESTS = """\
import jax, jax.numpy as jnp, pytest, torch
from torch.func import functional_call
from model import Readout

X = torch.ones(4, 2)

def loss(parameters):
    return functional_call(Readout(), parameters, X)

def test_right(clarke):
    clarke(loss, {"first.weight": torch.ones(3, 2)})

def test_wrong(clarke):
    clarke(loss, {"first.weight": torch.zeros(3, 2)})

@pytest.mark.clarke(points=[jnp.zeros(1)])
def test_jax(x):
    return jnp.sum(jax.nn.relu(x) - jax.nn.relu(-x))
"""


@pytest.mark.slow
def test_models_of_frameworks(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "test_it.py").write_text(TESTS)
    done = run(tmp_path, "-v", "--clarke-report=out.json")
    assert {name.partition("[")[0]: outcome for name, outcome in outcomes(done.stdout).items()} == {
        "test_right": "passed", "test_wrong": "failed", "test_jax": "failed",
    }  # fmt: skip
    assert "model.py:12" in done.stdout and "test_it.py:18" in done.stdout
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["summary"]["verdicts"] == {"CLARKE": 1, "NOT_CLARKE": 2}


#: Markers, and what is said of them.
BAD_MARKERS = [
    ("slope=-1", "needs points"),
    ("points=3", "needs points"),
    ("points=[[0.0]], slop=1", "unknown option 'slop'"),
    ("[[0.0]], points=[[0.0]]", "points are given twice"),
    ("points=[]", "has no points, so that nothing would be judged"),
]


def test_a_bad_marker_is_named(tmp_path: Path) -> None:
    for number, (marker, _) in enumerate(BAD_MARKERS):
        (tmp_path / f"test_{number}.py").write_text(
            f"import pytest\n@pytest.mark.clarke({marker})\ndef test_it(x):\n    return x[0]\n"
        )
    done = run(tmp_path)
    assert done.returncode == 2
    errors = re.split(r"^_+ ERROR collecting (test_\d\.py) _+$", done.stdout, flags=re.MULTILINE)
    told = dict(zip(errors[1::2], errors[2::2], strict=True))
    for number, (_, said) in enumerate(BAD_MARKERS):
        file = f"test_{number}.py"
        assert said in told[file] and f"{file}::test_it" in told[file]
    assert "Traceback" not in done.stdout and "pytest_plugin.py" not in done.stdout


def test_a_marked_function_without_an_argument(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import pytest\n@pytest.mark.clarke(points=[[0.0]])\ndef test_it():\n    return 0.0\n"
    )
    assert "takes the point as its first argument" in run(tmp_path).stdout


#: Marked tests that pytest runs in another way than as a function of a point.
MARKED = """\
import sys, unittest
import numpy as np
import pytest

def identity(x):
    return np.maximum(x[0], 0) - np.maximum(-x[0], 0)

class TestUnit(unittest.TestCase):
    @pytest.mark.clarke(points=[[0.0]], slope=-1)
    def test_method(self):
        pass

@pytest.mark.clarke(points=[[0.0]], slope=-1)
class TestUnitClass(unittest.TestCase):
    def test_method_of_class(self, x=None):
        identity(np.zeros(1))

@pytest.mark.clarke(points=[[0.0]], slope=-1)
class TestPlain:
    def test_plain(self, x):
        return identity(x)

    @staticmethod
    def test_static(x):
        return identity(x)

@pytest.mark.clarke(points=[[0.0]], slope=0)
@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_scaled(x, scale):
    return scale * identity(x)

@pytest.mark.clarke(points=[[0.0]])
def test_exits(x):
    sys.exit(0)

@pytest.mark.clarke(points=[[0.0]])
def test_none(x):
    identity(x)

@pytest.mark.clarke(points=[[0.0]])
def test_skips(x):
    pytest.skip("not here")
"""
NOT_LOSSES = {
    "@given(s=st.floats())\ndef test_it(x, s):\n    return s * x[0]": "is called by Hypothesis",
    "async def test_it(x):\n    return x[0]": "must not be async",
}


@pytest.mark.slow
def test_a_marked_test_without_a_verdict_has_not_passed(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(MARKED)
    done = run(tmp_path, "-v", "--clarke-report=out.json")
    assert outcomes(done.stdout) == {
        "test_method": "failed", "test_method_of_class": "failed", "test_plain[point0]": "failed",
        "test_static[point0]": "failed", "test_exits[point0]": "failed", "test_none[point0]": "failed",
        "test_skips[point0]": "skipped",
    } | {name: "passed" for name in outcomes(done.stdout) if name.startswith("test_scaled")}  # fmt: skip
    assert done.stdout.count("PASSED") == 2 and done.stdout.count("was not seen by what ran this test") >= 2
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["summary"]["verdicts"] == {"CLARKE": 2, "NOT_CLARKE": 2, "ERROR": 2}
    reasons = [result["reason"] for result in found["results"] if result["verdict"] == "ERROR"]
    assert reasons[0].startswith("SystemExit at test_it.py:34: 0") and "must return a number" in reasons[1]


def test_a_marker_on_what_is_no_loss_is_named(tmp_path: Path) -> None:
    head = "import pytest\nfrom hypothesis import given\nfrom hypothesis import strategies as st\n"
    for number, text in enumerate(NOT_LOSSES):
        (tmp_path / f"test_{number}.py").write_text(f"{head}@pytest.mark.clarke(points=[[0.0]])\n{text}\n")
    done = run(tmp_path)
    assert done.returncode == 2 and all(said in done.stdout for said in NOT_LOSSES.values())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--clarke-report=out.txt"], "--clarke-report must end in .json, .sarif or .xml"),
        (["--clarke-report=no/such/out.json"], "--clarke-report no/such/out.json cannot be written"),
        (["-o", "clarke_undecided=maybe"], "clarke_undecided must be one of fail, warn, skip"),
    ],
)
def test_bad_usage(project: Path, arguments: list[str], said: str) -> None:
    done = run(project, *arguments)
    assert done.returncode == 4 and said in done.stderr and "Traceback" not in done.stderr


def test_the_entry_point_is_the_module() -> None:
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    assert points == {"absnormal.pytest_plugin": "absnormal.pytest_plugin"}


def test_starting_the_plugin_imports_nothing_heavy() -> None:
    code = "import sys, pytest; old = set(sys.modules); import absnormal.pytest_plugin; print(*set(sys.modules) - old)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {"absnormal", "absnormal.pytest_plugin"}
