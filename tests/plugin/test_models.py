"""Models of torch in a user's tests: by the fixture, the marker, an assertion, and in the files for CI."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import absnormal as an
from tests import formats
from tests.plugin.test_plugin import outcomes, run

_TESTS = """\
import unittest
import pytest, torch
import absnormal as an


def head():
    model = torch.nn.Linear(2, 1)
    torch.nn.init.zeros_(model.weight), torch.nn.init.zeros_(model.bias)
    return model


def by_hand(model):
    z = model(torch.ones(3, 2))
    return (torch.relu(z) + torch.log1p(torch.exp(-z.abs()))).mean()


def right(model):
    return torch.relu(model(torch.ones(3, 2))).mean()


def test_fixture(clarke):
    model = head()
    clarke(model, lambda: right(model))


def test_fixture_wrong(clarke):
    model = head()
    clarke(model, lambda: by_hand(model))


@pytest.mark.clarke(points=lambda: [head()])
def test_marked(model):
    return right(model)


@pytest.mark.clarke([head()])
def test_marked_wrong(model):
    return by_hand(model)


def test_asserted():
    model = head()
    assert an.torch.verify(model, lambda: right(model))


def test_asserted_wrong():
    model = head()
    assert an.torch.verify(model, lambda: by_hand(model))


def test_asserted_by_name():
    model = head()
    report = an.torch.verify(model, lambda: by_hand(model))
    other = an.torch.verify(model, lambda: by_hand(model), gradient={"weight": torch.ones(1, 2), "bias": torch.ones(1)})
    assert report, "no Clarke gradient"


def test_asserted_both():
    model = head()
    first, second = an.torch.verify(model, lambda: right(model)), an.torch.verify(model, lambda: by_hand(model))
    assert first and second, "one of two"


def test_asserted_either():
    model = head()
    report = an.torch.verify(model, lambda: by_hand(model))
    assert report or report


def test_expected_wrong():
    model = head()
    assert not an.torch.verify(model, lambda: by_hand(model))


def test_asserted_verdict():
    model = head()
    assert an.torch.verify(model, lambda: by_hand(model)).verdict is an.Verdict.CLARKE


class TestUnit(unittest.TestCase):
    def test_true(self):
        model = head()
        self.assertTrue(an.torch.verify(model, lambda: by_hand(model)))

    def test_called(self):
        model = head()
        an.testing.assert_clarke_gradient(model, lambda: by_hand(model))


@pytest.mark.xfail(reason="to be mended")
def test_known():
    model = head()
    assert an.torch.verify(model, lambda: by_hand(model))


@pytest.mark.xfail
def test_known_by_the_fixture(clarke):
    model = head()
    clarke(model, lambda: by_hand(model))


@pytest.mark.xfail
def test_mended(clarke):
    model = head()
    clarke(model, lambda: right(model))


def test_another_assertion():
    report = an.verify(lambda x: abs(x[0]), [0.0], gradient=[2.0])
    assert report.method == "smooth"
"""


@pytest.mark.slow
def test_models_are_judged_by_fixture_marker_and_assertion(tmp_path: Path) -> None:
    (tmp_path / "test_model.py").write_text(_TESTS)
    done = run(tmp_path, "-v", "--clarke-report=out.sarif", "test_model.py")
    assert outcomes(done.stdout) == {
        "test_fixture": "passed", "test_fixture_wrong": "failed", "test_marked[point0]": "passed",
        "test_marked_wrong[point0]": "failed", "test_asserted": "passed", "test_asserted_wrong": "failed",
        "test_asserted_by_name": "failed", "test_asserted_both": "failed", "test_asserted_either": "failed",
        "test_expected_wrong": "passed", "test_asserted_verdict": "failed",
        "test_true": "failed", "test_called": "failed", "test_another_assertion": "failed",
    }, done.stdout + done.stderr  # fmt: skip
    # An assertion fails with the text of the report, which names the user's line.
    shown = done.stdout.split("test_asserted_wrong ___")[1].split("test_asserted_by_name ___")[0]
    assert "- Clarke gradient -" in shown and "NOT_CLARKE: proved: the gradient is not an element" in shown
    assert "torch.relu at test_model.py:14: 3 of 3 active" in shown
    assert "NOT_CLARKE test_model.py::test_asserted_wrong: " in done.stdout
    summary = done.stdout.split(" Clarke gradients ")[1]
    assert "NOT_CLARKE test_model.py::test_known (xfail: to be mended): " in summary and " times)" not in summary
    results = {_test(r["message"]["text"]): r for r in formats.sarif((tmp_path / "out.sarif").read_text())}
    failed = {name for name, outcome in outcomes(done.stdout).items() if outcome == "failed"}
    wrong = failed - {"test_another_assertion"}
    assert results.keys() == wrong | KNOWN.keys() and {r["ruleId"] for r in results.values()} == {"NOT_CLARKE"}
    assert all(("test_model.py", 14) in formats.places(result) for result in results.values())
    suppressed = {name: result["suppressions"] for name, result in results.items() if "suppressions" in result}
    assert suppressed == {name: [{"kind": "inSource", "justification": why}] for name, why in KNOWN.items()}
    run(tmp_path, "--clarke-report=out.xml", "test_model.py")
    cases = {_test(case.attrib["name"]): case for case in formats.junit((tmp_path / "out.xml").read_text())}
    assert wrong == {name for name, case in cases.items() if "failure" in _tags(case)}
    skipped = {name: case.find("skipped").attrib["message"] for name, case in cases.items() if "skipped" in _tags(case)}
    assert all(skipped[name].startswith(f"{why}: z0") for name, why in KNOWN.items())
    assert skipped.keys() == KNOWN.keys() and not len(cases["test_mended"])


#: Tests that are expected to fail, and do.
KNOWN = {"test_known": "xfail: to be mended", "test_known_by_the_fixture": "xfail"}


def _test(name: str) -> str:
    """The name of the test in what begins with its node id."""
    return name.partition(": ")[0].rpartition("::")[2]


def _tags(case: Any) -> list[str]:
    return [child.tag for child in case]


def test_the_assertion_takes_a_model_and_a_closure() -> None:
    w = torch.zeros(1, requires_grad=True)
    model = torch.nn.Linear(1, 1)
    torch.nn.init.zeros_(model.bias)
    for first in (w, [w], model):
        report = an.testing.assert_clarke_gradient(first, lambda: (torch.relu(w) + model(w * 0)).sum())
        assert report.framework == "torch"
    with pytest.raises(AssertionError, match="NOT_CLARKE"):
        an.testing.assert_clarke_gradient(w, lambda: (torch.relu(w) - torch.relu(-w)).sum())
