"""Is progress shown where tqdm is installed, and silence kept where it is not?"""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest

import absnormal as an


def f(x):
    return np.abs(x[0])


def test_a_bar_counts_to_the_total_and_closes(capsys: pytest.CaptureFixture[str]) -> None:
    shown = io.StringIO()
    found = list(an.sweep(f, np.zeros((40, 1)), on_progress=an.progress("samples", file=shown)))
    assert len(found) == 40 and shown.getvalue().endswith("\n")
    assert "samples" in shown.getvalue() and "40/40" in shown.getvalue()
    assert capsys.readouterr() == ("", "")


def test_a_total_that_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    shown = io.StringIO()
    assert len(list(an.sweep(f, iter(np.zeros((5, 1))), on_progress=an.progress(file=shown)))) == 5
    assert "5it" in shown.getvalue() or "points" in shown.getvalue()


def test_without_tqdm_nothing_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("tqdm", "tqdm.auto"):
        monkeypatch.setitem(sys.modules, name, None)
    assert len(list(an.sweep(f, np.zeros((5, 1)), on_progress=an.progress()))) == 5
    assert capsys.readouterr() == ("", "")
