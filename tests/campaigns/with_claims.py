"""Forms with norms of which a theorem claims something, or a wrong variant of one, as functions under these slopes.

They are degenerate in the way on which the hypotheses turn: what breaks a theorem in the package shows soon.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import absnormal as an

from ..oracle.expressions import numpy_callable, source
from ..oracle.norms.claims import THEOREMS
from ..oracle.norms.drawn_forms import Drawn
from ..oracle.norms.form import norm_form, written
from .with_norms import NormCase, WithNorms

CLAIMS = tuple(claim for theorem, wrong in THEOREMS.items() for claim in (theorem, *wrong))
#: So many draws may miss the hypotheses.
_DRAWS = 300


def of_claims(seed: int) -> Iterator[NormCase]:
    """What is returned under the slopes of a claim; nothing where not every block reaches the output."""
    claim = CLAIMS[seed % len(CLAIMS)]
    found = next(filter(None, (claim(Drawn(_DRAWS * seed + k)) for k in range(_DRAWS))), None)
    if found is None:
        return
    form, c = found
    x, flat = [0.0] * form.n, [float(a) for block in c for a in block]
    try:
        expr = written(form)
    except ValueError:  # A number is not dyadic.
        return
    case = WithNorms(numpy_callable(expr), x, expr, norm_form(expr, x), c, f"{source(expr)} at {x}, slopes {flat}")
    traced = an.trace(case.function, x)
    if case.form.sizes == form.sizes and traced.s == len(flat):
        text = f"{claim.__name__}: {case.text}"
        yield NormCase(
            lambda: an.verify(traced, x, slope=np.array(flat)), case, form.gradient(c), text, seed % 4 == 0,
            member=claim in THEOREMS)
