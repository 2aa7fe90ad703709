"""What .ci/run relies on: README's command, and that a skip fails the full run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_script_is_executable_and_reads_the_command_from_the_readme() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "## Tests" in script.read_text()
    extract = next(line for line in script.read_text().splitlines() if line.startswith("command="))
    done = subprocess.run(
        ["bash", "-c", f'{extract}; printf "%s" "$command"'], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith(".venv/bin/python -m pytest -m 'not slow'")
    assert ".venv/bin/python -m pytest -m slow -n 2\n" in script.read_text()


@pytest.mark.parametrize(("ci", "status"), [("true", 1), ("", 0)])
def test_a_skip_is_a_failure_in_the_full_run(tmp_path: Path, ci: str, status: int) -> None:
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    (tmp_path / "test_one.py").write_text(
        "import pytest\n\ndef test_it():\n    pytest.skip('no tool')\n\n"
        "@pytest.mark.xfail\ndef test_no():\n    assert 0\n"
    )
    (tmp_path / "test_two.py").write_text("import pytest\npytest.importorskip('no_such_module')\n")
    environment = {**os.environ, "CI": ci, "PYTEST_ADDOPTS": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--continue-on-collection-errors", tmp_path],
        cwd=tmp_path, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == status
    assert ("takes that for a failure" in done.stdout) == bool(status)
    assert ("1 failed, 1 xfailed, 1 error" in done.stdout) == bool(status)
