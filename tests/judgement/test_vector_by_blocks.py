"""A vector where blocks have too many cells to be listed: some are made, and trees bound the others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import absnormal as an
from absnormal.certificates import checker
from absnormal.certificates.certificate import Certificate
from absnormal.clarke.budget import BudgetTracker
from absnormal.judgement import vector_by_blocks as module

from ..theorems.generators import nests
from ..theorems.judge import cases, fuzz
from ..theorems.test_independent_subproblems import side_by_side
from .test_vector import vectors


@pytest.fixture
def nothing_is_listed() -> Iterator[None]:
    """However few cells there are."""
    before, module.LISTED = module.LISTED, 0
    yield
    module.LISTED = before


@fuzz(15)
@given(st.data())
def test_the_oracle_agrees(nothing_is_listed: None, data: st.DataObject) -> None:
    a = data.draw(cases() | cases(nests()) | cases(side_by_side()))
    g = data.draw(vectors(a))
    report = an.verify(a.function, a.point, gradient=[float(value) for value in g], slope=a.slopes)
    if report.verdict.name == "UNDECIDED":
        # Only a vector on the boundary may stay open.
        assert a.oracle.contains(g)
        return
    assert bool(report) == a.oracle.contains(g), (report.proof, a, g)
    certificate = report.certificate
    assert certificate is not None and certificate.check()
    if certificate.kind in ("separated from blocks", "convex weights in blocks"):
        assert Certificate.from_json(certificate.to_json()).check()


def layer(batch: int, units: int) -> tuple[Any, int]:
    """A hidden layer without biases at weights 0, whose units have thousands of cells each."""
    rng = np.random.default_rng(0)
    data, y, head = rng.standard_normal((batch, 4)), rng.standard_normal(batch), rng.standard_normal(units)
    return lambda w: np.abs(np.maximum(data @ w.reshape(4, units), 0) @ head - y).mean(), 4 * units


@pytest.mark.parametrize(("name", "verdict"), [
    ("mean", "CLARKE"), ("slopes -0.95", "NOT_CLARKE"), ("far", "NOT_CLARKE"), ("one unit", "NOT_CLARKE"),
])  # fmt: skip
def test_units_with_thousands_of_cells(name: str, verdict: str) -> None:
    f, n = layer(36, 3)
    x = np.zeros(n)
    middle = an.gradient(f, x, slope=0.0)
    g = {
        "mean": (middle + an.clarke_gradient(f, x)) / 2, "slopes -0.95": an.gradient(f, x, slope=-0.95),
        "far": 2 * middle + 0.1, "one unit": middle + np.eye(n)[0],
    }[name]
    report = an.verify(f, x, gradient=g)
    assert report.verdict.name == verdict
    certificate = report.certificate
    assert certificate is not None and certificate.kind.endswith("blocks")
    assert Certificate.from_json(certificate.to_json()).check()


def test_what_was_changed_in_a_tree_is_refused() -> None:
    f, n = layer(36, 3)
    found = an.verify(f, np.zeros(n), gradient=an.gradient(f, np.zeros(n), slope=-0.95)).certificate
    assert found is not None and found.check()
    plain = json.loads(found.to_json())
    trees = [block for part in plain["data"]["parts"] for block in part["blocks"] if len(block.get("tree", ())) > 1]
    assert trees
    for changed in ([-1], [*trees[0]["tree"], -1], trees[0]["tree"][:-1], []):
        kept, trees[0]["tree"] = trees[0]["tree"], changed
        assert not checker.proves(plain["data"], "NOT_CLARKE")
        trees[0]["tree"] = kept
    plain["data"]["vector"] = [str(Fraction(a)) for a in an.gradient(f, np.zeros(n), slope=0.0)]
    assert not checker.proves(plain["data"], "NOT_CLARKE")


def test_rounds_end_with_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where cells are found without a search, so that there is always another round."""
    f, n = layer(36, 3)
    rounds, late, asked = list[Any](), [False], module._nearest

    def nearest(*given: Any) -> Any:
        rounds.append(given)
        late[0] = True
        return asked(*given)

    monkeypatch.setattr(module, "_nearest", nearest)
    monkeypatch.setattr(module, "_beyond", lambda whole, *rest: {(0, 0): whole[0][0]})
    monkeypatch.setattr(BudgetTracker, "late", property(lambda tracker: late[0]))
    an.verify(f, np.zeros(n), gradient=an.gradient(f, np.zeros(n), slope=-0.95))
    assert len(rounds) == 1
