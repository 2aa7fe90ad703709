"""Do programs, forms and sets show themselves: well formed, of bounded size, saying what they leave out?"""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy import sparse

import absnormal as an
from absnormal import gallery
from absnormal.display.svg import ORANGE, polygon, spy
from tests.display.pages import tags


def test_a_program_shows_every_operation_with_its_line() -> None:
    program = an.trace(gallery.coupled_abs, np.zeros(2))
    page = program._repr_html_()
    assert tags(page).count("tr") == 1 + len(program.nodes)
    for text in ("|v1|", "z0", "z2", "kinks.py:", "n = 2 variables, s = 3 switches"):
        assert text in page


def test_a_long_program_says_what_it_leaves_out() -> None:
    def chain(x):
        total = x[0]
        for _ in range(300):
            total = np.abs(total + 1.0)
        return total

    program = an.trace(chain, [0.0])
    page = program._repr_html_()
    assert f"... and {len(program.nodes) - 60} more operations" in page
    assert "<details open" not in page and len(page) < 60_000
    tags(page)


def test_a_followed_branch_is_shown() -> None:
    page = an.trace(lambda x: x[0] if x[0] > 1 else 2 * x[0], [3.0])._repr_html_()
    assert "&gt;" in page and "1 branches followed" in page
    tags(page)


def test_a_small_form_is_written_in_latex_alone() -> None:
    form = an.abs_normal_form(lambda x: 1 + 0.5 * np.abs(x[1] - np.abs(x[0])), [0.0, 2.0])
    text = form._repr_latex_()
    assert form._repr_html_() is None
    assert r"z &= \begin{pmatrix}0 \\ 0\end{pmatrix} + \begin{pmatrix}1 & 0 \\ 0 & 1\end{pmatrix}\,x" in text
    assert r"\begin{pmatrix}0 & 0 \\ -1 & 0\end{pmatrix}\,|z|" in text
    assert r"y &= \begin{pmatrix}1\end{pmatrix}" in text and r"\frac{1}{2}" in text


def test_a_smooth_form_has_no_z() -> None:
    assert "z &=" not in an.abs_normal_form(lambda x: x[0] ** 2, [1.0])._repr_latex_()


def test_a_large_form_is_shown_by_pictures_of_z_and_l() -> None:
    n = 5000
    form = an.abs_normal_form(lambda x: np.abs(np.abs(x[1:]) - np.abs(x[:-1])).sum(), np.zeros(n))
    page = form._repr_html_()
    assert form._repr_latex_() is None
    assert tags(page).count("svg") == 2
    assert f"Z: {form.s} x {n}, {form.Z.nnz} entries" in page and f"L: {form.s} x {form.s}" in page
    assert len(page) < 60_000


@pytest.mark.parametrize("shape", [(3, 3), (3, 1000), (2000, 4), (1, 1), (121, 7)])
def test_a_spy_picture_covers_every_entry(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    matrix = sparse.random_array(shape, density=min(1.0, 50 / np.prod(shape)), rng=rng, format="csr")
    matrix.data -= 0.5
    picture = spy(matrix, "Z")
    tags(picture)
    step = -(-max(shape) // 120)
    unit = 180 / -(-max(shape) // step)
    runs = re.findall(r"M(\S+) (\S+)h(\S+)v", picture)
    covered = {(round(float(y) / unit), round(float(x) / unit) + k)
               for x, y, w in runs for k in range(round(float(w) / unit))}
    found = matrix.tocoo()
    assert covered == {(int(i // step), int(j // step)) for i, j in zip(found.row, found.col, strict=True)}
    assert (ORANGE in picture) == bool((found.data < 0).any())


def test_a_set_shows_its_vertices_and_its_picture() -> None:
    G = an.generalized_gradient(gallery.coupled_abs, np.zeros(2))
    page = G._repr_html_()
    assert tags(page).count("polygon") == 1
    assert "vertices: 4" in page and "(-2, 1)" in page and "x is Clarke stationary" in page
    assert "4 corners in [-2, 0] x [-1, 1]" in page


def test_a_set_too_large_to_be_listed_is_still_shown() -> None:
    G = an.generalized_gradient(lambda x: np.abs(x).sum() + x[0], np.zeros(400))
    page = G._repr_html_()
    assert "past the budget" in page and tags(page).count("polygon") == 1 and len(page) < 20_000
    assert G.is_stationary() and not G.min_norm().any()


def test_a_generalized_jacobian_and_a_single_gradient_are_shown() -> None:
    jacobian = an.generalized_gradient(lambda x: np.abs(np.array([[1.0, 2.0], [0.0, 1.0]]) @ x), np.zeros(2))
    assert tags(jacobian._repr_html_()).count("svg") == 1
    smooth = an.generalized_gradient(lambda x: x[0] * x[1], [2.0, 3.0])
    assert tags(smooth._repr_html_()).count("svg") == 0
    assert "0 does not lie in it" in smooth._repr_html_()


def test_a_polygon_is_drawn_upright() -> None:
    picture = polygon(np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 1.0]]), np.zeros(2), "a < b")
    assert 'points="0.0,90.0 180.0,90.0 0.0,0.0"' in picture and "a &lt; b" in picture
    tags(picture)


def test_a_report_with_100_000_active_switches_is_short_and_says_what_it_leaves_out() -> None:
    lines = [f"    total = total + np.abs(x[{5000 * k}:{5000 * (k + 1)}]).sum()" for k in range(22)]
    code = "\n".join(["def f(x):", "    total = 0.0", *lines, "    return total"])
    names: dict = {"np": np}
    import linecache

    linecache.cache["wide.py"] = (len(code), None, [line + "\n" for line in code.split("\n")], "wide.py")
    exec(compile(code, "wide.py", "exec"), names)
    report = an.verify(names["f"], np.zeros(110_000), slope=-1)
    assert len(report.problem.sweeps.alpha) == 110_000
    page = report._repr_html_()
    tags(page)
    assert len(page.encode()) < 200_000
    assert "110000 of 110000" in page and "... and 2 more groups on further lines, 10000 active switches" in page


def test_a_report_on_one_line_with_many_operations_is_short() -> None:
    report = an.verify(lambda x: sum(np.abs(x[k]) for k in range(500)), np.zeros(500))
    page = report._repr_html_()
    assert len(page.encode()) < 20_000 and "500 of 500" in page
    tags(page)


def test_large_objects_show_themselves_in_a_line() -> None:
    x = np.zeros(500)
    report = an.verify(lambda x: np.abs(x).sum(), x)
    sweep = an.sweep(lambda x: np.abs(x).sum(), [x, x + 1])
    next(sweep)
    (active,) = report.active
    near = an.kinks_near(lambda x: np.abs(x).sum(), x + 1, 2.0)
    stationary = an.stationarity(lambda x: np.abs(x).sum(), x + 1e-9, 1e-6)
    G = an.generalized_gradient(lambda x: np.abs(x[0]) + x[1], [0.0, 0.0])
    assert repr(active).startswith("<Active np.absolute at test_display.py:")
    assert repr(report.certificate) == "<Certificate of CLARKE by private inputs, structure>"
    assert repr(sweep) == "<Sweep 1 of 2 points read, 1 CLARKE>"
    assert repr(near) == "<KinksNear within 2: 500 possible, 64 certain, none closer than 1, proved>"
    assert repr(stationary).startswith("<Stationarity: a combination of Clarke gradients within 1e-06 of x has a norm")
    assert repr(report.conventions).startswith("<Conventions: slope -1: ")
    assert repr(G).startswith("<GeneralizedGradient 2 limiting gradients in 1 block, complete")
    shown = [repr(one) for one in (active, near, stationary, report.proof, report.conventions, report.certificate)]
    assert max(map(len, shown)) < 400 and not any("\n" in one for one in shown)


def test_completion_offers_public_names_alone() -> None:
    assert {name for name in dir(an) if not name.startswith("_")} == {*an.__all__} - {"__version__"}
