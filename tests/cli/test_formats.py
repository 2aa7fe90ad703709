"""Machine-readable output of every command: valid, whole after Ctrl-C, at the user's lines."""

from __future__ import annotations

import argparse
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
from absnormal.cli.output import write
from absnormal.report.formats import FORMATS
from absnormal.report.record import Record
from tests import formats
from tests.plugin.sample import make

ROOT = Path(__file__).parents[2]

WRONG = ["check", "losses/wrong.py:identity", "--at", "0, 0", "--slope", "-1"]
OPEN = ["check", "losses/wrong.py:undecided", "--at", "0, 0", "--slope", "-1"]
RIGHT = ["check", "losses/right.py:hinge", "--at", "0, 0.5"]
SWEEP = ["sweep", "losses/wrong.py:identity", "--points", "points.npy", "--slope", "-1"]
MANY = ["check", "losses/wrong.py:identity", "--points", "points.npy", "--jobs", "2", "--slope", "-1"]
SEARCH = ["search", "losses/wrong.py:identity", "--shape", "2", "--trials", "3"]
#: A command, its exit status, its verdicts but CLARKE.
RUNS = [(WRONG, 1, ["NOT_CLARKE"]), (OPEN, 3, ["UNDECIDED"]), (RIGHT, 0, []),
        (SWEEP, 1, ["ERROR", "NOT_CLARKE"]), (MANY, 1, ["ERROR", "NOT_CLARKE"]),
        (SEARCH, 1, ["NOT_CLARKE"])]  # fmt: skip


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("wrong", "right"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    np.save("points.npy", np.array([[1.0, 1.0], [0.0, 1.0], [np.nan, 0.0], [0.0, 0.0]]))
    return tmp_path


def output(arguments: list[str], capsys: pytest.CaptureFixture[str], form: str) -> tuple[int, str]:
    status = main([*arguments, "--format", form])
    captured = capsys.readouterr()
    assert captured.err == ""
    return status, captured.out


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "status", "verdicts"), RUNS, ids=lambda value: str(value)[:30])
def test_every_format_is_valid_and_says_the_same(
    arguments: list[str], status: int, verdicts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = {form: output(arguments, capsys, form) for form in FORMATS}
    assert {code for code, _ in found.values()} == {status}

    values = json.loads(found["json"][1])
    assert {r["verdict"] for r in values["results"]} - {"CLARKE"} == {*verdicts} and not values["interrupted"]
    others = [r for r in values["results"] if r["verdict"] != "CLARKE"]

    results = formats.sarif(found["sarif"][1])
    assert [(r["ruleId"], set(formats.places(r))) for r in results] == [
        (r["verdict"], {(os.path.relpath(line["path"]), line["line"]) for line in r["lines"]}) for r in others
    ]
    cases = formats.junit(found["junit"][1])
    tags = {"CLARKE": [], "NOT_CLARKE": ["failure"], "ERROR": ["error"], "UNDECIDED": ["skipped"]}
    assert [[child.tag for child in case] for case in cases] == [tags[r["verdict"]] for r in values["results"]]

    commands = re.findall(r"^::(error|warning) (.*?)::(.*)$", found["github"][1], re.MULTILINE)
    annotated = {(m[1], int(m[2])) for _, place, _ in commands if (m := re.search(r"file=([^,]+),line=(\d+)", place))}
    assert annotated == {place for result in results for place in formats.places(result)}
    for verdict in verdicts:
        assert verdict in found["text"][1] and any(verdict in place for _, place, _ in commands)


def test_the_lines_are_those_that_are_to_blame(capsys: pytest.CaptureFixture[str]) -> None:
    (result,) = formats.sarif(output(WRONG, capsys, "sarif")[1])
    assert formats.places(result) == [("losses/wrong.py", 5), ("losses/wrong.py", 7)]
    out = output(WRONG, capsys, "github")[1]
    assert "::error file=losses/wrong.py,line=5,title=NOT_CLARKE np.maximum::" in out
    assert "line=6" not in out


def test_a_check_as_json_has_the_whole_report(capsys: pytest.CaptureFixture[str]) -> None:
    (result,) = json.loads(output(WRONG, capsys, "json")[1])["results"]
    assert result["report"]["clarke_gradient"][0] == 1.0 and result["report"]["likq"] is False


def test_hostile_text_is_escaped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "odd, 100% :x&<y>.py"
    (tmp_path / name).write_text(
        'import numpy as np\ndef f(x):\n    return np.log(x[0]) + np.abs(x[0])  # <a href="&">\x0b::error::%0A\n'
    )
    np.save("odd.npy", np.array([[-1.0]]))
    arguments = ["sweep", f"{name}:f", "--points", "odd.npy"]
    (case,) = formats.junit(output(arguments, capsys, "junit")[1])
    assert f"np.log at {name}:3" in (case[0].text or "") and '<a href="&">' in (case[0].text or "")
    (result,) = formats.sarif(output(arguments, capsys, "sarif")[1])
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "odd%2C%20100%25%20%3Ax%26%3Cy%3E.py" and formats.places(result)[0] == (name, 3)
    out = output(arguments, capsys, "github")[1]
    assert out.startswith("::error file=odd%2C 100%25 %3Ax&<y>.py,line=3,title=ERROR np.log::")
    assert len(re.findall(r"^::", out, re.MULTILINE)) == 1
    json.loads(output(arguments, capsys, "json")[1])


SLOW = """\
import time
import numpy as np

def slow(x):
    time.sleep(0.02 if x[0] != 5 else 0)
    return np.abs(x[0]) if x[0] % 2 > 1 else np.abs(x[0] + 1) - np.abs(x[0] + 1)
"""


def start(*arguments: str, where: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "absnormal", *arguments], cwd=where, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def wait_for(file: Path, lines: int) -> None:
    deadline = time.monotonic() + 60
    while not file.exists() or file.read_bytes().count(b"\n") < lines:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def big(tmp_path: Path, count: int = 3000) -> list[str]:
    (tmp_path / "slow.py").write_text(SLOW)
    random = np.random.default_rng(0)
    np.save(tmp_path / "big.npy", np.round(random.normal(size=(count, 3)) * 4))
    return ["sweep", "slow.py:slow", "--points", "big.npy", "--records", "run.jsonl", "--chunk", "2"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "jobs"), [("json", "2"), ("junit", "1"), ("sarif", "1"), ("text", "2")]
)
def test_ctrl_c_leaves_valid_output(tmp_path: Path, form: str, jobs: str) -> None:
    process = start(*big(tmp_path), "--format", form, "--jobs", jobs, where=tmp_path)
    wait_for(tmp_path / "run.jsonl", 20)
    # As a terminal does: to the whole group.
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and err == ""
    kept = (tmp_path / "run.jsonl").read_text().splitlines()[1:]
    if form == "json":
        values = json.loads(out)
        assert values["interrupted"] and len(values["results"]) <= len(kept) <= len(values["results"]) + 2
    elif form == "junit":
        assert formats.junit(out)
    elif form == "sarif":
        formats.sarif(out)
        assert json.loads(out)["runs"][0]["invocations"] == [{"executionSuccessful": False}]
    else:
        assert "interrupted\n" in out and re.search(r"^\d+ records: ", out, re.MULTILINE)


@pytest.mark.slow
def test_a_run_whose_parent_ignores_ctrl_c_goes_on(tmp_path: Path) -> None:
    """As under nohup, or behind & in a script."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = start(*big(tmp_path, 24), "--format", "junit", "--jobs", "2", where=tmp_path)
    finally:
        signal.signal(signal.SIGINT, before)
    wait_for(tmp_path / "run.jsonl", 3)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode in (0, 1, 2, 3) and err == "" and len(formats.junit(out)) == 24


@pytest.mark.parametrize("form", ["json", "junit", "text", "sarif", "github"])
def test_ctrl_c_in_the_middle_of_a_finding_waits_for_its_end(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The first look at the verdict is made when a finding is counted."""
    looks: list[str] = []

    class Rude(Record):
        def __getattribute__(self, name: str) -> Any:
            if name == "verdict" and not looks:
                looks.append(name)
                signal.raise_signal(signal.SIGINT)
            return super().__getattribute__(name)

    findings = [(name, Rude(number, "NOT_CLARKE", "separation"), None) for number, name in enumerate(("one", "two"))]
    with pytest.raises(KeyboardInterrupt):
        write(findings, argparse.Namespace(format=form, output=None))
    said = capsys.readouterr().out
    assert "one" in said and "two" not in said
    if form == "junit":
        assert len(formats.junit(said)) == 1
    if form == "json":
        assert len(json.loads(said)["results"]) == 1


@pytest.mark.slow
def test_a_killed_sweep_is_continued(tmp_path: Path) -> None:
    arguments = big(tmp_path, 100)
    process = start(*arguments, where=tmp_path)
    wait_for(tmp_path / "run.jsonl", 40)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    kept = (tmp_path / "run.jsonl").read_bytes()
    kept = kept[: kept.rindex(b"\n") + 1]
    process = start(*arguments, "--format", "json", where=tmp_path)
    out, _ = process.communicate(timeout=120)
    assert process.returncode in (0, 1, 2, 3)
    values = json.loads(out)
    assert [r["index"] for r in values["results"]] == list(range(100)) and not values["interrupted"]
    whole = (tmp_path / "run.jsonl").read_bytes()
    assert whole.startswith(kept) and whole.count(b"\n") == 101


def test_no_progress_without_a_terminal(tmp_path: Path) -> None:
    process = start(*big(tmp_path, 6), where=tmp_path)
    out, err = process.communicate(timeout=60)
    assert err == "" and "\r" not in out


def test_progress_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    main(SWEEP)
    captured = capsys.readouterr()
    assert captured.err.endswith("\r3 of 4 points\r4 of 4 points\n") and "of 4" not in captured.out


@pytest.mark.slow
def test_a_reader_that_leaves(tmp_path: Path) -> None:
    process = start(*big(tmp_path, 100), "--format", "json", where=tmp_path)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    process.wait(60)
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
