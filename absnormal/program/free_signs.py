"""Vectors whose signs are the choice of a kernel: eigenvectors, and singular vectors.

Next to a point the kernel may return the negative of an eigenvector.  A function of its vectors is one of x near the
point where the signs stay, or where it is the same for both signs.  Both are looked at: the first at points drawn next
to x, the second with signs drawn at random, at x and at these points.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from absnormal.arrays import Array
from absnormal.errors import AbsNormalError, TraceError
from absnormal.ops import TABLE
from absnormal.ops.opaque import Smooth
from absnormal.program.program import Program

#: How many points on two sides of x are looked at, and how often signs are drawn at each.
_POINTS, _DRAWS = 6, 6
#: How far off the points lie, against the size of an entry or 1, and at most how far equal results are apart.
_STEP, _ROUNDING = 1e-6, 1e-9


def check_signs(program: Program, values: Sequence[Array]) -> None:
    """Raise a TraceError where f depends on signs that a kernel chooses otherwise next to x."""
    found = decompositions(program)
    if not found:
        return
    coarse = max(getattr(_function(program, index), "eps", 0.0) for own in found for index in own)
    near = [*_near(program, values, coarse)]
    for own in found:
        if not all(_same_signs(program, values, moved, own) for moved in near) and not all(
            _same_result(program, at, own) for at in (values, *near)
        ):
            node = program.nodes[own[0]]
            raise TraceError(
                node.operation,
                "returns vectors whose signs are the choice of its algorithm, which chooses others next to this point,"
                " and f depends on them",
                "use what is the same for either sign, as v v^T, squares or absolute values",
                node.source,
            )


def decompositions(program: Program) -> list[list[int]]:
    """The nodes whose vectors have such signs, those of one decomposition together."""
    found: dict[tuple[tuple[int, ...], str], list[int]] = {}
    for index, node in enumerate(program.nodes):
        if node.op == "opaque" and node.varied and node.params["function"].signs is not None:
            found.setdefault((node.args, node.params["function"].signs[0]), []).append(index)
    return [*found.values()]


def _function(program: Program, index: int) -> Smooth:
    function: Smooth = program.nodes[index].params["function"]
    return function


def _near(program: Program, values: Sequence[Array], eps: float) -> Iterator[Sequence[Array]]:
    """The values of all nodes at points next to x where f is defined."""
    random, leaves = np.random.default_rng(0), program.inputs(values)
    for _ in range(_POINTS):
        steps = [
            max(_STEP, eps**0.5) * np.maximum(np.abs(leaf), 1.0) * random.uniform(-1.0, 1.0, leaf.shape)
            for leaf in leaves
        ]
        for sign in (1.0, -1.0):
            try:
                yield program.unguarded([leaf + sign * step for leaf, step in zip(leaves, steps, strict=True)])
            except (AbsNormalError, ArithmeticError):
                continue


def _same_signs(program: Program, values: Sequence[Array], moved: Sequence[Array], own: Sequence[int]) -> bool:
    """Whether the framework chooses at another point the signs that it chooses at x."""
    for index in own:
        function = _function(program, index)
        here, there = (function.as_computed(*(at[arg] for arg in program.nodes[index].args)) for at in (values, moved))
        if (function.lines(here * there) <= 0).any():
            return False
    return True


def _same_result(program: Program, values: Sequence[Array], own: Sequence[int]) -> bool:
    """Whether f is the same, and takes the same branches, whatever the signs are."""
    random, lines = np.random.default_rng(1), [_function(program, index).lines(values[index]) for index in own]
    base, size = _turned(program, values, {index: values[index] for index in own})
    for _ in range(_DRAWS):
        signs = random.choice([-1.0, 1.0], lines[0].size)
        turned = {index: values[index] * signs.reshape(line.shape) for index, line in zip(own, lines, strict=True)}
        found, _ = _turned(program, values, turned)
        apart = np.abs(found[program.output] - base[program.output])
        followed = all(program.holds(guard, found) for guard in program.guards)
        if apart.max(initial=0.0) > _ROUNDING * size or not followed:
            return False
    return True


def _turned(program: Program, values: Sequence[Array], vectors: dict[int, Array]) -> tuple[list[Array], float]:
    """The values of all nodes from other vectors, and the largest number that follows from these."""
    found, size, follows = list(values), 1.0, set(vectors)
    for index, node in enumerate(program.nodes):
        if index in vectors:
            found[index] = vectors[index]
        elif any(arg in follows for arg in node.args):
            follows.add(index)
            with np.errstate(all="ignore"):
                found[index] = np.asarray(TABLE[node.op].value(node.params, *(found[arg] for arg in node.args)))
            size = max(size, float(np.abs(found[index]).max(initial=0.0)))
    return found, size
