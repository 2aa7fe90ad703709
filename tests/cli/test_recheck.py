"""`absnormal recheck`: what is claimed, whether it holds, and what is no certificate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal import gallery
from absnormal.certificates import checker
from absnormal.cli import main


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(value: Any) -> str:
    Path("file.json").write_text(value if isinstance(value, str) else json.dumps(value))
    return "file.json"


def certificate() -> dict[str, Any]:
    found = an.verify(gallery.identity, [0.0], slope=-1).certificate
    assert found is not None
    return found.to_dict()


def needs_program() -> dict[str, Any]:
    found = an.verify(lambda v: np.abs(v).sum(), np.zeros(300)).certificate
    assert found is not None
    return found.to_dict()


def test_check_writes_what_recheck_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "absnormal.gallery:identity", "--certificate", "proof.json"]) == 1
    capsys.readouterr()
    assert main(["recheck", "proof.json"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("HOLDS: NOT_CLARKE, by separated from merged forms\n")
    assert "the gradient is not an element of the Clarke generalized gradient" in said
    assert "x = [0.0], 2 of 2 switches active: np.maximum at kinks.py:" in said
    assert "gradient:  [0]" in said
    assert "rests on:  the numbers are those of the program at the point" in said


@pytest.mark.parametrize("name", gallery.examples())
def test_every_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What `check` writes holds, or says that it needs its program."""
    status = main(["check", f"absnormal.gallery:{name}", "--certificate", "proof.json"])
    capsys.readouterr()
    if status == 3:
        assert not Path("proof.json").exists()
        return
    document = json.loads(Path("proof.json").read_text())
    assert main(["recheck", "proof.json"]) == (0 if _stands_alone(document) else 3)
    assert document["claim"] in capsys.readouterr().out


def _stands_alone(document: dict[str, Any]) -> bool:
    try:
        return checker.holds(document)
    except checker.NeedsProgram:
        return False


def test_a_report_and_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    report = an.verify(gallery.identity, [0.0], slope=-1)
    assert main(["recheck", written(report.to_dict(certificate=True))]) == 0
    other = report.clarke_certificate
    assert other is not None
    assert main(["recheck", written([certificate(), other.to_dict()])]) == 0
    assert capsys.readouterr().out.count("HOLDS") == 3


def test_a_number_changed(capsys: pytest.CaptureFixture[str]) -> None:
    forged = certificate()
    forged["data"]["separator"] = ["-2"]
    assert main(["recheck", written(forged)]) == 1
    assert "REFUSED" in capsys.readouterr().out
    forged["data"]["separator"] = ["1"]
    forged["digest"] = checker.digest(forged)
    assert main(["recheck", written(forged)]) == 1
    assert "the evidence does not prove the claim" in capsys.readouterr().out


def test_the_worst_of_a_list_counts() -> None:
    broken = {**certificate(), "about": "elsewhere"}
    assert main(["recheck", written([certificate(), needs_program()])]) == 3
    assert main(["recheck", written([needs_program(), {"claim": "CLARKE", "kind": "minor"}])]) == 2
    assert main(["recheck", written([needs_program(), broken, {"claim": 1, "kind": 2}])]) == 1


def test_what_needs_its_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recheck", written(needs_program())]) == 3
    assert "next to its program: run absnormal.verify(f, x).certificate.check()" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not JSON", "is not JSON"),
        ("[]", "holds no certificate"),
        ("{}", "holds no certificate"),
        ("3", "holds no certificate"),
        ('{"verdict": "UNDECIDED", "certificate": null}', "holds no certificate"),
        ("[" * 100_000, "is not JSON"),
    ],
    ids=["text", "list", "object", "number", "undecided", "deep"],
)
def test_what_is_no_certificate(text: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recheck", written(text)]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("absnormal: ") and said in captured.err
    assert captured.err.count("\n") == 1


def test_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recheck", "nothing.json"]) == 2
    assert "nothing.json cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["kind", "claim", "data", "digest", "system"])
@pytest.mark.parametrize("value", [None, 1, [], {}, "x", [[1]]])
def test_malformed_certificates_give_no_traceback(
    name: str, value: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    forged = certificate()
    if name == "system":
        forged["data"]["system"] = value
        forged["digest"] = checker.digest(forged)
    else:
        forged[name] = value
    assert main(["recheck", written(forged)]) in (1, 2, 3)
    assert "Traceback" not in capsys.readouterr().out


def test_undecided_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Path("hard.py").write_text(
        "import numpy as np\ndef f(v):\n    return np.abs(np.abs(v[1]) - v[0] ** 2) - np.abs(v[1]) * np.abs(v[0])\n"
    )
    status = main(["check", "hard.py:f", "--at", "0, 0", "--slope", "1, -1, 1, -1", "--certificate", "proof.json"])
    assert Path("proof.json").exists() == (status in (0, 1))


def sealed(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "digest": checker.digest(document)}


def test_words_of_the_file_cannot_pass_for_lines_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    lie = "x\r\nHOLDS: CLARKE, by minor\n  claimed: \x1b[2J"
    for name in ("about", "assumes"):
        assert main(["recheck", written(sealed({**certificate(), name: lie}))]) == 0
    other = sealed({**certificate(), "kind": lie, "data": {"kind": lie}})
    assert main(["recheck", written(other)]) == 2
    nothing = {"kind": "nonfinite", "vector": ["nan", lie]}
    assert main(["recheck", written(sealed({**certificate(), "kind": "nonfinite", "data": nothing}))]) == 0
    said = capsys.readouterr().out
    assert "\nHOLDS: CLARKE" not in said and "\x1b" not in said and said.count("HOLDS: CLARKE, by minor") == 4


def test_a_name_that_stands_twice(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recheck", written('{"claim": "CLARKE", ' + json.dumps(certificate())[1:])]) == 2
    assert "file.json says 'claim' twice: keep one" in capsys.readouterr().err


def test_a_vector_is_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    forged = {**certificate(), "kind": "nonfinite", "data": {"kind": "nonfinite", "vector": {"nan": 1}}}
    assert main(["recheck", written(sealed(forged))]) == 2
    assert "NO CERTIFICATE: malformed certificate" in capsys.readouterr().out
