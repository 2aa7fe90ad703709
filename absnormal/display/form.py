"""An abs-normal form: two equations with their matrices where they fit on a page, pictures otherwise."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from absnormal.arrays import Array
from absnormal.display.markup import details, paragraph, table, whole
from absnormal.display.svg import spy

if TYPE_CHECKING:
    from absnormal.form import AbsNormalForm

#: Rows and columns of the largest matrix that is written out.
_WRITTEN = 8


def small(form: AbsNormalForm) -> bool:
    """Whether the matrices are written out."""
    return max(form.n, form.m, form.s) <= _WRITTEN


def equations(form: AbsNormalForm) -> str | None:
    """The equations, where they fit."""
    return latex(form) if small(form) else None


def pictures(form: AbsNormalForm) -> str | None:
    """The pictures; None where the equations fit, as Jupyter takes HTML before LaTeX."""
    return None if small(form) else html(form)


def latex(form: AbsNormalForm) -> str:
    """z = c + Z x + L|z| and y = b + J x + Y|z| with all their numbers."""
    from absnormal.form import latex_of

    def matrix(values: Array) -> str:
        rows = [" & ".join(map(latex_of, row)) for row in values.tolist()]
        return r"\begin{pmatrix}" + r" \\ ".join(rows) + r"\end{pmatrix}"

    def side(name: str, constant: Array, first: Any, second: Any) -> str:
        terms = [matrix(constant[:, None]), matrix(first.toarray()) + r"\,x"]
        if form.s:
            terms.append(matrix(second.toarray()) + r"\,|z|")
        return f"{name} &= " + " + ".join(terms)

    lines = [side("z", form.c, form.Z, form.L)] if form.s else []
    lines.append(side("y", form.b, form.J, form.Y))
    return "$\\displaystyle \\begin{aligned}\n" + " \\\\[4pt]\n".join(lines) + "\n\\end{aligned}$"


def html(form: AbsNormalForm) -> str:
    """Sizes, and pictures of the four matrices."""
    head = (
        f"<strong>Abs-normal form</strong>: n = {form.n} variables, s = {form.s} switches"
        f" ({int((form.signature == 0).sum())} active), m = {form.m} outputs"
    )
    meaning = "z = c + Z x + L|z|, y = b + J x + Y|z|; positive entries blue, negative ones orange"
    pictures = "".join(spy(getattr(form, name), name) for name in "ZL" if form.s)
    rows = [
        [name, f"{matrix.shape[0]} x {matrix.shape[1]}", str(matrix.nnz)]
        for name, matrix in ((name, getattr(form, name)) for name in "ZLJY")
    ]
    counts = details("matrices", table(rows, ("", "shape", "entries")))
    return whole(paragraph(head, escape(meaning)), pictures, counts)
