"""Series of variables at ties: followed with their kinks, or refused at the user's line."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import absnormal as an

X = np.array([1.0, 0.0, -1.0, 0.5, 0.5, 2.0])


def _loaded() -> bool:
    """Whether pandas is there; it is loaded before f runs, as where it is imported first."""
    return importlib.util.find_spec("pandas") is not None and bool(importlib.import_module("pandas"))


def of(x: Any) -> Any:
    import pandas

    return pandas.Series(x)


#: With the same in NumPy's words.
FOLLOWED: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "abs": (lambda x: of(x).abs().sum(), lambda x: np.abs(x).sum()),
    "clip": (lambda x: of(x).clip(0, 0.5).sum(), lambda x: np.clip(x, 0, 0.5).sum()),
    "max": (lambda x: of(x).iloc[2:5].max(), lambda x: np.max(x[2:5])),
    "sort_values": (lambda x: of(x).sort_values().iloc[3], lambda x: np.sort(x)[3]),
    "nlargest": (lambda x: of(x).nlargest(2).sum(), lambda x: np.sort(x)[4:].sum()),
    "rolling": (lambda x: of(x).rolling(2).max().dropna().sum(), lambda x: np.maximum(x[1:], x[:-1]).sum()),
    "cummax": (lambda x: of(x).cummax().sum(), lambda x: np.maximum.accumulate(x).sum()),
    "quantile": (lambda x: of(x).quantile(0.5), lambda x: np.quantile(x, 0.5)),
}  # fmt: skip
REFUSED: dict[str, Callable[[Any], Any]] = {
    "chosen": lambda x: of(x)[of(x) > 0].sum(), "where": lambda x: of(x).where(of(x) > 0, 0).sum(),
    "counted": lambda x: (of(x) == 0).sum() + x.sum(),
    "applied": lambda x: of(x).apply(lambda v: v if v > 0 else 0).sum(),
    "round": lambda x: of(x).round().sum(), "idxmax": lambda x: of(x).iloc[2:5].idxmax() * x[0],
    "repeated": lambda x: of(x).drop_duplicates().sum(), "float32": lambda x: of(x).astype("float32").sum(),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
def test_ties_of_columns_are_those_of_arrays() -> None:
    if not _loaded():
        return
    for name, (f, same) in FOLLOWED.items():
        program, expected = an.trace(f, X), an.trace(same, X)
        for step in 1e-3 * np.random.default_rng(0).normal(size=(10, 6)):
            np.testing.assert_allclose(program(X + step), expected(X + step), err_msg=name)
        found, wanted = (sorted(map(tuple, an.generalized_gradient(g, X).vertices)) for g in (f, same))
        np.testing.assert_allclose(found, wanted, err_msg=name)


@pytest.mark.filterwarnings("ignore")
def test_what_jumps_in_a_column_is_refused_where_the_user_wrote_it() -> None:
    if not _loaded():
        return
    for name, f in REFUSED.items():
        with pytest.raises(an.TraceError) as caught:
            an.trace(f, X)
        assert caught.value.source is not None and caught.value.source.file == __file__, name
