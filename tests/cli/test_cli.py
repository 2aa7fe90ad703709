"""The command line: targets, points, exit statuses, one line for an error."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from absnormal import gallery
from absnormal.cli import load, main, numbers

ROOT = Path(__file__).parents[2]

USER = """\
import numpy as np

def f(x):
    return np.maximum(x[0], 0) - np.maximum(-x[1], 0)

def named(p):
    return np.sum(np.abs(p["W"])) + np.abs(p["b"])[0]

def undecided(x):
    return np.abs(np.abs(x[1]) - x[0] ** 2) - np.abs(x[1])

def raises(x):
    raise KeyError("no such thing")

def branches(x):
    return x[0] if x[0] > 0 else 2 * x[0]

def curved(x):
    return np.exp(x[0])

class Model:
    @staticmethod
    def loss(x):
        return np.abs(x[0])
"""


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "user_module.py").write_text(USER)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    monkeypatch.delitem(sys.modules, "user_module", raising=False)
    return tmp_path


@pytest.mark.parametrize("name", gallery.examples())
def test_a_gallery_example_brings_its_point_and_slope(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    expected = gallery.get(name).verdict
    status = main(["check", f"absnormal.gallery:{name}"])
    assert capsys.readouterr().out.startswith(f"{expected}: ")
    assert status == {"CLARKE": 0, "NOT_CLARKE": 1}[str(expected)]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["user_module:f", "--at", "0, 0", "--slope", "torch"], 0),
        (["user_module:f", "--at", "-1,0", "--slope", "-1"], 0),
        (["user_module.py:f", "--at", "1/10, 0"], 0),
        (["./user_module.py:f", "--at", "[0, 0]", "--slope", "1/3", "--exact"], 0),
        (["user_module:f", "--at", "0,0", "--slope", "-1, 0.5", "--atol", "1e-9", "--seed", "3"], 0),
        (["user_module:f", "--at", "0,0", "--gradient", "-1, 0"], 1),
        (["user_module:f", "--at", "0,0", "--gradient", "nan, 0"], 1),
        (["user_module:named", "--at", '{"W": [[0, 1], [2, 0]], "b": [0]}'], 0),
        (["user_module:Model.loss", "--at", "0"], 0),
        (["user_module:undecided", "--at", "0,0", "--slope", "-1"], 3),
        (["absnormal.gallery:identity", "--slope", "0"], 0),
        (["absnormal.gallery:identity", "--at", "1"], 0),
    ],
)  # fmt: skip
def test_exit_status(user: Path, arguments: list[str], status: int) -> None:
    assert main(["check", *arguments]) == status


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["user_module:f"], "--at is missing"),
        (["user_module"], "TARGET must be module:function"),
        (["user_module:nothing", "--at", "0"], "user_module has no 'nothing'"),
        (["no_such_module:f", "--at", "0"], "No module named 'no_such_module'"),
        (["nothing.py:f", "--at", "0"], "there is no file nothing.py"),
        (["user_module:f", "--at", "0,x"], "must be numbers, JSON or a .npy file"),
        (["user_module:f", "--at", "1/0,0"], "must be numbers, JSON or a .npy file"),
        (["user_module:f", "--at", "[0,"], "is not JSON"),
        (["user_module:f", "--at", "nothing.npy"], "nothing.npy"),
        (["user_module:f", "--at", "nan, 0"], "NaN"),
        (["user_module:f", "--at", "0,0", "--slope", "tensorflow"], "'tensorflow'"),
        (["user_module:f", "--at", "0,0", "--slope", "2"], "[-1, 1]"),
        (["user_module:f", "--at", "0,0", "--gradient", "1,2,3"], "gradient"),
        (["user_module:f", "--at", "0,0", "--atol", "-1"], "atol"),
        (["user_module:raises", "--at", "0"], "KeyError at user_module.py:13: 'no such thing'"),
        (["user_module:branches", "--at", "0"], "user_module.py:16"),
        (["user_module:curved", "--at", "0", "--exact"], "exact"),
    ],
)  # fmt: skip
def test_an_error_is_one_line(
    user: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("absnormal: ")
    assert said in captured.err


def test_bad_usage_exits_with_2() -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["check"])
    assert exit_.value.code == 2


def test_the_traceback_on_request(user: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "user_module:raises", "--at", "0", "--traceback"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_point_from_a_file(user: Path) -> None:
    np.save("point.npy", np.zeros(2))
    assert main(["check", "user_module:f", "--at", "point.npy"]) == 0


def test_points() -> None:
    assert numbers("0.5").shape == (1,)
    assert numbers("1/3").tolist() == [Fraction(1, 3)]
    assert numbers("[[1, 2], [3, 4]]").shape == (2, 2)
    assert [leaf.shape for leaf in numbers('[{"a": [1]}, {"b": 2}]')[0].values()] == [(1,)]


def test_load() -> None:
    assert load("absnormal.gallery:identity") is gallery.identity
    with pytest.raises(ValueError, match="has no 'nothing'"):
        load("absnormal.gallery:nothing")


def run(*arguments: str, where: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "absnormal", *arguments], cwd=where, env=environment, capture_output=True, text=True
    )


def test_as_a_module_from_the_current_directory(user: Path) -> None:
    done = run("check", "user_module:f", "--at", "0, 0", "--slope", "-1", where=user)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("CLARKE")


def test_version(user: Path) -> None:
    assert run("--version", where=user).stdout.startswith("absnormal ")


def test_help_says_what_a_clarke_gradient_is_and_what_slope_means(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["check", "--help"], ["sweep", "--help"]):
        with pytest.raises(SystemExit):
            main(arguments)
        said = " ".join(capsys.readouterr().out.split())
        assert "Clarke generalized gradients are the limits of the gradients at points nearby" in said
        assert arguments == ["--help"] or ("relu'(0) = (1 + SLOPE)/2" in said and "the default is autograd" in said)
