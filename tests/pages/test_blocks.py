"""Does every block of README and of the pages run as it is written, and show what it gives?

Sessions of Python are doctests, which pytest collects from the pages themselves.
"""

from __future__ import annotations

import doctest
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from absnormal.cli.main import COMMANDS, _joined, _parser, main
from tests import formats
from tests.pages import PAGES, ROOT, blocks, name_of, prose

#: What a block may be: files and sessions, commands with and without their output, settings.
LANGUAGES = {"py", "python", "console", "sh", "yaml"}
_FLAGS = doctest.ELLIPSIS


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_is_of_a_kind_that_is_tested(page: Path) -> None:
    for block in blocks(page):
        assert block.language in LANGUAGES, block
        assert block.language != "py" or block.file, f"no file is named for\n{block.text}"
        assert block.language != "python" or block.text.startswith(">>> "), block.text


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if any(block.file for block in blocks(page))], ids=name_of)
def test_files_and_commands_of_a_page(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    # How fast examples are drawn, and how many, is no matter of what is shown.
    (tmp_path / "conftest.py").write_text(
        "from hypothesis import HealthCheck, settings\n"
        "settings.register_profile('slow', max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))\n"
        "settings.load_profile('slow')\n"
    )
    written, ran = set(), ""
    for block in blocks(page):
        if block.file:
            (tmp_path / block.file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / block.file).write_text(block.text)
            written.add(block.file)
        if block.language == "console":
            for command, shown in re.findall(r"^\$ (.*)\n((?:[^$].*\n|\n)*)", block.text, re.MULTILINE):
                printed, ran = _run(command, capsys), ran + command
                assert doctest.OutputChecker().check_output(shown, printed, _FLAGS) or not shown, printed
    tests = [name for name in written if name.startswith("test_") and name not in ran]
    if tests:
        _run(f"pytest {shlex.join(tests)}", capsys)


def _run(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command prints."""
    program, *words = shlex.split(command)
    if program == "absnormal":
        assert main(words) != 2, command
        return capsys.readouterr().out
    assert program == "pytest"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "absnormal.pytest_plugin", "-p", "no:cacheprovider", *words],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    for report in re.findall(r"--clarke-report=(\S+\.sarif)", command):
        assert formats.sarif(Path(report).read_text()) == []
    return done.stdout


def _commands(page: Path) -> list[str]:
    """The commands that a page shows without their output, in blocks and in sentences."""
    lines = [line for block in blocks(page) if block.language == "sh" for line in block.text.splitlines()]
    return lines + re.findall(r"`([^`\n]+)`", prose(page))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_exist(page: Path) -> None:
    for line in _commands(page):
        for words in re.findall(r"(?:^|&& |/bin/)absnormal ([^&#|]*)", line):
            arguments = shlex.split(words)
            assert arguments[0] in COMMANDS or arguments == ["--version"], line
            if len(arguments) > 1 and "..." not in arguments:
                _parsed(arguments)
        for module in re.findall(r"python -m (tests[\w.]*)", line):
            assert importlib.util.find_spec(module), line


def _parsed(arguments: list[str]) -> None:
    try:
        _parser().parse_args(_joined(arguments))
    except SystemExit as end:
        assert end.code == 0, arguments  # --help


@pytest.mark.parametrize("page", [page for page in PAGES if "```yaml" in page.read_text()], ids=name_of)
def test_settings_are_what_their_readers_take(page: Path) -> None:
    """Workflows have jobs of steps; hooks and actions are those of this repository."""
    action = yaml.safe_load((ROOT / ".github" / "actions" / "check" / "action.yml").read_text())
    hooks = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
    for block in blocks(page):
        if block.language != "yaml":
            continue
        settings = yaml.safe_load(block.text)
        for repository in settings.get("repos", ()):
            for hook in repository["hooks"]:
                assert hook["id"] in hooks
                _parsed(hook["args"])
        for job in settings.get("jobs", {}).values():
            for step in job["steps"]:
                assert ("uses" in step) != ("run" in step)
                if "actions/check@" in step.get("uses", ""):
                    assert step["uses"].split("/", 2)[2].startswith(".github/actions/check@v")
                    assert set(step["with"]) <= set(action["inputs"])
                    for line in step["with"]["run"].splitlines():
                        _parsed(shlex.split(line))
