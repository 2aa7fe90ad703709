"""Do pictures read on light, dark and transparent grounds, whoever made the axes?"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

import absnormal as an
from absnormal import gallery
from absnormal.plot.style import DARK, LIGHT, colours


def _bright(colour) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def _contrast(one, other) -> float:
    low, high = sorted([_bright(one), _bright(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("used", [LIGHT, DARK])
def test_colours_stand_out_from_their_ground(used) -> None:
    """WCAG 2.1 asks for 4.5 of words and for 3 of lines."""
    assert _contrast(used.ink, used.ground) > 7
    assert all(_contrast(colour, used.ground) > 3 for colour in (used.faint, used.true, used.tool, used.third))


@pytest.mark.parametrize(("style", "used"), [("default", LIGHT), ("dark_background", DARK)])
def test_everything_that_is_drawn_and_written_reads_on_the_ground(style, used) -> None:
    report = an.verify(gallery.cyclic_relu, gallery.cyclic_relu.point, slope=-1)
    G = an.generalized_gradient(gallery.coupled_abs, np.zeros(2))
    sweep = an.sweep(gallery.identity, [[0.0], [1.0]], slope=-1)
    list(sweep)
    form = an.abs_normal_form(gallery.coupled_abs, np.zeros(2))
    with plt.style.context(style):
        drawn = [report.plot(), report.plot_line(), G.plot([1.0, 0.0]), sweep.plot(), form.plot()]
        figure, ax = plt.subplots()
        figure.set_facecolor("none")
        ax.set_facecolor("none")
    # A transparent ground, and a picture that is drawn after the style was left.
    drawn.append(report.plot(ax=ax))
    for ax in drawn:
        assert colours(ax) is used
        words = [*ax.get_legend().get_texts(), ax.title, ax.xaxis.label]
        assert all(_contrast(text.get_color(), used.ground) > 4.5 for text in words if text.get_text())
        lines = [line for line in ax.lines if line.get_linestyle() != "None"]
        assert all(_contrast(line.get_color(), used.ground) > 3 for line in lines)
    for text in drawn[0].texts:
        cells = [patch for patch in drawn[0].collections if type(patch).__name__ == "PolyCollection"]
        assert all(_contrast(text.get_color(), shade) > 3 for shade in cells[0].get_facecolors()), text
