"""Does every table of slopes have every tie, and is it that of the installed version?"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx.parser
import pytest
import torch

import absnormal as an
from absnormal.frontends.jax import probe as jax_probe
from absnormal.frontends.ties import names as ties
from absnormal.frontends.ties import probes, slopes
from absnormal.frontends.ties.probing import of_shares
from absnormal.frontends.ties.slopes import TABLES, VERSIONS, table_of
from absnormal.frontends.torch import probe as torch_probe
from absnormal.frontends.writing import writer_of


def test_the_page_on_slopes_names_the_versions() -> None:
    page = Path(an.__file__).parent / "docs" / "verdicts.md"
    text = " ".join(page.read_text(encoding="utf-8").lower().split())
    assert all(f"{tool} {version}" in text for tool, version in VERSIONS.items())


def test_every_table_has_every_tie_and_a_version() -> None:
    assert set(VERSIONS) <= set(TABLES)
    for table in TABLES.values():
        assert set(table) == set(ties.TIES)
    assert set(ties.WRITTEN_WITH) | set(ties.OF_NUMPY) == set(ties.TIES)


@pytest.mark.parametrize("change", [{"relu": None}, {"rleu": 0.0}, {"relu": 1.5}, {"relu": "odd"}])
def test_a_table_with_a_tie_too_few_or_too_many_does_not_load(change: dict[str, float | str | None]) -> None:
    table = {tie: slope for tie, slope in {**TABLES["torch"], **change}.items() if slope is not None}
    with pytest.raises(ValueError, match=r"table of (slopes of )?mine .*(lacks|got)"):
        ties.checked({"mine": table})


def test_a_front_end_cannot_write_a_tie_that_no_table_has() -> None:
    with pytest.raises(AssertionError, match="'rleu' is in no table of slopes"):
        an.trace(lambda x: writer_of(x, "f").kink(x, 0.5, 0.5, "rleu"), 0.0)


def texts_of_front_ends() -> Iterator[str]:
    for path in (Path(an.__file__).parent / "frontends").rglob("*.py"):
        yield from re.findall(r'"([a-z_.]+)"', path.read_text(encoding="utf-8"))


def test_every_tie_is_used_by_a_front_end() -> None:
    used = set(texts_of_front_ends())
    assert set(ties.TIES) <= used


@pytest.mark.parametrize(("tool", "measured"), [
    ("autograd", probes.autograd), ("torch", torch_probe.table), ("jax", jax_probe.table),
])  # fmt: skip
def test_the_tables_are_what_the_installed_versions_do(tool: str, measured: object) -> None:
    assert callable(measured)
    assert slopes._installed(tool) == VERSIONS[tool]
    found = measured()
    assert found.keys() == TABLES[tool].keys()
    assert [tie for tie, slope in found.items() if not slopes.same(slope, TABLES[tool][tie])] == []
    assert table_of(tool) == (TABLES[tool], "")


def changed() -> ties.Slopes:
    """What a later torch may do at the bounds of clamp."""
    return {**TABLES["torch"], "clip.low": 0.0, "clip.high": 0.0, "clamp.low": 0.0, "clamp.high": 0.0}


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A later version of torch is installed."""
    monkeypatch.setattr(slopes, "_installed", lambda tool: "2.14.0")
    monkeypatch.setattr(torch_probe, "table", changed)
    slopes._measured.cache_clear()
    yield
    slopes._measured.cache_clear()


def test_another_version_that_is_imported_is_measured_and_differences_are_told(later: None) -> None:
    report = an.verify(lambda x: np.clip(x[0], 0.0, 1.0), [0.0], slope="torch")
    assert report.gradient.tolist() == [0.5]
    (note,) = report.notes
    assert note.startswith("the slopes were measured with torch 2.14.0, which differs from 2.13.0: ")
    assert "clip.low 0.0 (was 1.0)" in note
    assert note in " ".join(str(report).split())


def test_another_version_that_is_not_imported_is_named(later: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch")
    report = an.verify(lambda x: np.clip(x[0], 0.0, 1.0), [0.0], slope="torch")
    assert report.gradient.tolist() == [1.0]
    assert report.notes == (
        "the slopes are those of torch 2.13.0; torch 2.14.0 is installed: import torch, to have its own measured",)


@pytest.mark.slow
def test_the_name_of_a_tool_imports_nothing() -> None:
    code = (
        "import sys, numpy as np, absnormal as an\n"
        "for slope in ('torch', 'jax', 'autograd', 'casadi'):\n"
        "    assert not an.verify(lambda x: np.abs(x).sum() + np.max(x), np.zeros(2), slope=slope).notes\n"
        "print({'torch', 'jax', 'autograd'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_a_program_of_torch_has_no_slopes_by_name() -> None:
    program = an.trace(lambda x: torch.relu(x).sum(), torch.zeros(2))
    for slope in (None, *TABLES):
        with pytest.raises(ValueError, match="the program holds kernels of torch, of which slope="):
            an.verify(program, np.zeros(2), slope=slope)
    assert an.verify(program, np.zeros(2), slope=-1).gradient.tolist() == [0.0, 0.0]
    assert an.verify(program, np.zeros(2), gradient=[0.5, 1.0]).verdict is an.Verdict.CLARKE
    assert an.verify(program, np.zeros(2), gradient=[0.5, 1.5]).verdict is an.Verdict.NOT_CLARKE


def test_every_tool_says_what_to_take_at_the_kinks_of_onnx() -> None:
    for node in ("Relu(x)", "LeakyRelu(x)", "Elu(x)", "HardSigmoid<beta = 0.0>(x)", "Clip(x, z, z)"):
        model = onnx.parser.parse_model(
            '<ir_version: 10, opset_import: ["": 18]> f (double[1] x) => (double[1] y) <double z = {0.0}> '
            f"{{ y = {node} }}")
        for tool in TABLES:
            assert an.verify(an.onnx.load(model), [0.0], slope=tool).gradient.shape == (1,)
    assert an.verify(an.onnx.load(model), [0.0]).gradient.shape == (1,)


def test_shares_of_a_tie() -> None:
    assert of_shares("max.fold", [1, 0, 0]) == 1.0 and of_shares("min.fold", [1, 0, 0]) == -1.0
    assert of_shares("max.fold", [0, 0, 1]) == -1.0 and of_shares("max.fold", [0.25, 0.25, 0.5]) == 0.0
    with pytest.raises(an.TraceError, match="gives three tied entries the weights"):
        of_shares("max.fold", [0.5, 0.5, 0.0])
