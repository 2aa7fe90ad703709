"""sweep, search, trace and slopes: what they print, and one clear line for every bad input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal import gallery
from absnormal.cli import main
from absnormal.frontends.ties import probes
from absnormal.frontends.ties.names import OF_NUMPY
from absnormal.frontends.ties.slopes import TABLES

USER = """\
import numpy as np

def cross_entropy(x, label=1.0):
    return np.maximum(x[0], 0) - x[0] * label + np.log1p(np.exp(-np.abs(x[0])))

def elu(x):
    return np.sum(np.maximum(x, 0) + np.exp(-np.maximum(-x, 0)) - 1)

def group_sort(x):
    a, b = x[:2], x[2:]
    return np.sum(np.maximum(a, b)) + np.sum(np.minimum(b, a))

def named(p):
    return np.sum(np.abs(p["W"])) + np.abs(p["b"])[0]

def vector(x):
    return np.abs(x)

def raises(x):
    raise KeyError("no such thing")

def f(x):
    return np.abs(x[0])

def logarithm(x):
    return np.log(x[0]) + np.abs(x[0] - 0.25)

number = 3
"""


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "hand_written.py").write_text(USER)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "hand_written", raising=False)
    np.save("points.npy", np.zeros((4, 1)))
    np.savez("named.npz", W=np.ones((3, 2, 2)), b=np.zeros((3, 1)))
    np.savez("uneven.npz", W=np.ones((3, 2, 2)), b=np.zeros((2, 1)))
    np.save("scalar.npy", np.array(1.0))
    np.save("objects.npy", np.array([None]), allow_pickle=True)
    Path("notes.txt").write_text("1, 2\n")
    Path("broken.npy").write_bytes(b"\x93NUMPY not really")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "shape", "wrong", "lines"),
    [
        ("cross_entropy", "1", "NOT_CLARKE with jax", ["hand_written.py:4"]),
        ("elu", "3", "NOT_CLARKE with slope -1, slope 1", ["hand_written.py:7"]),
        ("group_sort", "4", "NOT_CLARKE with slope -1, slope 1", ["hand_written.py:11"]),
    ],
)
def test_a_search_finds_the_fault_with_one_command(
    name: str, shape: str, wrong: str, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["search", f"hand_written.py:{name}", "--shape", shape]) == 1
    out = capsys.readouterr().out
    assert wrong in out and all(line in out for line in lines)
    assert out.startswith(f"NOT_CLARKE: hand_written.py:{name} at ")


def test_a_search_for_one_tool_finds_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["search", "hand_written:cross_entropy", "--at", "0.5", "--slope", "torch", "--slope", "autograd"]
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith("1 record: 1 CLARKE")


def test_a_search_that_meets_no_kink_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "hand_written:f", "--at", "100", "--trials", "5"]) == 2
    assert capsys.readouterr().out == "nothing was judged: no point, or no kink, was met\n"


def test_a_search_where_f_is_not_defined_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "hand_written:logarithm", "--shape", "1", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)["results"]
    assert found and all(r["x"] == [0.25] and r["verdict"] == "CLARKE" for r in found)


def test_a_search_around_the_point_of_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "absnormal.gallery:identity", "--trials", "1"]) == 1
    assert "kinks.py:20" in capsys.readouterr().out


def test_a_function_that_returns_an_array_is_judged_row_by_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "hand_written:vector", "--at", "0, 0"]) == 0
    assert "rows of the Jacobian: 2 CLARKE" in capsys.readouterr().out
    assert main(["search", "hand_written:vector", "--shape", "2"]) == 0


def test_named_points(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "hand_written:named", "--points", "named.npz", "--format", "json"]) == 0
    assert [r["active"] for r in json.loads(capsys.readouterr().out)["results"]] == [1, 1, 1]


def test_a_sweep_over_kinks(capsys: pytest.CaptureFixture[str]) -> None:
    np.save("two.npy", np.array([[-1.0], [1.0]]))
    arguments = ["sweep", "absnormal.gallery:identity", "--points", "two.npy", "--slope", "-1"]
    assert main(arguments) == 0
    assert main([*arguments, "--kinks"]) == 1
    assert "NOT_CLARKE: absnormal.gallery:identity at point 1, kink at t = 0.5" in capsys.readouterr().out


def test_trace_prints_the_abs_only_form(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "absnormal.gallery:identity"]) == 0
    assert capsys.readouterr().out == f"{an.trace(gallery.identity, [0.0])}\n"
    assert main(["trace", "hand_written:f", "--at", "-1"]) == 0
    assert "|v1|" in capsys.readouterr().out


TENSORS = "import torch\ndef f(x):\n    return torch.relu(x).sum() - torch.relu(-x).sum()\n"


def test_functions_of_a_framework(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tensors.py").write_text(TENSORS)
    np.save("points.npy", [[0.0], [1.0]])
    for command in (["check", "tensors.py:f", "--at", "0"], ["search", "tensors.py:f", "--shape", "1"],
                    ["sweep", "tensors.py:f", "--points", "points.npy"]):
        assert main([*command, "--framework", "torch"]) == 1
        assert "tensors.py:3" in capsys.readouterr().out
    assert main(["check", "tensors.py:f", "--at", "0"]) == 2
    assert "--framework" in capsys.readouterr().err


def test_a_model_file_at_a_point(capsys: pytest.CaptureFixture[str]) -> None:
    import onnx.parser

    onnx.save(onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["": 18]> f (double[1] x) => (double y)'
        " { n = Neg(x)  a = Relu(x)  b = Relu(n)  d = Sub(a, b)  y = ReduceSum<keepdims = 0>(d) }"
    ), "model.onnx")  # fmt: skip
    assert main(["check", "model.onnx", "--at", "0", "--slope", "torch"]) == 1
    assert "Relu at model.onnx:2" in capsys.readouterr().out
    assert main(["trace", "model.onnx", "--at", "0"]) == 0
    assert "# z1, Relu at model.onnx:3" in capsys.readouterr().out
    for command, *rest in (["sweep", "--points", "points.npy"], ["check", "--points", "points.npy"],
                           ["search", "--shape", "1"]):  # fmt: skip
        assert main([command, "model.onnx", *rest]) == 2
        assert "absnormal: model.onnx is a model, which check --at and trace --at take" in capsys.readouterr().err


def test_slopes_are_the_tables_and_autograd_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["slopes"]) == 0
    table, *kernels = capsys.readouterr().out.split("\n\n")
    head, *rows = table.splitlines()
    assert head.split() == ["operation", "autograd", "(measured)", "torch", "jax", "casadi"]
    assert {row.split()[0] for row in rows} == {tie for table in TABLES.values() for tie in table}
    assert [block.splitlines()[0] for block in kernels] == ["kernels of torch (measured)", "kernels of jax (measured)"]
    assert all(any(row.split()[0].endswith("relu") and row.split()[1:] == ["0", "-1"] for row in block.splitlines()[2:])
               for block in kernels)
    assert ["clip.low", "-1", "1", "0", "0"] in [row.split() for row in rows]
    assert main(["slopes", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    written = {tie: "nan" if slope != slope else slope for tie, slope in TABLES["autograd"].items()}
    assert found["measured"]["autograd"] == written == found["tables"]["autograd"]


def test_a_tool_that_changed_its_mind_is_marked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(probes.PROBES, "torch", lambda: {"abs": 1.0})
    assert main(["slopes"]) == 1
    assert "torch: abs is 1 here, 0 in the table" in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("tool", [tool for tool in TABLES if tool != "casadi"])
def test_a_probe_reads_slopes_off_gradients(tool: str) -> None:
    table = {**{tie: TABLES[tool][tie] for tie in OF_NUMPY}, "root": 0.0}

    def gradient(tie: str, x: object) -> list[float]:
        slope = table[tie]
        if slope == "even":
            return [1 / 3] * 3
        assert isinstance(slope, float)
        share = (1 + slope) / 2
        if tie in ("abs", "root"):
            return [slope, slope]
        return [1 - share, share] if tie in ("minimum", "fmin", "sort", "clip.high") else [
            share, 1 - share
        ]  # fmt: skip

    assert probes.from_gradients(gradient) == table


BAD = [
    ["sweep", "hand_written:f", "--points", "nothing.npy"],
    ["sweep", "hand_written:f", "--points", "notes.txt"],
    ["sweep", "hand_written:f", "--points", "broken.npy"],
    ["sweep", "hand_written:f", "--points", "objects.npy"],
    ["sweep", "hand_written:f", "--points", "scalar.npy"],
    ["sweep", "hand_written:f", "--points", "uneven.npz"],
    ["sweep", "hand_written:f", "--points", "points.npy", "--jobs", "0"],
    ["sweep", "hand_written:f", "--points", "points.npy", "--chunk", "0"],
    ["sweep", "hand_written:f", "--points", "points.npy", "--records", "notes.txt"],
    ["sweep", "hand_written:f", "--points", "points.npy", "--records", "no/such/folder.jsonl"],
    ["sweep", "hand_written:number", "--points", "points.npy"],
    ["sweep", "hand_written:nothing", "--points", "points.npy"],
    ["sweep", "hand_written:f", "--points", "points.npy", "--slope", "x, y"],
    ["check", "hand_written:f", "--points", "points.npy", "--at", "0"],
    ["check", "hand_written:f", "--points", "points.npy", "--gradient", "0"],
    ["check", "hand_written:f", "--points", "points.npy", "--jobs", "-1"],
    ["check", "hand_written:number", "--at", "0"],
    ["check", "hand_written:f", "--at", "broken.npy"],
    ["search", "hand_written:f"],
    ["search", "hand_written:f", "--shape", "x"],
    ["search", "hand_written:f", "--shape", "-1"],
    ["search", "hand_written:f", "--shape", "1", "--at", "0"],
    ["search", "hand_written:f", "--shape", "1", "--radius", "0"],
    ["search", "hand_written:f", "--shape", "1", "--radius", "nan"],
    ["search", "hand_written:f", "--shape", "1", "--trials", "0"],
    ["search", "hand_written:f", "--shape", "1", "--seed", "-1"],
    ["search", "hand_written:f", "--shape", "1", "--slope", "tensorflow"],
    ["search", "hand_written:raises", "--shape", "1"],
    ["search", "hand_written:number", "--shape", "1"],
    ["search", "nothing.py:f", "--shape", "1"],
    ["trace", "hand_written:f"],
    ["trace", "hand_written:raises", "--at", "0"],
    ["trace", "hand_written:number", "--at", "0"],
]  # fmt: skip

#: What the message must name, by the last words of the command.
NAMED = {
    "nothing.npy": "nothing.npy", "notes.txt": "notes.txt", "--jobs 0": "--jobs", "--jobs -1": "--jobs",
    "--chunk 0": "chunk", "uneven.npz": "uneven.npz", "broken.npy": "broken.npy", "objects.npy": "objects.npy",
    "--shape x": "--shape", "--shape -1": "--shape", "--radius 0": "--radius", "--radius nan": "--radius",
    "--trials 0": "--trials", "--seed -1": "--seed", "tensorflow": "tensorflow", "raises --at 0": "hand_written.py:20",
    "raises --shape 1": "hand_written.py:20", "x, y": "x, y", "number --at 0": "f must be a function",
    "scalar.npy": "scalar.npy",
}  # fmt: skip


@pytest.mark.parametrize("arguments", BAD, ids=" ".join)
def test_bad_input_is_one_clear_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1 and captured.err.startswith("absnormal: ")
    words = " ".join(arguments)
    for ending, named in NAMED.items():
        if words.endswith(ending):
            assert named in captured.err


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["nothing"], ["check"], ["sweep", "f:g"], ["search"], ["trace"], ["slopes", "--format", "sarif"],
        ["check", "a:b", "--format", "html"], ["check", "a:b", "--atol", "small"], ["sweep", "a:b", "--jobs", "two"],
        ["search", "a:b", "--trials", "many"], ["check", "a:b", "--unknown"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_bad_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert "usage: absnormal" in capsys.readouterr().err


# -- errors and ends -----------------------------------------------------------------------------------------


def test_an_error_of_the_users_own_names_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    said = "KeyError at hand_written.py:20: 'no such thing'"
    assert main(["check", "hand_written.py:raises", "--at", "0"]) == 2
    assert capsys.readouterr().err == f"absnormal: {said}\n"
    for jobs in ("1", "2"):
        assert main(["sweep", "hand_written.py:raises", "--points", "points.npy", "--jobs", jobs]) == 2
        assert capsys.readouterr().out.splitlines()[1] == f"  {said}"


def test_a_traceback_does_not_change_the_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "hand_written.py:raises", "--at", "0", "--traceback"]) == 2
    assert capsys.readouterr().err.endswith("KeyError: 'no such thing'\n")


@pytest.mark.parametrize("at", ["[0,[1,2]]", '[0,"a"]', "[[1,2],[3]]"])
def test_a_point_that_is_no_array(at: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "hand_written.py:f", "--at", at]) == 2
    assert "is neither a number nor lists of numbers of equal lengths" in capsys.readouterr().err


def test_a_pipe_that_nobody_reads(user: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    environment = {**os.environ, "PYTHONPATH": str(Path(an.__file__).parents[1])}
    command = [sys.executable, "-m", "absnormal", "check", "hand_written.py:f", "--at", "0"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, cwd=user, env=environment, check=False)
    os.close(write)
    assert done.returncode == 141 and not done.stderr


def test_an_error_while_a_report_is_written_is_no_interruption(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(report: Any) -> str:
        raise RuntimeError("no words")

    monkeypatch.setattr("absnormal.report.text.text", fails)
    assert main(["check", "hand_written.py:f", "--at", "0"]) == 2
    out, err = capsys.readouterr()
    assert "interrupted" not in out and "no words" in err
