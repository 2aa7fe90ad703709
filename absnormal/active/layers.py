"""The layers of the active switches: how many of them, at most, lie one behind the other up to each (THEORY 7.2)."""

from __future__ import annotations

import numpy as np

from absnormal.arrays import Array
from absnormal.ops import TABLE
from absnormal.sweeps.table import Sweeps


def depths(sweeps: Sweeps, counted: Array) -> Array:
    """The depth of each switch, shape (s,), from 1 on; 0 where it is not ``counted`` (s,).

    It grows along every chain of counted switches: from a kinked node to those that are computed from it, and in a fold
    from one comparison to the next.
    """
    program = sweeps.program
    result = np.zeros(program.s, int)
    behind: list[int] = []
    for node in program.nodes:
        before = max((behind[arg] for arg in node.args), default=0)
        kink = TABLE[node.op].kink
        if kink is not None and node.switch >= 0:
            own = node.own
            if counted[own].any():
                steps = np.ones(node.switches, int)
                if not kink.rates and not kink.blocks:
                    size = int(np.prod(node.shape, dtype=int))
                    steps = 1 + np.arange(node.switches) // max(1, size)
                result[own] = np.where(counted[own], before + steps, 0)
                before = int(result[own].max())
        behind.append(before)
    return result
