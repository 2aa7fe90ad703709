"""Branches that the rounding of f decides: beyond one of them f may be another function, which is not seen.

What is computed by bisection or by counting in steps jumps from one value to the next within rounding of every point.
Such a program has a derivative where none of its comparisons is tied, and it need not be near to that of the function
that it stands for.  So a vector is not refuted by it.
"""

from __future__ import annotations

import numpy as np

from absnormal.errors import AbsNormalError
from absnormal.program.nodes import placed
from absnormal.sweeps.table import Sweeps

#: How far from x, against its entries, a branch must be for rounding not to decide it.
_ROUNDING = 2.0**-40


def decided_by_rounding(tool: Sweeps) -> str:
    """The jump that comes out otherwise in double precision at x, or at a point that is x to rounding, and what follows
    from it; "" where there is none."""
    program = tool.program
    # What is held is the same at no other point, whatever f does there.
    followed = [g for g in program.guards if g.relation != "held" and program.holds(g, tool.values)]
    if not followed or tool.rational:
        return ""
    leaves, random = program.inputs(tool.values), np.random.default_rng(0)
    steps = [_ROUNDING * np.abs(leaf) * random.uniform(-1.0, 1.0, leaf.shape) for leaf in leaves]
    for sign in (0.0, 1.0, -1.0):
        try:
            values = program.unguarded([leaf + sign * step for leaf, step in zip(leaves, steps, strict=True)])
        except AbsNormalError:
            continue
        for guard in followed:
            if not program.holds(guard, values):
                where = placed(guard.operation, guard.source)
                return f"rounding decides {where}, and beyond that branch f may have other gradients"
    return ""
