"""Are the files around the package those that they name: workflows, hooks, forms, recipe, version?"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import absnormal as an

ROOT = Path(__file__).parents[1]
GITHUB = ROOT / ".github"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_one_version() -> None:
    version = re.escape(an.__version__)
    assert "version" in PROJECT["project"]["dynamic"]
    assert read(GITHUB / "CITATION.cff")["version"] == an.__version__
    assert read(GITHUB / "conda" / "recipe.yaml")["context"]["version"] == an.__version__
    assert re.search(rf"^## {version}\b", (GITHUB / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    pages = (ROOT / "absnormal" / "docs").glob("*.md")
    assert set(re.findall(r"(?:@|rev: )v([\d.]+\.\d+\.\d+)", "".join(map(Path.read_text, pages)))) == {an.__version__}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_run_what_exists(path: Path) -> None:
    workflow = read(path)
    # YAML 1.1 takes the key `on` for true.
    assert workflow[True] and workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            for module in re.findall(r"python -m (tests[\w.]*)", step.get("run", "")):
                assert importlib.util.find_spec(module), module
            for script in re.findall(r"(?<!\S)\.ci/\w+", step.get("run", "")):
                assert os.access(ROOT / script, os.X_OK), script
            for extra in re.findall(r"\.\[([\w,]+)\]", step.get("run", "")):
                assert set(extra.split(",")) <= set(PROJECT["project"]["optional-dependencies"])


def test_the_pythons_that_are_tested_are_those_that_are_named() -> None:
    tested = read(GITHUB / "workflows" / "tests.yml")["jobs"]["newest"]["strategy"]["matrix"]["python"]
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["project"]["classifiers"]))
    assert tested == named and PROJECT["project"]["requires-python"] == f">={named[0]}"


def _minima(requirements: list[str]) -> dict[str, str]:
    return dict(re.findall(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)", "\n".join(requirements)))


def test_the_oldest_dependencies_are_those_that_are_run() -> None:
    run = (ROOT / ".ci" / "oldest.txt").read_text() + (ROOT / ".ci" / "oldest").read_text()
    pinned = dict(re.findall(r"([\w-]+)==([\d.]+)", run))
    extras = PROJECT["project"]["optional-dependencies"]
    named = [line for name in ("plot", "onnx", "jax", "testing", "digits") for line in extras[name]]
    for name, version in _minima([*PROJECT["project"]["dependencies"], *named]).items():
        assert pinned[name] == version or pinned[name].startswith(f"{version}."), name


def test_the_recipe_needs_what_the_package_needs() -> None:
    recipe = read(GITHUB / "conda" / "recipe.yaml")
    needed = {line.split()[0]: line.split()[1] for line in recipe["requirements"]["run"] if " " in line}
    needed.pop("python")
    assert needed == {name: f">={version}" for name, version in _minima(PROJECT["project"]["dependencies"]).items()}


@pytest.mark.parametrize("path", sorted((GITHUB / "ISSUE_TEMPLATE").glob("[0-9]*.yml")), ids=lambda path: path.stem)
def test_issue_forms_have_what_a_form_needs(path: Path) -> None:
    form = read(path)
    assert form["name"] and form["description"]
    names = [part["id"] for part in form["body"]]
    assert len(names) == len(set(names))
    assert all(part["type"] in ("input", "textarea") and part["attributes"]["label"] for part in form["body"])


@pytest.mark.slow
def test_commands_can_be_loaded() -> None:
    """Of the tests' own folders, but for benchmarks, whose peers are elsewhere."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if not parts[-1].startswith(("test_", "conftest")) and "benchmarks" not in parts:
            importlib.import_module(".".join(parts))


@pytest.mark.slow
@pytest.mark.parametrize(("commands", "status", "printed"), [
    ("check model.py:loss --at 0 --slope 0\n\n", 0, ""),
    ('check model.py:loss --at "0" --slope -1\ncheck model.py:loss --at 1', 1, "::error file=model.py,line=4"),
])
def test_the_action_judges_every_line_and_fails_for_any(
    commands: str, status: int, printed: str, tmp_path: Path
) -> None:
    action = read(GITHUB / "actions" / "check" / "action.yml")
    install, judge = action["runs"]["steps"][1:]
    # From the action's own folder pip finds the package.
    up = re.search(r"\$GITHUB_ACTION_PATH/([./]+)", install["run"])
    assert up is not None and (GITHUB / "actions" / "check" / up[1] / "pyproject.toml").exists()
    (tmp_path / "model.py").write_text(
        "import numpy as np\n\ndef loss(x):\n    return np.maximum(x[0], 0) - np.maximum(-x[0], 0)\n"
    )
    command = tmp_path / "bin" / "absnormal"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m absnormal "$@"\n')
    command.chmod(0o755)
    environment = {
        **os.environ, "COMMANDS": commands, "PYTHONPATH": str(ROOT), "PATH": f"{command.parent}:{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", judge["run"]], cwd=tmp_path, env=environment, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == status, done.stdout + done.stderr
    assert printed in done.stdout and done.stdout.count("+ absnormal") == len(commands.split("\n\n")[0].split("\n"))
