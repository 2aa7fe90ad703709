"""Does every example of the gallery have its pictures and pages, with words that stay inside?"""

from __future__ import annotations

import numpy as np
import pytest

import absnormal as an
from absnormal import gallery
from tests.display.pages import tags

EXAMPLES = gallery.examples()


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_drawn(name: str) -> None:
    example = EXAMPLES[name]
    report = an.verify(example, example.point, slope=-1)
    form = report.program.abs_normal_form(example.point)
    G = an.generalized_gradient(example, example.point)
    for shown in (report, report.program, form, G):
        assert tags(shown._repr_html_() or "<p></p>")
    axes = [report.plot(), report.plot_line(), G.plot(report.gradient), form.plot()]
    assert len({id(ax) for ax in axes}) == 4
    for ax in axes:
        ax.figure.canvas.draw()
    cells = axes[0]
    if report.program.n > 1:
        low, high = np.array([cells.get_xlim(), cells.get_ylim()]).T
        for text in cells.texts:
            assert (low <= text.get_position()).all() and (text.get_position() <= high).all()
    renderer = cells.figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in cells.texts]
    assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])


def test_tensors_and_jax_arrays_are_drawn() -> None:
    import jax.numpy as jnp
    import torch

    for report in (
        an.verify(lambda x: (torch.relu(x) - torch.relu(-x)).sum(), torch.zeros(2)),
        an.verify(lambda x: jnp.abs(x[0]) + x[1] ** 2, jnp.zeros(2)),
    ):
        assert report.plot().get_xlabel() == "x[0]"
        assert report.plot_line(report.program.tree.unflatten(np.array([1.0, 0.0]))).get_xlabel() == "t, along d"
        assert tags(report._repr_html_())


def test_exact_points_are_drawn() -> None:
    report = an.verify(gallery.coupled_abs, [0.0, 0.0], exact=True)
    assert len(report.plot().collections[0].get_paths()) == 6
