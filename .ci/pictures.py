"""Draw the pictures of README and of the pages, for light and for dark grounds: python .ci/pictures.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

import absnormal as an
from absnormal import gallery

matplotlib.use("agg")
import matplotlib.pyplot as plt

FOLDER = Path(__file__).parents[1] / "absnormal" / "docs" / "pictures"
#: The same bytes in every run, letters as they are drawn here, and a ground that shows through.
STYLE = {"svg.hashsalt": "absnormal", "savefig.transparent": True, "font.size": 10}


def relu(u: Any) -> Any:
    return np.maximum(u, 0)


def identity(x: Any) -> Any:
    """x[0], written with two relus."""
    return relu(x[0]) - relu(-x[0])


def uphill(x: Any) -> Any:
    """A function along which a tool's descent step leads uphill."""
    u = x[0] + x[1]
    return relu(u) - relu(-u) - x[1] / 2 + np.abs(x[0]) / 2


def walk(x: Any) -> Any:
    """Kinks at whole numbers, the wrong gradient at 0."""
    return identity(x) + np.abs(x[1:]).sum()


def wrong() -> None:
    """What README shows: a slope that is not there, and a step that leads uphill."""
    left, right = _axes(2)
    an.verify(identity, [0.0], slope=-1).plot_line(ax=left)
    left.set_title("relu(x) - relu(-x), which is x")
    an.verify(uphill, [0.0, 0.0], slope=[-1, -1, 0]).plot(ax=right)
    right.set_title("a descent step that leads uphill")


def cells() -> None:
    """Cells and kinks: in two variables, and of a median of three in the plane of its cells."""
    left, right = _axes(2)
    an.verify(gallery.coupled_abs, [0.0, 0.0], slope=1).plot(ax=left)
    an.verify(lambda x: np.sort(x)[1], np.zeros(3)).plot(ax=right)
    right.set_title("the median of three: CLARKE by direction")


def sets() -> None:
    """A set with a vector outside, and the projection of one in five dimensions."""
    left, right = _axes(2)
    an.generalized_gradient(gallery.coupled_abs, [0.0, 0.0]).plot([1.0, 0.0], ax=left)
    f = lambda x: 2 * x[0] + np.abs(x[0] + x[1]) / 2 + np.abs(x[1:]).sum()  # noqa: E731
    an.generalized_gradient(f, np.zeros(5)).plot(np.array([2.0, 3.0, 1.0, 0.0, 0.0]), ax=right)


def sweep() -> None:
    """Verdicts at many points."""
    (ax,) = _axes(1)
    points = np.random.default_rng(0).normal(size=(100, 5), scale=2.5).round()
    found = an.sweep(walk, points, slope=-1)
    list(found)
    found.plot(ax=ax)


def _axes(count: int) -> list[Any]:
    figure, axes = plt.subplots(1, count, figsize=(9.2, 4.6), layout="constrained", squeeze=False)
    figure.get_layout_engine().set(w_pad=0.15)
    return list(axes[0])


def draw(name: str, picture: Callable[[], None], folder: Path = FOLDER) -> None:
    """Write a picture for both grounds."""
    folder.mkdir(exist_ok=True)
    for style, suffix in (("default", ""), ("dark_background", "-dark")):
        with plt.style.context([style, STYLE]):
            picture()
            plt.savefig(folder / f"{name}{suffix}.svg", metadata={"Date": None}, bbox_inches="tight")
            plt.close("all")


if __name__ == "__main__":
    for picture in (wrong, cells, sets, sweep):
        draw(picture.__name__, picture)
