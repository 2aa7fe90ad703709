"""Is what a picture of a report shows where it must be: kinks, cells, arrows?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.quiver import Quiver

import absnormal as an
from absnormal import gallery
from absnormal.plot.arrangement import arrangement


def _polygons(ax):
    return [path.vertices[:-1] for path in _one(ax, PolyCollection).get_paths()]


def _one(ax, kind):
    (found,) = [artist for artist in ax.collections if type(artist) is kind]
    return found


def _kinks(ax):
    return {
        str(artist.get_label()): np.array(artist.get_segments())
        for artist in ax.collections if isinstance(artist, LineCollection)
    }


def _arrows(ax):
    return {
        str(artist.get_label()): np.array([artist.U[0], artist.V[0]])
        for artist in ax.collections if isinstance(artist, Quiver)
    }


def _area(corners):
    a, b = corners, np.roll(corners, -1, axis=0)
    return abs((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / 2


def test_six_cells_and_their_kinks() -> None:
    ax = an.verify(gallery.coupled_abs, [0.0, 0.0], slope=1).plot(radius=2.0)
    polygons = _polygons(ax)
    assert len(polygons) == 6 and sum(map(_area, polygons)) == pytest.approx(16)
    (name, segments), = _kinks(ax).items()
    assert name == "kinks at x"
    rays = {tuple(np.round(end / np.abs(end).max()).astype(int)) for ends in segments for end in ends if end.any()}
    assert rays == {(0, 1), (0, -1), (1, 0), (-1, 0), (-1, 1), (-1, -1)}
    colours = _one(ax, PolyCollection).get_facecolors()
    assert len(np.unique(colours, axis=0)) == 4  # four limiting gradients
    assert {text.get_text() for text in ax.texts} >= {"(0, 1)", "(0, -1)", "(-2, 1)", "(-2, -1)", "z0", "z1", "z2"}


def test_inactive_kinks_are_other_kinks() -> None:
    ax = an.verify(lambda x: np.abs(x[0]) + np.abs(x[1] - 0.5) + np.abs(x[1] - 7), [0.0, 0.0]).plot()
    kinks = _kinks(ax)
    assert set(kinks) == {"kinks at x", "other kinks"}
    assert np.allclose(kinks["other kinks"][..., 1], 0.5)
    # As near as can be, and not active.
    assert set(_kinks(an.verify(lambda x: np.abs(x[0]) + x[1], [3e-17, 0.0]).plot())) == {"other kinks"}
    ax = an.verify(lambda x: np.abs(x[0] - 3) + np.abs(x[1]), [3.0, 1.5]).plot()
    assert set(_kinks(ax)) == {"kinks at x"}


def test_arrows_are_minus_the_gradients_in_one_scale() -> None:
    report = an.verify(lambda x: 3 * x[0] + np.abs(x[1]) + np.abs(x[0] + x[1]), [0.0, 0.0], slope=1)
    arrows = list(_arrows(report.plot(radius=2.0)).values())
    least = an.generalized_gradient(report.program, [0.0, 0.0]).min_norm()
    assert report.gradient.tolist() == [4.0, 2.0]
    scale = 0.62 * 2.0 / np.hypot(4, 2)
    assert np.allclose(arrows[0], -scale * report.gradient) and np.allclose(arrows[1], -scale * least)


def test_no_step_is_a_ring() -> None:
    ax = an.verify(gallery.coupled_abs, [0.0, 0.0], slope=0).plot()
    assert not _arrows(ax)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["kinks at x", "tool's descent step (0, 0): none", "steepest descent (0, 0): none"]


def test_a_wrong_gradient_is_outside_the_set_in_the_chosen_plane() -> None:
    for name in ("cyclic_relu", "cyclic_abs", "maxmin_swapped"):
        example = gallery.get(name)
        report = an.verify(example, example.point, slope=example.slope)
        ax = report.plot()
        wrong = report._repr_html_()
        assert "NOT_CLARKE" in wrong and ax.get_xlabel() == "along the direction of excess slope"
        G = an.generalized_gradient(example, example.point)
        cells = [np.array(text.get_text()[1:-1].split(","), float) for text in ax.texts if text.get_text()[0] == "("]
        step = next(iter(_arrows(ax).values()))
        assert -step[0] > 0 or not cells or -step[0] > max(cell[0] for cell in cells)
        assert G.contains(report.gradient) is False


def test_given_planes_and_shared_axes() -> None:
    import matplotlib.pyplot as plt

    report = an.verify(gallery.rosenbrock, np.ones(3), slope=-1)
    _, own = plt.subplots()
    assert report.plot(plane=(1, 2), ax=own) is own
    assert (own.get_xlabel(), own.get_ylabel()) == ("x[1]", "x[2]")
    assert own.xaxis.get_major_formatter()(0.5, 0) == "1.5"
    turned = report.plot(plane=([0.0, 0.0, 2.0], [1.0, 0.0, 1.0]))
    assert turned.get_xlabel() == "along the first direction"
    for plane, message in (((0, 0), "different entries"), ((0, 3), "different entries"), (([1.0, 0, 0],) * 2, "indep")):
        with pytest.raises(ValueError, match=message):
            report.plot(plane=plane)
    with pytest.raises(ValueError, match="radius"):
        report.plot(radius=0)


def test_one_variable_is_a_graph() -> None:
    ax = an.verify(gallery.identity, [0.0], slope=-1).plot()
    assert ax.get_xlabel() == "t, along x[0]"


def test_a_model_of_a_nonlinear_function_says_so() -> None:
    report = an.verify(lambda x: np.abs(x[0]) * np.exp(x[1]), [0.0, 0.0])
    assert report.plot().get_title().endswith("piecewise-linear model")


def test_too_many_cells_are_refused() -> None:
    f = lambda x: np.abs(np.arange(100.0) - x[0]).sum() + np.abs(np.arange(100.0) - x[1]).sum()  # noqa: E731
    with pytest.raises(an.BudgetError, match="smaller radius"):
        an.verify(f, [0.5, 0.5]).plot(radius=200.0)
    assert len(_polygons(an.verify(f, [0.5, 0.5]).plot())) == 9


def test_a_gradient_with_nan_has_no_arrow() -> None:
    ax = an.verify(gallery.coupled_abs, [0.0, 0.0], gradient=[np.nan, 0.0]).plot()
    assert "tool" not in " ".join(text.get_text() for text in ax.get_legend().get_texts())


_WEIGHTS = st.lists(st.lists(st.integers(-3, 3), min_size=3, max_size=3), min_size=1, max_size=4)


@settings(max_examples=25, deadline=None)
@given(_WEIGHTS, st.integers(-2, 2), st.integers(-2, 2))
def test_cells_fill_the_square_and_carry_the_gradients_of_f(weights, a, b) -> None:
    def f(x):
        total = x[0]
        for u, v, w in weights:
            total = np.abs(u * x[0] + v * x[1] + w / 2 + total) - total / 2
        return total

    form = an.abs_normal_form(f, [float(a), float(b)])
    found, _ = arrangement(form, np.eye(2), 1.5)
    assert sum(_area(cell.corners) for cell in found) == pytest.approx(9)
    x = np.array([a, b], dtype=float)
    for cell in found:
        if _area(cell.corners) > 1e-6:
            middle = cell.corners.mean(axis=0)
            step = 1e-4 * (cell.corners[0] - middle)
            rise = (f(x + middle + step) - f(x + middle - step)) / 2
            assert rise == pytest.approx(cell.gradient @ step, abs=1e-9)


@pytest.mark.parametrize("f", [
    lambda x: np.sort(x)[1],
    lambda x: np.maximum(np.minimum(x[0], x[1]), np.minimum(np.maximum(x[0], x[1]), x[2])),
])
def test_a_median_of_three_is_drawn_in_the_plane_of_its_six_cells(f) -> None:
    ax = an.verify(f, np.zeros(3)).plot()
    assert len(_polygons(ax)) == 6
    assert len(np.unique(_one(ax, PolyCollection).get_facecolors(), axis=0)) == 3  # three limiting gradients


def test_kinks_that_span_a_plane_are_drawn_in_it_with_what_is_wrong() -> None:
    u = lambda x: x[0] + x[1] + x[2]  # noqa: E731
    f = lambda x: 2 * np.abs(u(x)) - np.abs(2 * u(x) + np.abs(u(x))) + np.abs(x[2] - x[1])  # noqa: E731
    report = an.verify(f, np.zeros(3), slope=0)
    ax = report.plot()
    assert report.verdict.name == "NOT_CLARKE" and ax.get_xlabel() == "along the direction of excess slope"
    assert len(_polygons(ax)) == 4
    # A vector that is wrong across the plane, too, is drawn in a plane that shows it.
    given = an.verify(f, np.zeros(3), gradient=[7.0, 0.0, 0.0])
    away = given.gradient - an.generalized_gradient(f, np.zeros(3)).nearest(given.gradient)
    shown = next(iter(_arrows(given.plot()).values()))
    assert np.abs(away).max() > 1 and -shown[0] > 0.1
