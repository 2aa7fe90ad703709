"""One broken line, and how it is tried out."""

from __future__ import annotations

import difflib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: What the tests of a scratch copy need.
_COPIED = ("absnormal", "tests", "pyproject.toml", "README.md")
#: A failing example is not made smaller: that it fails is all that is asked.
_PLUGIN = """from hypothesis import Phase, settings
settings.register_profile("unshrunk", phases=(Phase.explicit, Phase.generate))
settings.load_profile("unshrunk")
"""
#: Seconds after which a broken program is taken for one that never ends.
_LONG = 300


@dataclass(frozen=True)
class Mutant:
    """A line of the package, what it is turned into, and the test files that should fail then.

    Attributes
    ----------
    file
        under ``absnormal/``
    old
        text that occurs once in the file
    new
        what is put in its place
    tests
        files and folders under ``tests/``, the quickest first, and tests in them ("file::test")
    """

    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def broken(self, source: str) -> str:
        """The source with the line broken.

        Raises
        ------
        LookupError
            where the text is not there, or more than once
        """
        count = source.count(self.old)
        if count != 1:
            raise LookupError(f"absnormal/{self.file} holds this text {count} times: {self.old!r}")
        return source.replace(self.old, self.new)

    def diff(self) -> str:
        """The change as a unified diff."""
        source = (ROOT / "absnormal" / self.file).read_text(encoding="utf-8")
        lines = [text.splitlines(keepends=True) for text in (source, self.broken(source))]
        name = f"absnormal/{self.file}"
        return "".join(difflib.unified_diff(*lines, fromfile=name, tofile=name, n=1))


def copied(folder: Path) -> Path:
    """A scratch copy of the repository."""
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".hypothesis"))
        else:
            shutil.copy(source, folder / name)
    (folder / "unshrunk.py").write_text(_PLUGIN)
    return folder


def run_tests(folder: Path, tests: tuple[str, ...]) -> str:
    """ "" where the tests of a copy pass, otherwise the first that fails, or "no end"."""
    names = [f"tests/{name}" for name in tests]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "--tb=no", "-p", "no:cacheprovider",
               "-p", "unshrunk", "--hypothesis-seed=0", *names]  # fmt: skip
    environment = {
        **os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1",
        "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / ".hypothesis"), "CI": "", "PYTEST_ADDOPTS": "",
    }  # fmt: skip
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=_LONG, check=False)
    except subprocess.TimeoutExpired:
        return "no end"
    if done.returncode == 0:
        return ""
    if done.returncode not in (1, 2):
        raise RuntimeError(f"pytest ended with status {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failed[0].split(" - ")[0].split(" ", 1)[1] if failed else "not collected"


def tried(mutant: Mutant, folder: Path) -> str:
    """What notices the mutant in a copy, which is whole again afterwards; "" where nothing does.

    Raises
    ------
    RuntimeError
        where what notices it fails without it, too
    """
    path = folder / "absnormal" / mutant.file
    source = path.read_text(encoding="utf-8")
    try:
        path.write_text(mutant.broken(source), encoding="utf-8")
        found = run_tests(folder, mutant.tests)
    finally:
        path.write_text(source, encoding="utf-8")
    alone = (found.removeprefix("tests/"),) if found.startswith("tests/") else mutant.tests
    if found and run_tests(folder, alone):
        raise RuntimeError(f"{found} fails without any mutant")
    return found
