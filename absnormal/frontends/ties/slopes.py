"""What each tool takes for the derivative of |u| at u = 0, operation by operation.

The numbers refer to the canonical rewriting: for max(u, v) and min(u, v) the kink is |u - v|.  "even" splits a tie of a
reduction evenly.  A `where` follows the branch that the user's comparison took, whatever
the tool: a number given for all switches does not change it.

A table holds for the version in `VERSIONS`, with which it was measured.  Where another version is installed its slopes
are measured and used, and differences are told, provided that the program has imported the tool: nothing is imported
to find out.  Otherwise the table is used, and a note says of which version it is.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from absnormal.arrays import Array, as_real, lengths
from absnormal.frontends.ties.names import IMPLIED, OWN, TIES, Slopes, checked, tie_elsewhere, written_out
from absnormal.ops import kink_of
from absnormal.ops.kinks.order import in_turn
from absnormal.ops.kinks.running import running
from absnormal.program.nodes import Node
from absnormal.program.program import Program
from absnormal.sweeps.rounding import UNIT
from absnormal.sweeps.table import Sweeps

#: A sorted list is read off at the indices of a permutation: min keeps the first of a tie, max the second.
_INDEX = -1.0
#: Pooling keeps the first of a tie.
_FIRST = 1.0

#: A 2-norm at 0 has no derivative, and the tool returns NaN.
_NAN = math.nan

#: The version of a tool that its table was measured with.
VERSIONS = {"autograd": "1.9.1", "torch": "2.13.0", "jax": "0.10.2", "casadi": "3.8.0"}

TABLES: dict[str, Slopes] = checked({
    "autograd": written_out({
        "abs": 0.0, "maximum": 0.0, "minimum": 0.0, "fmax": 0.0, "fmin": 0.0, "clip.low": -1.0, "clip.high": 1.0,
        "max.fold": "even", "min.fold": "even", "sort": _INDEX, "root": _NAN, "modulus": 0.0,
    }),
    "torch": {
        "abs": 0.0, "maximum": 0.0, "minimum": 0.0, "fmax": 1.0, "fmin": -1.0, "clip.low": 1.0, "clip.high": -1.0,
        "max.fold": "even", "min.fold": "even", "sort": _INDEX, "relu": -1.0, "leaky_relu": -1.0, "elu": -1.0,
        "hard.low": -1.0, "hard.high": 1.0, "shrink.low": 1.0, "shrink.high": -1.0,
        "max.window": _FIRST, "min.window": -_FIRST, "clamp.low": 1.0, "clamp.high": -1.0,
        "norm": 0.0, "std": 0.0, "hypot": _NAN, "root": _NAN,
        "modulus": 0.0,
    },
    "jax": {
        "abs": 1.0, "maximum": 0.0, "minimum": 0.0, "fmax": -1.0, "fmin": 1.0, "clip.low": 0.0, "clip.high": 0.0,
        "max.fold": "even", "min.fold": "even", "sort": _INDEX, "relu": -1.0, "leaky_relu": 1.0, "elu": -1.0,
        "hard.low": -1.0, "hard.high": 1.0, "shrink.low": 0.0, "shrink.high": 0.0,
        "max.window": _FIRST, "min.window": -_FIRST, "clamp.low": -1.0, "clamp.high": 1.0,
        "norm": _NAN, "std": _NAN, "hypot": 0.5, "root": _NAN,
        "modulus": 0.0,
    },
    "casadi": written_out({
        "abs": 0.0, "maximum": 0.0, "minimum": 0.0, "fmax": 0.0, "fmin": 0.0, "clip.low": 0.0, "clip.high": 0.0,
        "max.fold": 0.0, "min.fold": 0.0, "sort": 0.0, "root": _NAN,
    }),
})  # fmt: skip

#: Tool -> the module whose ``table()`` measures the slopes of the version that is imported.
MEASURING = {"torch": "absnormal.frontends.torch.probe", "jax": "absnormal.frontends.jax.probe"}


#: Operators of ONNX that several functions of a tool are exported as, which do not agree at a tie: the function that
#: the table is of, and what others do.
_SEVERAL = {
    ("torch", "ReduceMax"): "torch.amax, which splits a tie evenly; torch.max(dim=...) takes one of the tied entries",
    ("torch", "ReduceMin"): "torch.amin, which splits a tie evenly; torch.min(dim=...) takes one of the tied entries",
    ("torch", "TopK"): "torch.topk that takes tied entries in their order; torch does not say which of them it takes",
}
#: Tools whose maxima pass on nothing to the side that is not taken; those of others pass on 0 times what comes.
MASKING = frozenset({"torch"})


def taken_for(tool: str, program: Program, active: Array) -> tuple[str, ...]:
    """Which function of a tool the tied operators of a graph are taken for, where several are exported alike."""
    found: dict[str, str] = {}
    for node in program.nodes:
        said = _SEVERAL.get((tool, node.operation.partition(" ")[0])) if node.switch >= 0 else None
        if said and np.any(node.owns(active)):
            found.setdefault(
                said, f"{node.operation} at {node.source} is taken for {said}: judge that gradient with gradient=")
    return tuple(found.values())


def table_of(tool: str) -> tuple[Slopes, str]:
    """The slopes of a tool, and what a reader must know about their version ("" where there is nothing).

    Raises
    ------
    ValueError
        for an unknown name
    """
    if tool not in TABLES:
        raise ValueError(f"slope must be a number, an array or one of {sorted(TABLES)}, got {tool!r}")
    version = _installed(tool)
    if tool not in MEASURING or version in ("", VERSIONS[tool]):
        return TABLES[tool], ""
    if tool in sys.modules:
        return _measured(tool, version)
    return TABLES[tool], (
        f"the slopes are those of {tool} {VERSIONS[tool]}; {tool} {version} is installed: import {tool}, to have its"
        " own measured"
    )


@functools.cache
def _installed(tool: str) -> str:
    """The version of a tool, without a local suffix such as +cpu; "" where it is not installed."""
    try:
        return importlib.metadata.version(tool).partition("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return ""


def same(slope: float | str, other: float | str) -> bool:
    """Whether two entries of tables are equal, NaN included."""
    return slope == other or (slope != slope and other != other)


@functools.cache
def _measured(tool: str, version: str) -> tuple[Slopes, str]:
    found: Slopes = importlib.import_module(MEASURING[tool]).table()
    table = checked({tool: found})[tool]
    other = [tie for tie, slope in table.items() if not same(slope, TABLES[tool][tie])]
    if not other:
        return table, ""
    listed = ", ".join(f"{tie} {table[tie]} (was {TABLES[tool][tie]})" for tie in other)
    return table, f"the slopes were measured with {tool} {version}, which differs from {VERSIONS[tool]}: {listed}"


def tools_for(program: Program) -> tuple[str, ...]:
    """The tools whose tables say what to take at the kinks of a program: none where these are torch's own kernels."""
    return () if any(program.nodes[index].tie == OWN for index in program.kinked) else tuple(TABLES)


def slopes_elsewhere(sweeps: Sweeps, tool: str) -> Array | None:
    """What another tool takes at torch's own kernels that are active, where it has functions of the same meaning; None
    where it has none for one of them."""
    nodes = [sweeps.program.nodes[index] for index in sweeps.program.kinked]
    if any(tie_elsewhere(node) not in (*IMPLIED, *TIES)
           and sweeps.active[node.own].any() for node in nodes):  # fmt: skip
        return None
    return _collect(sweeps, table_of(tool)[0])


def slopes(sweeps: Sweeps, slope: Any) -> Array:
    """The slope of |z| at every active switch, shape (number of active switches,).

    Parameters
    ----------
    slope
        a number in [-1, 1], for which 2-norms at 0 take the middle of the unit ball and sorts of many tied entries take
        them in their order (< 0), in reversed order, or each for an equal part (0); an array with one per switch,
        shape (s,), or the name of a tool

    Raises
    ------
    ValueError
        for an unknown name, a number outside [-1, 1], or an array of another length
    """
    program = sweeps.program
    if isinstance(slope, str):
        table, _ = table_of(slope)
        if not tools_for(program):
            raise ValueError(
                f"the program holds kernels of torch, of which slope={slope!r} says nothing: verify torch's function"
                " itself, or give slope= a number or an array"
            )
        return _collect(sweeps, table)
    if np.asarray(slope).dtype == bool:
        raise ValueError(f"slope must be a number or an array of numbers, got {slope}")
    numbers = as_real(slope, "slope")
    if not all(-1 <= number <= 1 for number in numbers.ravel()):
        raise ValueError(f"slope must lie in [-1, 1], got {slope}")
    if numbers.ndim == 0:
        return _collect(sweeps, numbers[()])
    if numbers.shape != (program.s,):
        raise ValueError(f"slope must have one entry per switch, shape ({program.s},), got {numbers.shape}")
    for own in sweeps.balls:
        if not (lengths(numbers[own].astype(float)) <= 1 + 4 * UNIT).all():
            raise ValueError("the slopes at a 2-norm that is 0 must be a vector of length 1 at most")
    return numbers[sweeps.alpha]


def _collect(sweeps: Sweeps, table: Any) -> Array:
    parts = []
    for index in sweeps.program.kinked:
        node = sweeps.program.nodes[index]
        own = sweeps.active[node.own]
        count = int(own.sum())
        if not count:
            continue
        tie = tie_elsewhere(node)
        rule = IMPLIED[tie] if tie in IMPLIED else table[tie] if isinstance(table, dict) else table
        if kink_of(node.op).permutes:
            parts.append(_in_turn(node, float(rule))[own])
            continue
        if kink_of(node.op).blocks and not isinstance(table, dict):
            rule = 0.0
        if rule == "even":
            parts.append(_even_split(node, sweeps.values[node.args[0]])[own])
        else:
            parts.append(np.full(count, rule))
    return np.concatenate(parts) if parts else np.zeros(0)


def of_nodes(
    program: Program, values: Sequence[Array], slope_of: Callable[[str], float | str], own: Mapping[int, Any]
) -> Array:
    """The slope of |z| at every switch, shape (s,): a node's ``own``, or what the tool uses for its tie.

    Its own are a number, "even", an array, or a function that makes one.  ``slope_of`` is asked about ties that occur;
    where no switch of a node is active its slopes are left at 0.
    """
    rules = [_rule(program.nodes[index], values, slope_of, own.get(index)) for index in program.kinked]
    numbers = {rule for rule in rules if isinstance(rule, (int, float))}
    if len(numbers) == 1 and not program.sorts and all(isinstance(rule, (int, float)) for rule in rules):
        return np.broadcast_to(float(numbers.pop()), (program.s,))
    total = np.empty(program.s)
    for index, rule in zip(program.kinked, rules, strict=True):
        node = program.nodes[index]
        found = _even_split(node, values[node.args[0]]) if isinstance(rule, str) else rule() if callable(rule) else rule
        if kink_of(node.op).permutes:
            found = _in_turn(node, float(found))
        total[node.own] = found if np.ndim(found) == 0 else np.reshape(found, -1)
    return total


def _in_turn(node: Node, slope: float) -> Array:
    """Codes of the order in which a sort takes tied entries whose comparisons have a slope."""
    entries = node.params["entries"]
    return in_turn(entries, node.switches // entries, slope)


def _rule(node: Node, values: Sequence[Array], slope_of: Callable[[str], float | str], own: Any) -> Any:
    """What the slopes of a node are made by."""
    rule = IMPLIED.get(node.tie) if own is None else own
    if rule is not None:
        return rule
    args = [values[arg] for arg in node.args]
    return slope_of(node.tie) if (kink_of(node.op).switching(node.params, args) == 0).any() else 0.0


def _even_split(node: Node, u: Array) -> Array:
    """Slopes of a fold that give every tied entry the same weight: the j-th comparison with k tied so far, (k - 2) /
    k."""
    best = running(node.params["sign"], u)
    ties = np.cumsum(u == best, axis=0)
    fresh = np.concatenate([np.ones_like(best[:1], bool), best[1:] != best[:-1]])
    before = np.maximum.accumulate(np.where(fresh, ties - 1, 0), axis=0)
    tied = np.maximum((ties - before)[1:], 2)
    return np.asarray(node.params["sign"] * (tied - 2) / tied).reshape(-1)
