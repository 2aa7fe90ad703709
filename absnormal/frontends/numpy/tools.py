"""What backward mode makes of a function as it is written, where that is not the gradient of f near the point.

A tool takes every jump for a constant, and it differentiates what f does not follow, too: where(x > 1, log(x), x) at
x = 0 has the derivative NaN, which is 0 times infinity.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.numpy.traced import traced
from absnormal.frontends.ties.slopes import MASKING, slopes
from absnormal.frontends.traced_call import TracedCall
from absnormal.ops.linear_maps import LinearMap
from absnormal.program.program import Program
from absnormal.sweeps.adjoints import Adjoints

#: What passes nothing on to the side that is not taken, where other operations pass on 0 times what came, which may be
#: NaN: in every tool, and in those whose maxima do.
_MASKS, _MORE = frozenset({"where"}), frozenset({"where", "max"})


class _Masked(Adjoints):
    """Adjoints of which some operations pass on nothing, be they NaN or infinite, to a side that is not taken."""

    def __init__(self, masks: frozenset[str], program: Program, seed: Array, start: int = -1) -> None:
        super().__init__(program, seed, start)
        self._masks, self._at = masks, start

    def take(self, index: int) -> Array | None:
        self._at = index
        return super().take(index)

    def add(self, index: int, linear: LinearMap, w: Array) -> None:
        wrong = ~np.isfinite(w)
        if self.program.nodes[self._at].op not in self._masks or not wrong.any():
            super().add(index, linear, w)
            return
        super().add(index, linear, np.where(wrong, 0.0, w))
        passed = linear.absolute().pull(wrong.astype(float)) > 0
        found = self.arrays[index]
        assert found is not None
        if not self.owned[index]:
            found = self.arrays[index] = found.copy()
            self.owned[index] = True
        found[passed] = np.nan


def with_gradient_of_a_tool(f: Any, x: Any, call: TracedCall, slope: Any = None) -> TracedCall:
    """f at x with the gradient that a tool returns, where that is not the gradient of the program.

    Parameters
    ----------
    call
        f at x
    slope
        what the tool takes at ties: a number, or its name; the call is given back where it is an array, which is one of
        slopes of the program
    """
    name = call.tool if slope is None else slope
    if call.is_what_a_tool_runs or np.ndim(name) or call.program.m != 1:
        return call
    tool = traced(f, x, True, True).sweeps()
    with np.errstate(all="ignore"):
        sigma = tool.signature(slopes(tool, name))
        # Of a kink of NaN no side is used.
        sigma = np.where(np.isnan(tool.z), 0.0, sigma)
        gradient = tool.gradient(sigma, partial(_Masked, _MORE if name in MASKING else _MASKS))
    if not call.flat and np.isfinite(gradient).all():
        return call
    foreign = tuple(f"{place}, which jumps at this point and counts as a constant" for place in call.flat)
    return replace(call, leaves=call.program.tree.split(gradient), foreign=foreign, undefined=call.left_out)
