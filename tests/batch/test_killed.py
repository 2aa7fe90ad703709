"""Sweeps that are stopped from outside: killed at any moment, by a full disk, beside another one on the same file."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.batch import records_file

ROOT = Path(__file__).parents[2]
COUNT = 30
SCRIPT = f"""\
import sys, time
import numpy as np
import absnormal as an

def f(x):
    return np.abs(x[0]) - np.maximum(x[1], 2 * x[0])

for record in an.sweep(f, np.arange({2 * COUNT}.0).reshape(-1, 2) % 3, chunk=3, file=sys.argv[1], kinks=True):
    time.sleep(0.002)
"""


def started(folder: Path, name: str) -> subprocess.Popen[bytes]:
    if not (folder / "run.py").exists():
        # Written once: another one may be reading it.
        (folder / "run.py").write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "run.py", name], cwd=folder, env=environment)


def lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0


@pytest.mark.slow
def test_four_sweeps_that_are_killed_at_random_lose_and_double_nothing(tmp_path: Path) -> None:
    names, rng, deadline = ("a", "b", "c", "d"), random.Random(0), time.monotonic() + 300
    running = {name: started(tmp_path, name) for name in names}
    kills = dict.fromkeys(names, 0)
    # Each is killed once its file has so many lines more, in the middle of whatever it does.
    ends = {name: rng.randrange(1, COUNT) for name in names}
    try:
        while running:
            assert time.monotonic() < deadline
            time.sleep(0.001)
            for name, process in [*running.items()]:
                if process.poll() is not None:
                    assert process.returncode in (0, -signal.SIGKILL)
                    if process.returncode == 0:
                        del running[name]
                    else:
                        running[name], ends[name] = started(tmp_path, name), ends[name] + rng.randrange(1, COUNT)
                elif not kills[name] and lines(tmp_path / name) >= ends[name]:
                    process.kill()
                    kills[name] += 1
    finally:
        for process in running.values():
            process.kill()
    assert all(kills.values())
    whole = [(tmp_path / name).read_text() for name in names]
    assert len({*whole}) == 1
    points = [record["index"] for record in map(json.loads, whole[0].splitlines()[1:]) if record["t"] is None]
    assert points == list(range(COUNT))


def f(x: Any) -> Any:
    return np.abs(x[0])


POINTS = np.arange(12.0)[:, None] % 3


@pytest.mark.parametrize("room", [0, 100, 700, 1500])
def test_a_full_disk_is_named_and_the_run_goes_on_when_there_is_room(
    room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full after so many bytes, in the middle of a line."""
    left = [room]

    class Disk:
        def __init__(self, file: Any) -> None:
            self.file = file

        def write(self, data: Any) -> int:
            if not left[0]:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            count = self.file.write(data[: left[0]])
            left[0] -= count
            return int(count)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

    class Small(records_file.RecordsFile):
        def _write(self, written: str) -> None:
            self._file = Disk(self._file)  # type: ignore[assignment]
            try:
                super()._write(written)
            finally:
                self._file = self._file.file  # type: ignore[attr-defined]

    path = tmp_path / "run.jsonl"
    with monkeypatch.context() as patched:
        patched.setattr("absnormal.batch.stream.RecordsFile", Small)
        with pytest.raises(OSError, match=r"No space left on device: .*run\.jsonl"):
            list(an.sweep(f, POINTS, file=path))
    assert path.stat().st_size == room
    assert [record.index for record in an.sweep(f, POINTS, file=path)] == list(range(12))
    whole = tmp_path / "whole.jsonl"
    list(an.sweep(f, POINTS, file=whole))
    assert path.read_text() == whole.read_text()


@pytest.mark.slow
def test_a_file_that_another_process_writes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    held = an.sweep(f, POINTS, file=path)
    next(held)
    again = "import sys, test_killed as t; list(t.an.sweep(t.f, t.POINTS, file=sys.argv[1]))"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{Path(__file__).parent}"}

    def other() -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", again, str(path)], env=environment, capture_output=True, text=True)

    assert "is being written by another process" in other().stderr
    # In the same process a run that was left is taken up again, as in a notebook.
    assert len(list(an.sweep(f, POINTS, file=path))) == 12
    assert "is being written" not in other().stderr
