"""What evidence about the slopes that are judged is checked by, next to its program and without cells (2.9, 7.3)."""

from __future__ import annotations

import numpy as np

from absnormal.certificates.next_to_program import DRAWS, above, slack_of, small
from absnormal.certificates.witness import Witness
from absnormal.sweeps.adjoints import nonzero
from absnormal.sweeps.bounds import moved_at_most
from absnormal.sweeps.rounding import UNIT, rounding


def supporting(sign: int, witness: Witness, rng: np.random.Generator) -> bool:
    """Supporting: adjoints under the slopes that are judged have one sign, but for rounding that is set aside; along
    random directions f' is on the right side of the gradient."""
    sweeps, one = witness.floats, np.ones((1, 1))
    alpha, sigma = sweeps.alpha, sweeps.signature(witness.c)
    if sign not in (1, -1) or not len(alpha) or sweeps.sorts:
        return False
    if not (sweeps.lengths(sigma)[alpha] <= 1 + 8 * UNIT).all():
        return False
    w = sign * sweeps.pull(sigma, None, one)[1][0][alpha]
    error = rounding(sweeps.pull_depth) * sweeps.pull_magnitude(sigma, None, one)[1][0][alpha]
    aside = sweeps.maybe_nonzero[alpha] & (error > 0) & ~(w > error)
    deviation = moved_at_most(sweeps, aside, error + np.abs(w))
    if not (w >= -error)[aside].all() or not small(witness, deviation):
        return False
    for _ in range(DRAWS):
        d = rng.standard_normal(sweeps.program.n)
        gap, slack = above(sweeps, sign, sigma, d)
        if not gap >= -slack - float(np.abs(d) @ deviation):
            return False
    return True


def even_part(witness: Witness, rng: np.random.Generator) -> bool:
    """Even part: by patterns, every switch that may change f has no base row, or slope 0 and no active |.| upstream;
    f' - J~ is the same along random directions and back."""
    sweeps, sigma = witness.floats, witness.floats.signature(0.0)
    if sweeps.sorts:
        return False
    counted = sweeps.maybe_nonzero & sweeps.influence() & sweeps.active
    first = counted & sweeps.pattern(sigma)[0]
    before = sweeps.pull_magnitude(sigma, first[None].astype(float), None, change=nonzero)[1][0]
    if (witness.c != 0)[first[sweeps.alpha]].any() or (before[counted] != 0).any():
        return False
    for _ in range(DRAWS):
        d = rng.standard_normal(sweeps.program.n)
        there, back = sweeps.directional(d), sweeps.directional(-d)
        base = sweeps.push(sigma, d[None])[1][0, 0]
        slack = sum(slack_of(sweeps, own, d)[1] for own in (sigma, sigma, there.sigma, back.sigma))
        if not abs(there.dy[0] - back.dy[0] - 2 * base) <= slack:
            return False
    return True
