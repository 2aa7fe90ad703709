"""Which values are sent to an entry: rows that are sent as they are, and entries one by one."""

from __future__ import annotations

import numpy as np
import pytest

from absnormal.frontends.meanings.movements import sent


@pytest.mark.parametrize("change", ["rows", "an entry elsewhere", "shifted rows", "a row nowhere", "no rows"])
def test_rows_are_sent_like_their_entries(change: str) -> None:
    rng = np.random.default_rng(0)
    wide, count = 3, 5
    where = rng.integers(0, count, 0 if change == "no rows" else 8)[:, None] * wide + np.arange(wide)
    if change == "an entry elsewhere":
        where[2, 1] = 0
    elif change == "shifted rows":
        where = where % ((count - 1) * wide) + 1
    elif change == "a row nowhere":
        where[4] = -1
    table = sent(where.reshape(-1), count * wide, wide)
    assert np.array_equal(table, sent(where.reshape(-1), count * wide))
    for entry, column in enumerate(table.T):
        assert column[column >= 0].tolist() == np.flatnonzero(where.reshape(-1) == entry).tolist()
