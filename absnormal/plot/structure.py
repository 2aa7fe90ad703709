"""Where the matrices of an abs-normal form have entries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sparse

from absnormal._optional import require
from absnormal.plot.style import axes, colours, legend, mixed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from absnormal.form import AbsNormalForm

#: Rows and columns of the picture; larger matrices are binned.
_PIXELS = 400
#: Rows and columns up to which entries say their values.
_WRITTEN = 12


def structure(form: AbsNormalForm, *, ax: Axes | None = None) -> Axes:
    """The matrix [Z L; J Y] of an abs-normal form, positive entries blue, negative ones orange.

    Parameters
    ----------
    form
        the abs-normal form, s + m rows and n + s columns; a pixel stands for a block of entries past 400
    ax
        matplotlib axes to draw on

    Returns
    -------
    matplotlib.axes.Axes
        on which it was drawn

    Raises
    ------
    ImportError
        where matplotlib is missing

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> ax = an.plot.structure(an.abs_normal_form(lambda x: np.abs(x[1] - np.abs(x[0])), [0.0, 2.0]))
    >>> [text.get_text() for text in ax.texts]
    ['1', '1', '-1', '1', 'Z', 'L', 'J', 'Y']
    """
    colors = require("matplotlib.colors", "plot")
    patches = require("matplotlib.patches", "plot")
    n, m, s = form.n, form.m, form.s
    whole = sparse.block_array([[form.Z, form.L], [form.J, form.Y]], format="coo")
    rows, columns = whole.shape
    step = max(1, -(-max(rows, columns) // _PIXELS))
    image = np.zeros((-(-rows // step), -(-columns // step)))
    # Where a pixel holds both signs, the last one is seen.
    image[whole.row // step, whole.col // step] = np.sign(whole.data)
    ax = axes(ax)
    used = colours(ax)
    shades = colors.ListedColormap([used.tool, mixed(used.ink, used.ground, 0.05), used.true])
    ax.imshow(image, cmap=shades, vmin=-1, vmax=1, extent=(0, columns, rows, 0), interpolation="nearest")
    if max(rows, columns) <= _WRITTEN:
        for i, j, value in zip(whole.row.tolist(), whole.col.tolist(), whole.data.tolist(), strict=True):
            ax.text(j + 0.5, i + 0.5, f"{value:.3g}", ha="center", va="center", color=used.ground, fontsize=9)
    ax.axvline(n, color=used.ink, linewidth=1)
    ax.axhline(s, color=used.ink, linewidth=1)
    middles = {"Z": n / 2, "L": n + s / 2, "J": n / 2, "Y": n + s / 2}
    for name, place in middles.items():
        above = name in "ZL"
        ax.annotate(
            name, (place, 0 if above else rows), (0, 6 if above else -6), textcoords="offset points", ha="center",
            va="bottom" if above else "top", fontsize=11, fontweight="bold", annotation_clip=False,
        )
    ax.set_xticks([n / 2, n + s / 2], [f"x: {n}", f"|z|: {s}"])
    ax.set_yticks([s / 2, s + m / 2], [f"z: {s}", f"y: {m}"])
    ax.tick_params(length=0, pad=18)
    for side in ax.spines.values():
        side.set_color(used.faint)
    legend(ax, [patches.Patch(color=used.true, label="positive"), patches.Patch(color=used.tool, label="negative")])
    return ax
