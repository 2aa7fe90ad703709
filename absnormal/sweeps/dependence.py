"""Which switches near x are functions of which inputs: the pattern of what may depend on what (THEORY 2.10).

A row that is zero at x does not say that a switch does not depend on an input: x + y^2 depends on y at 0.  So here
every local derivative counts that is not 0 somewhere near x, as that of a square at 0, and that of a product by a
factor that is 0.  What is constant has none, and neither has the side of a kink that is not taken near x.
"""

from __future__ import annotations

import numpy as np

from absnormal.arrays import Array
from absnormal.ops import TABLE, maps_of
from absnormal.ops.linear_maps import LinearMap
from absnormal.sweeps.adjoints import nonzero
from absnormal.sweeps.at_point import INTERVAL
from absnormal.sweeps.table import Sweeps


class Dependence(Sweeps):
    """The patterns of a program near a point."""

    def __init__(self, sweeps: Sweeps) -> None:
        super().__init__(sweeps.program, None, sweeps.atol, sweeps.values, sweeps.own, sweeps.units)
        self.active = sweeps.active
        # A norm depends on all of its entries.
        signs = np.asarray(sweeps.signs, dtype=float).copy()
        for index in self.norms:
            signs[self.program.lanes(index)] = INTERVAL
        self.hold_signs(signs)
        self._any = self.signature(INTERVAL)

    def maps(self, index: int) -> list[LinearMap | None]:
        """The pattern of the derivatives of a node that is not kinked, near the point."""
        known = self._maps.get(index)
        if known is None:
            node, nodes = self.program.nodes[index], self.program.nodes
            family = TABLE[node.op].family
            if family == "bilinear":
                args = [np.ones(nodes[arg].shape) if nodes[arg].varied else self.values[arg] for arg in node.args]
                made = maps_of(node.op)(node.params, args, np.zeros(node.shape), node.shape)
                known = [m if nodes[arg].varied else None for m, arg in zip(made, node.args, strict=True)]
            else:
                known = super().maps(index)
                if family == "smooth":
                    known = [None if m is None else m.entrywise(np.ones_like) for m in known]
            self._maps[index] = known
        return known

    def switches_of(self, inputs: Array) -> Array:
        """The switches, shape (s,), that depend on some of the inputs, shape (n,)."""
        return np.asarray(self._forward(inputs[None].astype(float), self._any, change=nonzero)[0][0] != 0)

    def inputs_of(self, switches: Array) -> Array:
        """The inputs, shape (n,), that some of the switches, shape (s,), depend on."""
        seeds = switches[None].astype(float)
        return np.asarray(self.pull_magnitude(self._any, seeds, None, change=nonzero)[0][0] != 0)
