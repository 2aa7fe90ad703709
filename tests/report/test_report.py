"""What a report says, in each of its forms."""

from __future__ import annotations

import json
import pickle
import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal import gallery
from absnormal.report.explanation import excess
from tests.display.pages import tags

EXAMPLES = gallery.examples()


def report_of(name: str) -> an.Report:
    example = EXAMPLES[name]
    return an.verify(example, example.point, slope=example.slope)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_form_of_every_example(name: str) -> None:
    report = report_of(name)
    text = str(report)
    assert text.startswith(report.verdict.name)
    assert len(text.splitlines()) <= 25
    assert max(map(len, text.splitlines())) <= 125
    assert text.isascii()
    assert report.explanation
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["verdict"] == report.verdict.name
    assert report.verdict.name in report._repr_html_()
    assert sum(group.count for group in report.active) == len(report.problem.sweeps.alpha)
    assert len(repr(report)) < 100


def test_a_report_pickles_whatever_was_asked_on_the_way() -> None:
    """About kinks on one set, and about subproblems."""
    for f in (lambda v: np.sum(np.abs(v) - np.maximum(-v, 0)), lambda v: np.sum(np.abs(v) - np.abs(v + v[::-1]))):
        report = an.verify(f, np.zeros(100), slope=0.5)
        again = pickle.loads(pickle.dumps(report))
        assert (again.verdict, again.explanation) == (report.verdict, report.explanation)



@pytest.mark.parametrize("name", ["identity", "dense_network_on_a_batch", "nested_abs", "stable_cross_entropy"])
def test_a_report_and_its_program_pickle(name: str) -> None:
    report = report_of(name)
    before = str(report), report.to_dict()
    again = pickle.loads(pickle.dumps(report))
    assert (str(again), again.to_dict()) == before
    program = pickle.loads(pickle.dumps(report.program))
    assert str(program) == str(report.program)
    assert program(EXAMPLES[name].point) == report.program(EXAMPLES[name].point)


@pytest.mark.parametrize("name", [name for name, example in EXAMPLES.items() if example.verdict == "NOT_CLARKE"])
def test_a_wrong_gradient_exceeds_all_clarke_gradients_in_the_direction_told(name: str) -> None:
    example, report = EXAMPLES[name], report_of(name)
    found = excess(report)
    assert found is not None
    assert found.predicted == pytest.approx(float(np.ravel(example.gradient) @ found.direction))
    known = [float(np.ravel(g) @ found.direction) for g in example.clarke_gradients]
    assert max(known) <= found.highest + 1e-12 < found.predicted
    assert f"predicts the slope {found.predicted:.6g}" in report.explanation
    assert "a Clarke gradient is" in report.explanation


class TestExplanation:
    def test_two_relus_on_one_set(self) -> None:
        said = report_of("identity").explanation
        assert re.match(r"z0 and z1 kink on the same set: z1 = -z0 \(np.maximum at kinks.py:\d+\)", said)
        assert "relu'(0) = 0 cannot hold at both" in said

    def test_a_cycle(self) -> None:
        assert "z2 = -z0 - z1" in report_of("cyclic_relu").explanation
        assert "cannot all be negative, as relu'(0) = 0" in report_of("cyclic_relu").explanation
        assert "cannot all be positive, as slope 1" in report_of("cyclic_abs").explanation

    def test_nested_kinks(self) -> None:
        assert "z1 = 1/2 z0 + 1/2 |z0|" in report_of("nested_max").explanation

    def test_no_equation_where_a_factor_varies(self) -> None:
        report = an.verify(lambda w: np.abs(w[0]) - np.exp(w[1]) * np.abs(w[0] * np.exp(w[1])), np.zeros(2), slope=0.5)
        assert "z1 =" not in report.explanation

    def test_no_contradiction_for_a_given_vector(self) -> None:
        said = an.verify(EXAMPLES["identity"], [0.0], gradient=[0.3]).explanation
        assert "z1 = -z0" in said
        assert "cannot hold" not in said

    def test_smooth(self) -> None:
        assert report_of("least_squares").explanation == "f is smooth at x: no switch is active"

    def test_a_wrong_gradient_of_a_differentiable_function(self) -> None:
        said = an.verify(lambda x: x[0] ** 2, [1.0], gradient=[2.5]).explanation
        assert "differs from its gradient by 0.5" in said
        assert "a Clarke gradient is [2]" in said

    def test_undecided_gives_the_reason(self) -> None:
        report = an.verify(lambda x: np.abs(np.abs(x[1]) - x[0] ** 2) - np.abs(x[1]), [0.0, 0.0], slope=-1)
        assert report.verdict is an.Verdict.UNDECIDED
        assert report.explanation == report.proof.reason
        assert "tried: smooth, " in str(report)

    def test_it_does_not_depend_on_what_was_asked_before(self) -> None:
        first, second = report_of("total_variation"), report_of("total_variation")
        assert first.likq is False
        assert first.explanation == second.explanation


class TestText:
    def test_float_signs_that_differ_from_exact_ones(self) -> None:
        report = an.verify(lambda x: np.abs(x[0] * 3 - 0.079 - 0.053) - np.abs(x[1]), [0.044, 0.0], exact=True)
        assert not report.consistent
        assert "the tool's float64 sign is 0 or wrong" in str(report)
        assert "decided in rational arithmetic" in str(report)
        assert "sign is 0 or wrong" in report._repr_html_()

    def test_atol(self) -> None:
        report = an.verify(lambda x: np.abs(x[0]) - np.abs(x[1] + x[0]), [1e-12, 0.0], atol=1e-9)
        assert "|z| up to 1e-12 counted as 0" in str(report)

    def test_a_given_vector_has_a_tolerance_and_no_slopes(self) -> None:
        report = an.verify(EXAMPLES["identity"], [0.0], gradient=[1.0])
        assert "(as given)" in str(report)
        assert "tolerance: " in str(report)
        assert "slope -1" not in str(report)
        assert report.active[0].slopes is None

    def test_large_gradients_are_shortened(self) -> None:
        report = an.verify(lambda x: np.sum(np.abs(x)), np.zeros(5000))
        assert "gradient: 5000: [0, 0, 0, ..., 0]" in str(report)
        assert report.to_dict()["gradient"] == {"shape": [5000], "first": [0.0] * 6}
        (group,) = report.active
        assert (group.count, group.total, group.switches) == (5000, 5000, "z0..z4999")

    def test_many_lines(self) -> None:
        code = "def f(x):\n    y = 0\n" + "".join(f"    y = y + abs(x[{i}])\n" for i in range(40)) + "    return y\n"
        names: dict[str, Any] = {}
        exec(compile(code, "many.py", "exec"), names)
        report = an.verify(names["f"], np.zeros(40))
        assert len(report.active) == 40
        assert "... and 35 on 35 more lines" in str(report)
        assert "more" in report._repr_html_()


class TestData:
    def test_fractions_and_infinities(self) -> None:
        data = an.verify(lambda x: np.abs(3 * x[0] - 1), [Fraction(1, 3)], slope=Fraction(1, 3)).to_dict()
        assert (data["slope"], data["exact"]) == ("1/3", True)
        data = an.verify(EXAMPLES["identity"], [0.0], gradient=[np.nan]).to_dict()
        assert data["gradient"] == ["nan"]

    def test_keys(self) -> None:
        data = report_of("identity").to_dict()
        assert data["clarke_gradient"] == [1.0] and data["clarke_gradient_proved"]
        assert data["excess"] == {"direction": [-1.0], "predicted": 0.0, "highest": -1.0}
        assert data["active"][0]["source"].startswith("kinks.py:")
        assert data["likq"] is False


def test_a_gap_that_float64_does_not_show_is_said_in_words() -> None:
    """A tree of sign choices bounds all Clarke gradients below the prediction, by less than a unit of it."""
    A = np.random.default_rng(7).integers(-2, 3, (4, 4)).astype(float)
    report = an.verify(lambda x: np.maximum(A @ x, 0 * x).sum() - np.abs(x).max(), np.zeros(4), slope=1)
    assert report.verdict is an.Verdict.NOT_CLARKE and report.certificate.check()
    assert "predicts the slope" in report.explanation and " 0 less than that" not in report.explanation



def test_html_is_well_formed_escaped_and_has_no_scripts() -> None:
    code = "def f(x):\n    return abs(x[0]) if 1 < 2 else '<script>alert(1)</script>'\n"
    names: dict[str, Any] = {}
    import linecache

    linecache.cache["<b>.py"] = (len(code), None, code.splitlines(keepends=True), "<b>.py")
    exec(compile(code, "<b>.py", "exec"), names)
    page = an.verify(names["f"], [0.0])._repr_html_()
    seen = tags(page)
    assert {"table", "details"} <= set(seen) and "b" not in seen
    assert "&lt;script&gt;" in page


def test_a_fallback_that_is_not_proved_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    report = report_of("identity")
    vars(report)["fallback"] = replace(report.fallback, proved=False)
    assert "NOT certified" in str(report)
    assert "a Clarke gradient is" not in report.explanation
    assert report.to_dict()["clarke_gradient_proved"] is False


def test_a_tool_that_is_modelled_has_returned_nothing() -> None:
    """A guarded quotient: every jump is a constant to the tool, which does not run."""
    report = an.verify(lambda x: np.sum(np.where(x == 0, 1.0, np.sin(x) / np.where(x == 0, 1.0, x))), np.zeros(2))
    said = str(report)
    assert "backward mode with the slopes of autograd at ties" in said and "returned" not in said
    assert "decided by the float64 values" in said
