"""Claims that rest on the signs of adjoints: regular, and supporting slopes."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import sqrt

import numpy as np

from ..rational import dot
from .drawn_forms import Claimed, Drawn
from .form import NormForm, Slopes


def adjoint_bounds(form: NormForm, j: int) -> tuple[float, float]:
    """The least and the largest adjoint w_j of |z_j| over all slopes, by the signs of s_i = +-|t_i|."""
    a, m = form.arrays, len(form.blocks)
    values = []
    for signs in product((1.0, -1.0), repeat=m - j - 1):
        s = np.zeros(m)
        s[j] = 1.0
        for i, sign in enumerate(signs, j + 1):
            t = a.L[i] @ s[:i]
            s[i] = sign * sqrt(t @ t)
        values.append(float(a.Y @ s))
    return min(values), max(values)


def live(form: NormForm) -> list[int]:
    """The blocks whose row may be nonzero."""
    found: list[int] = []
    for i, block in enumerate(form.blocks):
        if any(map(any, block.R)) or any(part[j] for part in block.L for j in found):
            found.append(i)
    return found


def _for_regular(draw: Drawn) -> NormForm:
    form = draw.form(draw.pick((1, 2, 2, 3, 4)), draw.pick((2, 3, 4, 5, 6)), 0.2)
    if draw.likely(0.7):
        form = NormForm(form.n, form.blocks, form.J, draw.row(len(form.blocks), (1, 2, 3, 5, 1)))
    return form


def regular(draw: Drawn) -> Claimed | None:
    """All adjoints have one sign, for all slopes."""
    form = _for_regular(draw)
    bounds = [adjoint_bounds(form, j) for j in live(form)]
    one = all(low >= 0 for low, _ in bounds) or all(high <= 0 for _, high in bounds)
    return (form, draw.slopes(form)) if one else None


def regular_with_signs_of_each(draw: Drawn) -> Claimed | None:
    """Wrong: each adjoint has a sign of its own."""
    form = draw.form(draw.pick((1, 2, 2)), draw.pick((2, 2, 3)), 0.3)
    bounds = [adjoint_bounds(form, j) for j in live(form)]
    return (form, draw.slopes(form)) if all(low >= 0 or high <= 0 for low, high in bounds) else None


def regular_for_the_weights(draw: Drawn) -> Claimed | None:
    """Wrong: the weights of the output have one sign, couplings are not looked at."""
    form = _for_regular(draw)
    return (form, draw.slopes(form)) if all(w >= 0 for w in form.Y) else None


def own_adjoints(form: NormForm, c: Slopes) -> list[Fraction]:
    """The adjoints w_j of |z_j| under slopes c."""
    w = list(form.Y)
    for j in reversed(range(len(w))):
        for i in range(j + 1, len(w)):
            w[j] += w[i] * dot(c[i], [part[j] for part in form.blocks[i].L])
    return w


def supporting(draw: Drawn) -> Claimed | None:
    """The adjoints under the slopes of the tool itself have one sign, where rows may be nonzero.

    With e_j = |z_j| - c_j . z_j >= 0 the derivative along d is g_c . d + sum_j w_j(c) e_j(d): g_c supports f' or -f'.
    """
    form = _for_regular(draw)
    c = draw.slopes(form)
    w = own_adjoints(form, c)
    own = [w[j] for j in live(form)]
    return (form, c) if all(a >= 0 for a in own) or all(a <= 0 for a in own) else None


def supporting_with_signs_of_each(draw: Drawn) -> Claimed | None:
    """Wrong: they have signs of their own."""
    form = draw.form(draw.pick((1, 2)), draw.pick((2, 2, 3)), 0.3)
    return form, draw.slopes(form)
