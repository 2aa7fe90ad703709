"""Are the slopes drawn along a line those of f and of the tool?  Is the structure that of the matrices?"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import absnormal as an
from absnormal import gallery


def _slope(ax, start):
    (line,) = [line for line in ax.lines if str(line.get_label()).startswith(start)]
    (a, p), (b, q) = line.get_xydata()[[0, -1]]
    return (q - p) / (b - a)


def test_one_sided_slopes_and_the_slope_of_the_tool() -> None:
    f = lambda x: np.maximum(x[0], 0) - 3 * np.minimum(x[0], 0) + x[1] ** 2  # noqa: E731
    report = an.verify(f, [0.0, 2.0], slope=-1)
    ax = report.plot_line([1.0, 0.5], radius=0.5)
    left, right = _slope(ax, "slope of f to the left"), _slope(ax, "slope of f to the right")
    assert (left, right) == pytest.approx((-3 + 2, 1 + 2))
    assert _slope(ax, "slope of the tool") == pytest.approx(report.gradient @ [1.0, 0.5])
    graph = next(line for line in ax.lines if line.get_label() == "f").get_xydata()
    assert graph[[0, -1], 0].tolist() == [-0.5, 0.5]
    assert np.allclose(graph[:, 1], [f(np.array([0.0, 2.0]) + t * np.array([1.0, 0.5])) for t in graph[:, 0]])


def test_the_default_direction_shows_what_is_wrong() -> None:
    example = gallery.cyclic_relu
    report = an.verify(example, example.point, slope=-1)
    ax = report.plot_line()
    assert _slope(ax, "slope of the tool") > _slope(ax, "slope of f to the right")
    assert "excess" in ax.get_xlabel()


def test_a_traced_branch_leaves_a_gap() -> None:
    ax = an.verify(lambda x: np.abs(x[0]) if x[0] > -0.5 else -x[0], [0.0]).plot_line()
    graph = next(line for line in ax.lines if line.get_label() == "f").get_xydata()
    assert np.isnan(graph[0, 1]) and np.isfinite(graph[-1, 1])


def test_bad_arguments() -> None:
    report = an.verify(gallery.identity, [0.0])
    with pytest.raises(ValueError, match="direction"):
        report.plot_line([0.0])
    with pytest.raises(ValueError, match="radius"):
        report.plot_line(radius=-1)


def test_structure_is_that_of_the_matrices() -> None:
    example = gallery.dense_network_on_a_batch
    form = an.abs_normal_form(example, example.point)
    image = form.plot().images[0].get_array()
    Z, L, J, Y = (getattr(form, name).toarray() for name in "ZLJY")
    assert np.array_equal(image, np.sign(np.block([[Z, L], [J, Y]])))


def test_a_large_structure_is_binned() -> None:
    form = an.abs_normal_form(lambda x: np.abs(x).sum(), np.zeros(3000))
    image = form.plot().images[0].get_array()
    assert image.shape == (201, 400) and image.any(axis=1).all()


def test_a_missing_matplotlib_says_which_extra() -> None:
    code = (
        "import sys; sys.modules['matplotlib'] = sys.modules['matplotlib.pyplot'] = None\n"
        "import absnormal as an\n"
        "from absnormal import gallery\n"
        "try: an.verify(gallery.identity, [0.0]).plot()\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'absnormal[plot]'" in done.stdout
