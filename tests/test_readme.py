"""README.md shows real output; its commands are those that run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import absnormal as an
from absnormal.cli import main
from absnormal.frontends.ties.slopes import TABLES
from absnormal.gallery import digits
from absnormal.judgement.ladder import RUNGS
from tests import formats

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def block(heading: str, language: str) -> str:
    found = re.search(rf"^## {heading}$.*?^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def test_the_first_example_prints_what_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.py").write_text(block("An example", "py"))
    monkeypatch.chdir(tmp_path)
    command, output = block("An example", "console").split("\n", 1)
    assert command == "$ absnormal check model.py:loss --at 0 --slope -1"
    assert main(["check", "model.py:loss", "--at", "0", "--slope", "-1"]) == 1
    assert capsys.readouterr().out == output


def test_the_ci_section_works_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.py").write_text(block("An example", "py"))
    (tmp_path / "test_model.py").write_text(block("In your CI", "py"))
    # How fast examples are drawn is no matter of what is shown.
    (tmp_path / "conftest.py").write_text(
        "from hypothesis import HealthCheck, settings\n"
        "settings.register_profile('slow', deadline=None, suppress_health_check=list(HealthCheck))\n"
        "settings.load_profile('slow')\n"
    )
    monkeypatch.chdir(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    job = block("In your CI", "yaml")
    (command,) = re.findall(r"- run: pytest (.*)", job)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "absnormal.pytest_plugin", "-p", "no:cacheprovider", *command.split()],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert formats.sarif(Path(re.findall(r"sarif_file: (.*)", job)[0]).read_text()) == []
    typed, *shown = block("In your CI", "console").splitlines()
    assert main(typed.split()[2:]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert [line.removesuffix("...") for line in shown] == [
        line[: len(want.removesuffix("..."))] for line, want in zip(printed, shown, strict=False)
    ]


@pytest.mark.parametrize("line", [line for line in block("Quick start", "sh").splitlines() if "gallery" in line])
def test_quick_start_targets_exist(line: str) -> None:
    target = re.search(r"absnormal check (\S+)", line)
    assert target is not None
    assert main(["check", target[1]]) == (1 if "exit status 1" in line else 0)


def test_first_lines_do_everything() -> None:
    assert block("Quick start", "sh").startswith("python3 -m venv .venv && .venv/bin/pip install -q . && ")
    assert block("Tests", "sh") == (
        "python3 -m venv .venv && .venv/bin/pip install -q torch==2.13.0 && .venv/bin/pip install -q '.[test]'"
        " && .venv/bin/python -m pytest\n"
    )


def test_every_theorem_is_listed() -> None:
    listed = set(re.findall(r"^\| ([a-z ]+) \|", TEXT.split("## The theorems")[1].split("## ")[0], re.MULTILINE))
    modules = {rung.__module__.rsplit(".", 1)[-1].replace("_", " ") for rung in RUNGS}
    assert modules <= listed - {"method"}


def test_slopes_are_those_of_the_tables() -> None:
    rows = re.findall(r"^\| (abs|maximum, minimum|fmax, fmin|clip, [a-z ]+) \| (.*) \|$", TEXT, re.MULTILINE)
    keys = {"abs": ["abs"], "maximum, minimum": ["maximum"], "fmax, fmin": ["fmax", "fmin"]}
    assert len(rows) == 4
    for name, cells in rows:
        for tool, cell in zip(["autograd", "torch", "jax", "casadi"], cells.split(" | "), strict=True):
            values = [TABLES[tool][key] for key in keys.get(name, ["clip.low", "clip.high"])]
            assert [float(number) for number in cell.split(", ")] == values


_CELLS = r"(\S+) \| (\w+) \| (\w+)"
COMPARED = re.findall(rf"^\| `([^`]*x[^`]*)` \| {_CELLS} \| {_CELLS} \|$", TEXT, re.MULTILINE)


@pytest.mark.parametrize("row", COMPARED, ids=[row[0] for row in COMPARED])
def test_comparison_with_torch(row: tuple[str, ...]) -> None:
    import torch

    names = {name: getattr(torch, name) for name in ("relu", "abs", "log1p", "exp")}
    names["maximum"] = lambda u, v: torch.maximum(u, torch.full_like(u, v))

    def f(x):
        return eval(row[0], {**names, "x": x}).sum()

    x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(f(x), x)
    passes = torch.autograd.gradcheck(f, (x,), raise_exception=False)
    found = (f"{gradient.item():g}", "passes" if passes else "fails", an.verify(f, x.detach()).verdict.name)
    assert found == row[1:4]


@pytest.mark.parametrize("row", COMPARED, ids=[row[0] for row in COMPARED])
def test_comparison_with_jax(row: tuple[str, ...]) -> None:
    import jax
    from jax.test_util import check_grads

    names = {name: getattr(jax.numpy, name) for name in ("abs", "maximum", "log1p", "exp")} | {"relu": jax.nn.relu}

    def f(x):
        return eval(row[0], {**names, "x": x})

    with jax.enable_x64(True):
        gradient = jax.grad(f)(0.0)
        try:
            check_grads(f, (0.0,), order=1, modes=["rev"])
            passes = "passes"
        except AssertionError:
            passes = "fails"
        found = (f"{float(gradient):g}", passes, an.verify(f, jax.numpy.zeros(())).verdict.name)
    assert found == row[4:]


def test_the_comparison_was_found() -> None:
    assert len(COMPARED) == 7


SECTION = TEXT.split("\n## Digits\n")[1].split("\n## ")[0]
DIGITS = re.findall(r"^\| `(.*?)`.*? \| (\S+) \| (\S+) \| (\S+) \| (\w+) \| (.*?) \|$", SECTION, re.MULTILINE)


def test_the_table_of_digits_was_found() -> None:
    assert len(DIGITS) == 7


@pytest.mark.parametrize(("call", "variables", "switches", "active", "verdict", "method"), DIGITS)
@pytest.mark.parametrize("slope", [-1.0, 0.0])
def test_digits(
    call: str, variables: str, switches: str, active: str, verdict: str, method: str, slope: float
) -> None:
    problem = eval(call, vars(digits))
    report = an.verify(problem, problem.point, slope=slope)
    found = (report.program.n, report.program.s, len(report.problem.sweeps.alpha))
    assert [f"{count:,}" for count in found] == [variables, switches, active]
    assert (report.verdict.name, report.method) == (verdict, method)
    assert report.deviation < 2e-9
