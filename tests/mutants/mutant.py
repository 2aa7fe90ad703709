"""One broken line, and how it is tried out."""

from __future__ import annotations

import compileall
import difflib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode

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
    """A scratch copy of the repository, compiled; a file that is broken later is compiled again by its contents."""
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".hypothesis"))
        else:
            shutil.copy(source, folder / name)
    (folder / "unshrunk.py").write_text(_PLUGIN)
    compileall.compile_dir(folder / "absnormal", quiet=2, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
    return folder


#: What notices a mutant in a copy of the repository, "" where nothing does; with what was found, of that alone.
Judge = Callable[[Path, Mutant, str], str]


def by_tests(folder: Path, mutant: Mutant, found: str = "") -> str:
    """The first of the mutant's tests that fails, or "no end"."""
    alone = found.removeprefix("tests/")
    names = [f"tests/{name}" for name in ((alone,) if alone != found else mutant.tests)]
    done = _run(folder, _LONG, "pytest", "-q", "-x", "--no-header", "--tb=no", "-p", "no:cacheprovider",
                "-p", "unshrunk", "--hypothesis-seed=0", *names)  # fmt: skip
    if done is None or done.returncode == 0:
        return "no end" if done is None else ""
    if done.returncode not in (1, 2):
        raise RuntimeError(f"pytest ended with status {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failed[0].split(" - ")[0].split(" ", 1)[1] if failed else "not collected"


def by_campaign(front: str, cases: int) -> Judge:
    """The first of so many cases of a campaign (`tests.campaigns`) of which something is wrong, and what."""

    def judge(folder: Path, mutant: Mutant, found: str = "") -> str:
        count, seed = ("1", found.split()[1]) if found else (str(cases), "0")
        done = _run(folder, _LONG + cases, "tests.campaigns", "-x", front, count, seed.rstrip(":"))
        wrong = [line for line in done.stdout.splitlines() if line.startswith(f"{front} ")] if done else []
        if done is None or bool(done.returncode) != bool(wrong):
            raise RuntimeError("no end" if done is None else done.stderr[-2000:])
        return wrong[0] if wrong else ""

    return judge


def _run(folder: Path, seconds: float, *module: str) -> subprocess.CompletedProcess[str] | None:
    """A module, run in a copy; None where it does not end."""
    environment = {
        **os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1",
        "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / ".hypothesis"), "CI": "", "PYTEST_ADDOPTS": "",
    }  # fmt: skip
    try:
        return subprocess.run(
            [sys.executable, "-m", *module], cwd=folder, env=environment, capture_output=True, text=True,
            timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return None


def tried(mutant: Mutant, folder: Path, judge: Judge = by_tests) -> str:
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
        found = judge(folder, mutant, "")
    finally:
        path.write_text(source, encoding="utf-8")
    if found and judge(folder, mutant, found):
        raise RuntimeError(f"{found} fails without any mutant")
    return found
