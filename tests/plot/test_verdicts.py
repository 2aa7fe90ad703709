"""Does the picture of a sweep show every point, however many there are?"""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_hex

import absnormal as an
from absnormal.plot.style import LIGHT
from absnormal.report.history import History
from absnormal.report.record import Record


def loss(x):
    return np.maximum(x[0], 0) - np.maximum(-x[0], 0) + np.abs(x[1])


def _bars(ax):
    return {(bar.get_x() + 0.5, bar.get_height()): to_hex(bar.get_facecolor()) for bar in ax.patches}


def test_a_bar_is_a_point_with_its_active_switches_and_its_verdict() -> None:
    sweep = an.sweep(loss, [[1.0, 1.0], [0.0, 1.0], [1.0, 0.0], [0.0, 0.0]], slope=-1)
    assert sweep.plot().get_title() == "0 records"
    assert [record.verdict for record in sweep] == ["CLARKE", "NOT_CLARKE", "CLARKE", "NOT_CLARKE"]
    ax = sweep.plot()
    right, wrong = LIGHT.true.lower(), LIGHT.tool.lower()
    tall = {place: shade for place, shade in _bars(ax).items() if place[1] >= 0}
    assert tall == {(0, 0): right, (1, 2): wrong, (2, 1): right, (3, 3): wrong}
    strip = [shade for place, shade in sorted(_bars(ax).items()) if place[1] < 0]
    assert strip == [right, wrong, right, wrong]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["2 NOT_CLARKE", "2 CLARKE"]


def test_errors_are_points_too() -> None:
    sweep = an.sweep(lambda x: x[0] if x[0] > 0 else 2 * x[0], [[1.0], [0.0]])
    assert [record.verdict for record in sweep] == ["CLARKE", "ERROR"]
    assert to_hex(sweep.plot().patches[-1].get_facecolor()) == LIGHT.ink


def test_a_million_points_are_as_few_bars_as_a_picture_has_columns() -> None:
    history = History()
    wrong = {5, 900_001}
    for index in range(0, 1_000_000, 37):
        history.add(Record(index, "CLARKE", "smooth", active=index % 3))
    for index in wrong:
        history.add(Record(index, "NOT_CLARKE", "separation", active=9))
    assert len(history.intervals) <= 512
    found = {number for number, interval in history.intervals.items() if interval.worst == "NOT_CLARKE"}
    assert found == {index // history.width for index in wrong}
    assert all(history.intervals[number].active == 9 for number in found)
