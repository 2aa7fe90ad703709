"""How a command ends: code that leaves, nothing to judge, output that cannot be written, workers without a parent."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from absnormal.cli import main
from tests import formats

ROOT = Path(__file__).parents[2]

USER = """\
import os
import sys
import numpy as np

print("imported")

def right(x):
    print("called")
    return np.abs(x[0])

def leaves(x):
    sys.exit(0)

def leaves_beyond(x):
    return np.abs(x[0]) if x[0] < 0.5 else exit()

class Stop(BaseException):
    def __str__(self):
        raise RuntimeError("no words")

def stops(x):
    raise Stop

def raises(x):
    raise ValueError("my own words")

def misfits(x):
    return np.abs(x[0]) + np.zeros(3) @ np.zeros(4)

def constant(x):
    return 3.0

def constant_beyond(x):
    return np.abs(x[0]) if x[0] < 0.5 else 1.0
"""
LEAVES = "import sys\nimport numpy as np\ndef f(x):\n    return np.abs(x[0])\nsys.exit({status})\n"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "user_code", raising=False)
    Path("user_code.py").write_text(USER)
    np.save("points.npy", [[0.0], [1.0]])
    np.save("none.npy", np.zeros((0, 1)))
    return tmp_path


def commands(target: str) -> list[list[str]]:
    return [["check", target, "--at", "1"], ["check", target, "--points", "points.npy"], ["trace", target, "--at", "1"],
            ["sweep", target, "--points", "points.npy"], ["sweep", target, "--points", "points.npy", "--kinks"],
            ["search", target, "--shape", "1"], ["search", target, "--at", "1", "--format", "json"]]  # fmt: skip


@pytest.mark.parametrize("target", ["user_code.py:leaves", "user_code:leaves_beyond", "user_code.py:stops"])
def test_a_function_that_ends_the_program_is_status_2(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in commands(target):
        assert main(command) == 2, command
        said = "".join(capsys.readouterr())
        assert " at user_code.py:" in said and ("SystemExit" in said or "Stop" in said)


@pytest.mark.parametrize("status", ["0", "1", "3", "'bye'", ""])
def test_a_module_that_ends_the_program_is_status_2(status: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("leaves.py").write_text(LEAVES.format(status=status))
    for command in commands("leaves.py:f")[:: 1 if status == "0" else 4]:
        sys.modules.pop("leaves", None)
        assert main(command) == 2, command
        out, err = capsys.readouterr()
        assert err.startswith("absnormal: SystemExit at leaves.py:5: ") and "__main__" in err and out == ""


@pytest.mark.parametrize(("name", "said"), [
    ("raises", "ValueError at user_code.py:25: my own words"), ("misfits", "ValueError at user_code.py:28: matmul"),
    ("leaves", "SystemExit at user_code.py:12: 0"),
])  # fmt: skip
def test_errors_of_the_users_keep_their_line(name: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in commands(f"user_code.py:{name}"):
        assert main(command) == 2 and said in "".join(capsys.readouterr())
    assert main(["sweep", f"user_code.py:{name}", "--points", "points.npy", "--format", "sarif"]) == 2
    places = [formats.places(result) for result in formats.sarif(capsys.readouterr().out)]
    assert places == [[("user_code.py", int(said.partition(".py:")[2].partition(":")[0]))]] * 2


@pytest.mark.parametrize("form", ["text", "json", "github"])
def test_nothing_judged_is_status_2(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    constant = "user_code.py:constant"
    for command in (["check", constant, "--at", "0"], ["check", constant, "--points", "points.npy"],
                    ["sweep", constant, "--points", "points.npy"], ["search", constant, "--shape", "1"],
                    ["sweep", "user_code.py:right", "--points", "none.npy"],
                    ["search", "user_code.py:right", "--at", "100", "--trials", "2"]):  # fmt: skip
        assert main([*command, "--format", form]) == 2, command
        assert "nothing was judged" in "".join(capsys.readouterr())
    assert main(["sweep", "user_code.py:constant_beyond", "--points", "points.npy", "--format", form]) == 0


@pytest.mark.parametrize("form", ["json", "junit", "github", "sarif", "text"])
def test_what_is_printed_does_not_mix_with_a_report(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "user_code.py:right", "--at", "0", "--format", form]) == 0
    out, err = capsys.readouterr()
    assert ("called" in out, "called" in err) == ((True, False) if form == "text" else (False, True))
    assert main(["check", "user_code.py:right", "--at", "0", "--format", form, "--output", "report"]) == 0
    assert {*capsys.readouterr().out.split()} == ({"imported", "called"} if form == "text" else set())
    kept = Path("report").read_text()
    out, kept = (re.sub(r' time(stamp)?="[^"]*"', "", text) for text in (out, kept))
    assert out.endswith(kept) and kept
    assert "called" not in kept and "imported" not in kept


LOUD = """\
import ctypes
import os
import sys
import numpy as np
os.system("echo from a shell")
def loud(x):
    ctypes.CDLL(None).printf(b"from C\\n")
    print("from Python")
    sys.__stdout__.write("from the stream\\n")
    return np.abs(x[0])
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "absnormal", *arguments], env=environment, capture_output=True, text=True, timeout=60
    )


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_neither_c_code_nor_workers_write_into_a_report(jobs: str) -> None:
    Path("loud.py").write_text(LOUD)
    done = run("sweep", "loud.py:loud", "--points", "points.npy", "--jobs", jobs, "--format", "json")
    assert done.returncode == 0 and len(json.loads(done.stdout)["results"]) == 2
    for source in ("a shell", "C", "Python", "the stream"):
        assert f"from {source}\n" in done.stderr


TENSORS = """\
import jax
import jax.numpy as jnp
print("from the module")
def f(x):
    return jnp.sum(jax.nn.relu(x))
"""


@pytest.mark.slow
def test_workers_of_a_framework_do_not_wait_for_ever() -> None:
    Path("tensors.py").write_text(TENSORS)
    done = run("sweep", "tensors.py:f", "--points", "points.npy", "--framework", "jax", "--jobs", "2", "--chunk", "1",
               "--format", "json")  # fmt: skip
    assert done.returncode == 0 and "from the module" in done.stderr
    assert [found["verdict"] for found in json.loads(done.stdout)["results"]] == ["CLARKE"] * 2


UNWRITABLE = [
    ["check", "user_code.py:right", "--at", "0", "--certificate"],
    ["check", "user_code.py:right", "--at", "0", "--format", "sarif", "--output"],
    ["sweep", "user_code.py:right", "--points", "points.npy", "--records"],
    ["sweep", "user_code.py:right", "--points", "points.npy", "--output"],
    ["search", "user_code.py:right", "--shape", "1", "--output"],
]


@pytest.mark.parametrize("arguments", UNWRITABLE, ids=lambda arguments: arguments[0] + arguments[-1])
@pytest.mark.parametrize("path", ["no/such/file", "."])
def test_a_file_that_cannot_be_written_is_found_before_the_work(
    arguments: list[str], path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, path]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"absnormal: {arguments[-1]} {path} cannot be written: ")


def test_a_certificate_that_is_not_written_leaves_its_file_alone() -> None:
    Path("old.json").write_text("kept")
    for name in ("old.json", "new.json"):
        assert main(["check", "user_code.py:raises", "--at", "0", "--certificate", name]) == 2
    assert Path("old.json").read_text() == "kept" and not Path("new.json").exists()


def test_records_of_another_function_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    def sweep(target: str, *more: str) -> tuple[int, str]:
        sys.modules.pop("user_code", None)
        status = main(["sweep", target, "--points", "points.npy", "--records", "r.jsonl", *more])
        return status, capsys.readouterr().err

    assert sweep("user_code.py:right") == sweep("user_code:right") == (0, "")
    for target, more, said in (("user_code.py:misfits", [], "user_code:right, not user_code:misfits"),
                               ("user_code.py:right", ["--slope", "1"], "the options"),
                               ("user_code.py:right", ["--atol", "1"], "the options"),
                               ("user_code.py:right", ["--kinks"], "the options")):  # fmt: skip
        status, err = sweep(target, *more)
        assert status == 2 and said in err and "name another file, or delete this one" in err
    Path("user_code.py").write_text(USER.replace("np.abs(x[0])", "np.abs(2 * x[0])"))
    assert sweep("user_code.py:right") == (
        2, "absnormal: r.jsonl was made with user_code:right before module user_code was edited: name another file, or"
        " delete this one to judge all points again\n")  # fmt: skip


#: The first branch is traced in the parent, the other one is met by workers.
SLOW = """\
import os
import numpy as np
def slow(x):
    if x[0] > 0.5:
        open(f"worker{os.getpid()}", "w").close()
        while True:
            np.abs(1.0)
    return np.abs(x[0])
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_workers_end_with_their_parent(end: signal.Signals, project: Path) -> None:
    Path("slow.py").write_text(SLOW)
    np.save("moved.npy", np.arange(4.0)[:, None])
    command = ["sweep", "slow.py:slow", "--points", "moved.npy", "--jobs", "2", "--chunk", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "absnormal", *command], env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        _until(lambda: len([*project.glob("worker*")]) >= 2)
        process.send_signal(end)
        process.wait(20)
        _until(lambda: not any(map(_alive, project.glob("worker*"))))
    finally:
        for worker in filter(_alive, project.glob("worker*")):
            os.kill(int(worker.name.removeprefix("worker")), signal.SIGKILL)


def _alive(worker: Path) -> bool:
    try:
        status = Path(f"/proc/{worker.name.removeprefix('worker')}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def _until(holds: Any) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
