"""Is a drawn set the set: vertices, inside and outside, the least-norm element?"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

import absnormal as an
from absnormal import gallery


def _corners(ax):
    return ax.patches[0].get_xy()[:-1]


def _set(rows):
    return {tuple(np.round(row, 9) + 0.0) for row in np.asarray(rows)}


def _marked(ax, start):
    (line,) = [line for line in ax.lines if str(line.get_label()).startswith(start)]
    return np.array(line.get_xydata()[0]), str(line.get_label())


@pytest.mark.parametrize("f", [
    gallery.coupled_abs,
    lambda x: np.maximum(np.maximum(x[0], x[1]), 0) + np.abs(x[0] - 2 * x[1]),
    lambda x: np.abs(x[0]) + x[1],
    lambda x: np.abs(x).sum() + np.abs(x[0] + x[1]) + np.abs(x[0] - 3 * x[1]),
])
def test_a_polygon_has_the_vertices_of_the_set(f) -> None:
    G = an.generalized_gradient(f, np.zeros(2))
    ax = G.plot()
    corners = _corners(ax)
    assert _set(corners) == _set(G.vertices) and len(corners) == len(G.vertices)
    points = next(line for line in ax.lines if line.get_label() == "limiting gradients").get_xydata()
    assert _set(points) == _set(G.limiting_gradients)
    assert np.allclose(_marked(ax, "least-norm")[0], G.min_norm())


@pytest.mark.parametrize(("g", "said"), [([0.0, 0.5], "inside"), ([1.0, 0.0], "outside"), ([-2.0, 1.0], "inside")])
def test_a_vector_is_marked_where_it_is(g, said) -> None:
    G = an.generalized_gradient(gallery.coupled_abs, np.zeros(2))
    place, label = _marked(G.plot(gradient=g), "tool's gradient")
    assert place.tolist() == g and label.endswith(said)


def test_a_vector_of_nan_is_not_marked() -> None:
    G = an.generalized_gradient(gallery.coupled_abs, np.zeros(2))
    assert not [line for line in G.plot([np.nan, 0.0]).lines if "tool" in str(line.get_label())]


def test_three_dimensions_whatever_the_rank() -> None:
    for f, faces, corners in (
        (lambda x: np.abs(x).sum(), 6, 4),
        (gallery.cyclic_abs, 1, 4),
        (lambda x: np.abs(x[0] + x[1]) + x[2], 1, 2),
        (lambda x: np.maximum(np.maximum(x[0], x[1]), x[2]) + np.abs(x[0]), None, None),
    ):
        G = an.generalized_gradient(f, np.zeros(3))
        ax = G.plot(G.min_norm())
        assert ax.name == "3d"
        (body,) = [artist for artist in ax.collections if isinstance(artist, Poly3DCollection)]
        drawn = [np.array(face) for face in body._faces] if hasattr(body, "_faces") else None
        if drawn is not None and faces:
            assert len(drawn) == faces and all(len(face) == corners for face in drawn)
        ax.figure.canvas.draw()


def test_more_dimensions_are_projected_with_an_outside_vector_outside() -> None:
    example = gallery.total_variation
    G = an.generalized_gradient(example, example.point)
    g = np.full((3, 3), 3.0)
    ax = G.plot(g)
    place, label = _marked(ax, "tool's gradient")
    assert label.endswith("outside") and ax.get_xlabel() == "away from the set"
    assert place[0] > _corners(ax)[:, 0].max()
    inside = G.plot(G.vertices[0])
    assert inside.get_xlabel() == "along the least-norm element" and _corners(inside)[:, 0].min() > 0


def test_a_sum_of_thousands_of_blocks_is_drawn() -> None:
    G = an.generalized_gradient(lambda x: np.abs(x).sum(), np.zeros(3000))
    ax = G.plot(plane=(0, 1))
    assert _set(_corners(ax)) == _set([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    assert "limiting gradients" not in [line.get_label() for line in ax.lines]


def test_one_dimension_and_a_jacobian() -> None:
    ax = an.generalized_gradient(lambda x: np.abs(x[0]) + x[0], [0.0]).plot([3.0])
    assert _set(_corners(ax)) == {(0.0, 0.0), (2.0, 0.0)} and _marked(ax, "tool")[1].endswith("outside")
    jacobian = an.generalized_gradient(lambda x: np.abs(np.array([[1.0, 2.0], [0.0, 1.0]]) @ x), np.zeros(2))
    assert len(_corners(jacobian.plot())) == 4
    _, own = plt.subplots()
    assert jacobian.plot(ax=own) is own


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.integers(-3, 3), min_size=2, max_size=2), min_size=1, max_size=6))
def test_a_zonotope_is_drawn_as_its_vertices(rows) -> None:
    A = np.array(rows, dtype=float)
    G = an.generalized_gradient(lambda x: np.abs(A @ x).sum(), np.zeros(2))
    from absnormal.clarke.projection import projection

    assert _set(projection(G.base, G.summands, np.eye(2))) == _set(G.vertices)


def _legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_zero_outside_of_a_projected_set_is_drawn_outside_or_said_to_be() -> None:
    f = lambda x: 3 * x[0] + 2 * x[1] + np.abs(x[2]) + np.abs(x[3]) + np.abs(x[4])  # noqa: E731
    G = an.generalized_gradient(f, np.zeros(5))
    for judged in (None, np.array([3.0, 2.0, 2.0, 0.0, 0.0])):
        ax = G.plot(judged)
        lowest = _corners(ax) @ np.array([[0.0], [1.0]]) if judged is not None else _corners(ax)[:, 0]
        assert lowest.min() > 1 and "0" in [text.get_text() for text in ax.texts]
        assert not any("hidden" in text for text in _legend(ax))
    # In a plane that the reader chooses, both may be hidden.
    ax = G.plot(np.array([9.0, 2.0, 0.0, 0.0, 0.0]), plane=(2, 3))
    assert [text for text in _legend(ax) if "hidden" in text] == [
        "tool's gradient of length 9.21954: outside, hidden by the projection", "0: outside, hidden by the projection",
    ]
    assert "0 (outside)" in [text.get_text() for text in ax.texts]


@pytest.mark.parametrize(("corners", "point", "said"), [
    ([[0, 0], [1, 0], [0, 1]], [0.2, 0.2], True), ([[0, 0], [1, 0], [0, 1]], [0.6, 0.6], False),
    ([[0, 0], [1, 0]], [0.5, 0], True), ([[0, 0], [1, 0]], [2, 0], False),
    ([[0, 0], [1, 1e-17], [0.5, 1e-16]], [2, 0], False),
    ([[2, 1]], [2, 1], True), ([[2, 1]], [2, 2], False), ([[0, 0], [1, 0], [0, 1]], [1, 0], True),
])  # fmt: skip
def test_what_a_projection_hides(corners, point, said) -> None:
    from absnormal.plot.gradients import _Hidden

    assert _Hidden(np.array(corners, float), True)(np.array(point, float)) is said
    assert not _Hidden(np.array(corners, float), False)(np.array(point, float))


def test_a_set_of_one_point_and_a_segment_are_named_by_what_is_seen() -> None:
    point = an.generalized_gradient(lambda x: x[0] + x[1], np.zeros(2)).plot()
    assert _legend(point) == ["Clarke generalized gradient: one point", "least-norm element (1, 1)"]
    line = an.generalized_gradient(lambda x: 2 * x[0], [0.0]).plot()
    assert _legend(line)[0] == "Clarke generalized gradient: one point"
    space = an.generalized_gradient(lambda x: x.sum(), np.zeros(3)).plot()
    assert _legend(space)[:1] == ["Clarke generalized gradient: one point"]
    segment = an.generalized_gradient(lambda x: np.abs(x[0]) + x[1], np.zeros(2)).plot()
    assert _legend(segment)[:2] == ["Clarke generalized gradient", "limiting gradients"]
    handle = segment.get_legend().legend_handles[0]
    assert isinstance(handle, plt.Line2D) and handle.get_linewidth() > 0
