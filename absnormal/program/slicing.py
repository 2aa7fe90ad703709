"""What f is made of near the point, entry by entry: the rest may be anything, NaN and infinity included (THEORY 9).

An entry *counts* where the result follows it near the point, and must be smooth there.  It is *compared* only where the
result is another side of a kink, or a product with what is locally 0: then it must be defined near the point, and
continuous.  Neither is the side that a selection does not take.  An operation outside of its domain, or without a
finite value, is an error where it counts; elsewhere its arguments are replaced by numbers that it takes, and what is
not finite goes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal.arrays import Array
from absnormal.errors import DomainError, TraceError
from absnormal.ops import ENTRYWISE, TABLE
from absnormal.program.moves import origins
from absnormal.program.nearby import LINEAR
from absnormal.program.needs import Needs
from absnormal.program.nodes import Guard, Node, Source, placed
from absnormal.program.numbering import alike
from absnormal.program.postorder import unknown_behind
from absnormal.program.signs import never_negative

if TYPE_CHECKING:
    from absnormal.program.builder import Builder

#: Numbers that operations are given in entries that do not count.
_HARMLESS = (1.0, 0.5, 2.0, 0.0)
_POWERS, _PRODUCTS = frozenset({"power", "size_power"}), frozenset({"mul", "einsum", "matmul"})
#: To which power of u an operation is small; u log(u) is smaller than each power below 1.
_EXPONENTS = {"square": 2.0, "sqrt": 1 / 2, "cbrt": 1 / 3, "entr": 0.999, "xlogy": 0.999}
#: Powers and roots of float32 are inverse to each other up to this.
_ROUNDING = 1e-6
#: Operations that have a limit, which may be infinite, where an argument of theirs that is not negative is 0.
_EDGES = {"sqrt": 0, "power": 0, "log": 0, "log2": 0, "log10": 0, "reciprocal": 0, "div": 1}
#: Operations that have a limit where an argument grows to infinity.
_LIMITS = frozenset({
    "exp", "exp2", "expm1", "expit", "tanh", "arctan", "sqrt", "square", "power", "log", "log2", "log10", "log1p",
    "reciprocal", "div",
})  # fmt: skip
#: Operations that pass infinity on, and those that make finite numbers of it, with finite derivatives.
_PASSING, _ENDING = frozenset({"add", "sub", "neg"}), frozenset({"exp", "logsumexp"})
#: Operations whose results are not finite where an entry of an argument is not.
_SPREADING = frozenset({"add", "sub", "neg", "mul", "matmul", "sum", "reshape", "transpose"})
#: Operations whose entries have, by broadcasting, arguments of their own.
_BY_ROWS = ENTRYWISE | {"logsumexp", "standardized"}


def sliced(builder: Builder, output: int) -> int:
    """The node of the result without what is outside of its domain, or not finite, and does not count.

    Raises
    ------
    TraceError, DomainError
        for the first operation that is outside of its domain where it counts
    """
    if not builder.faults:
        return output
    guarded = {side for guard in builder.guards for side in (guard.left, guard.right)}
    reached = builder.reach([output, *guarded])
    faults = [index for index in sorted(builder.faults) if index in reached]
    if not faults or _only_masks(builder, faults, reached, guarded):
        return output
    following = {*faults}
    for index in sorted(reached):
        if not following.isdisjoint(builder.nodes[index].args):
            following.add(index)
    needs = Needs(builder.nodes, builder.values, builder.nearby, following)
    with np.errstate(all="ignore"):
        needs.follow(output, guarded)
    copies = _without(builder, faults, needs, sorted(following))
    builder.guards[:] = [
        Guard(copies.get(g.left, g.left), copies.get(g.right, g.right), g.relation, g.outcome, g.source, g.operation)
        for g in builder.guards
    ]
    builder.copies.update((new, builder.copies.get(old, old)) for old, new in copies.items())
    return copies.get(output, output)


def _only_masks(builder: Builder, faults: list[int], reached: Collection[int], guarded: Collection[int]) -> bool:
    """Whether all that is not finite are infinite constants, and what is moved or added up of them until exp or
    logsumexp make finite numbers of it, as attention does with its masks: these may be infinite where they count."""
    if any(builder.faults[index] is not None for index in faults):
        return False
    infinite: set[int] = set()
    for index in sorted(reached):
        node = builder.nodes[index]
        if infinite.isdisjoint(node.args):
            if index not in builder.faults:
                continue
            if node.op != "constant":
                return False
        passed = node.op == "constant" or node.op in _PASSING or TABLE[node.op].family == "movement"
        value = builder.values[index]
        if passed and not np.isnan(value).any():
            infinite.add(index)
        elif node.op not in _ENDING or not np.isfinite(value).all():
            return False
    if not infinite.isdisjoint(guarded):
        return False
    names = [builder.nodes[index] for index in faults]
    builder.left_out.update(dict.fromkeys(placed(node.operation, node.source) for node in names))
    return True


def _without(builder: Builder, faults: list[int], needs: Needs, reached: list[int]) -> dict[int, int]:
    """Copies of the nodes that follow from those that are outside of their domain, which get other arguments."""
    copies: dict[int, int] = {}
    infinite: dict[int, Exception] = {}
    for old in reached:
        node = builder.nodes[old]
        if old not in faults and not any(arg in copies for arg in node.args):
            continue
        args = tuple([copies.get(arg, arg) for arg in node.args])
        values = [builder.values[arg] for arg in args]
        bad = _outside(node, values) if old in faults else np.zeros(node.shape, bool)
        if builder.faults.get(old) is not None:
            bad = bad | _overflowed(builder, old)
        held = _grown(builder, old, infinite)
        if held.any():
            args = _harmless(builder, node, args, held, infinite[old])
            values, bad = [builder.values[arg] for arg in args], held
        elif bad.any():
            builder.left_out[placed(node.operation, node.source)] = None
            counts, compared = (known.get(old, np.zeros(node.shape, bool)) for known in (needs.counts, needs.compared))
            fault = builder.faults[old]
            if fault is not None and not (counts | compared).any():
                before = builder.values[old]
                copies[old] = builder.constant(np.where(np.isfinite(before.astype(float)), before, 0.0))
                continue
            # What is infinite because of an infinite constant may be so where it counts.
            bad = bad & ~(_infinite(node, values) & (counts | compared))
            if fault is None:
                bad = bad & ~(counts | compared)
                if not bad.any() and args == node.args:
                    continue
            elif (bad & (counts if _continuous(builder, old) else counts | compared)).any():
                held = bad & (counts | compared)
                if (held & ~_of_constants(builder, node)).any():
                    raise _explained(builder, node, fault)
            elif (bad & compared).any():
                held = bad & compared
                hold(builder, old, node.source, node.operation)
                if not np.isfinite(builder.values[old]).all():
                    infinite[old] = fault
            # At other points these entries are not looked at either.
            bad = bad | ~(counts | compared)
            args = _harmless(builder, node, args, bad, fault)
            values = [builder.values[arg] for arg in args]
        copies[old] = _copied(builder, old, args, values, bad)
        if held.any():
            # What is compared keeps its value.
            value = builder.constant(np.where(held, builder.values[old], 0.0))
            copies[old] = builder.add("where", (copies[old], value), {"mask": ~held}, node.operation, node.source)
    return copies


def note_infinite(builder: Builder, finite: Callable[[Any], bool], strict: bool) -> bool:
    """Note what a framework made NaN or infinite; whether it made any such of numbers, by overflow.

    All that follows from it has lost these: where it counts that is an error, if ``strict``.
    """
    found, known = False, set[int]()
    for index in range(len(builder.nodes) - 1, -1, -1):
        held, node = builder.values.given[index], builder.nodes[index]
        if index in known or (held is not None and finite(held)):
            if node.op in _SPREADING and 0 not in node.shape:
                known.update(node.args)
        elif held is not None:
            overflows = node.varied and bool(node.args) and bool(_overflowed(builder, index).any())
            fault = DomainError(node.operation, "overflows in its precision, and what follows has lost it", node.source)
            builder.faults.setdefault(index, fault if overflows and strict else None)
            found = found or overflows
    return found


def _overflowed(builder: Builder, index: int) -> Array:
    """Which entries of a node are not finite, though what they are computed from is, and lies in the domain."""
    node = builder.nodes[index]
    args = [builder.values[arg] for arg in node.args]
    finite: Any = [np.isfinite(arg.astype(float)) for arg in args]
    if node.op not in ENTRYWISE:
        finite = [one.all() for one in finite]
    domain = TABLE[node.op].domain
    inside = True if domain is None else domain(node.params, *args)
    made = ~np.isfinite(builder.values[index].astype(float))
    return np.asarray(np.logical_and.reduce(np.broadcast_arrays(made, inside, *finite)))


def _grown(builder: Builder, index: int, infinite: dict[int, Exception]) -> Array:
    """Where an operation is taken of what has grown to infinity, and keeps the limit that it has there.

    A kink of one such argument follows another one, or is infinite itself; sums and movements pass it on.
    """
    node, value = builder.nodes[index], builder.values[index]
    fault = next((infinite[arg] for arg in node.args if arg in infinite), None)
    if fault is None:
        return np.zeros(node.shape, bool)
    row, unbounded = TABLE[node.op], ~np.isfinite(value.astype(float))
    passed = row.family in ("movement", "linear") or node.op in ("mul", "neg") or row.kink is not None
    if (node.op not in _LIMITS and not passed) or (row.kink is not None and row.kink.blocks and unbounded.any()):
        raise fault
    if unbounded.any() or not passed:
        infinite[index] = fault
    if row.family == "movement" or node.op not in ENTRYWISE:
        return np.zeros(node.shape, bool)
    given = [np.broadcast_to(np.isinf(builder.values[arg].astype(float)), node.shape) for arg in node.args]
    return np.asarray(unbounded if passed else np.any(given, axis=0))


def _outside(node: Node, values: list[Array]) -> Array:
    """Where an operation is outside of its domain, or has no finite value."""
    row = TABLE[node.op]
    with np.errstate(all="ignore"):
        if node.op == "input":
            raise DomainError("x", "the point holds NaN or infinity")
        if node.op == "constant":
            return np.asarray(~np.isfinite(node.params["value"]))
        bad = ~np.isfinite(np.asarray(row.value(node.params, *values)).astype(float))
        if row.domain is not None:
            inside = np.asarray(row.domain(node.params, *values))
            bad = bad | (~inside if inside.shape == bad.shape else np.full(bad.shape, not inside.all()))
    return np.asarray(bad)


def _of_constants(builder: Builder, node: Node) -> Array:
    """Where an operation entry by entry has a finite value, and all that it is computed from are constants."""
    if node.op not in ENTRYWISE:
        return np.zeros(node.shape, bool)
    values = [builder.values[arg] for arg in node.args]
    with np.errstate(all="ignore"):
        found = np.isfinite(np.asarray(TABLE[node.op].value(node.params, *values), float))
    for arg in node.args:
        sources, _ = origins(builder.nodes, arg)
        varied = np.isin(sources, [index for index in np.unique(sources) if builder.nodes[index].varied])
        found = found & ~np.broadcast_to(varied, node.shape)
    return np.asarray(found)


def _infinite(node: Node, values: list[Array]) -> Array:
    """Where an entry is infinite, and so is what it is computed from."""
    if node.op not in ENTRYWISE:
        return np.zeros(node.shape, bool)
    with np.errstate(all="ignore"):
        result = np.isinf(np.asarray(TABLE[node.op].value(node.params, *values)).astype(float))
    given = [np.broadcast_to(np.isinf(value.astype(float)), node.shape) for value in values]
    return np.asarray(result & np.any(given, axis=0))


def _continuous(builder: Builder, index: int) -> bool:
    """Whether an operation is defined and continuous near the edge of its domain, where it may be infinite: a root, a
    logarithm, or the inverse, of what is never negative."""
    node, nodes, values = builder.nodes[index], builder.nodes, builder.values
    if node.op in ("cbrt", "hypot"):
        return True
    edge = _EDGES.get(node.op)
    even = node.op == "power" and bool(np.all(values[node.args[1]] % 2 == 0))
    if edge is None or not (even or never_negative(nodes, values, node.args[edge])):
        return False
    # The inverse of -0.0 has the other sign.
    args = [np.abs(values[arg]) if place == edge else values[arg] for place, arg in enumerate(node.args)]
    with np.errstate(all="ignore"):
        limit = np.asarray(TABLE[node.op].value(node.params, *args))
    return not np.isnan(limit).any() and np.array_equal(np.isposinf(limit), np.isposinf(values[index]))


def _explained(builder: Builder, node: Node, fault: Exception) -> Exception:
    """What is wrong with a root, or with u log(u), at 0, by what it is taken of; and with an opaque operation, if it
    says so."""
    reason = node.params["function"].reason() if node.op == "opaque" and isinstance(fault, TraceError) else None
    if reason is not None:
        problem, fix = reason
        return TraceError(node.operation, problem, fix, node.source)
    exponent = np.min(builder.values[node.args[1]]) if node.op == "power" else _EXPONENTS.get(node.op, 1.0)
    if not isinstance(fault, TraceError) or exponent >= 1:
        return fault
    if exponent * _order(builder, node.args[0]) >= 1 - _ROUNDING:
        return TraceError(
            node.operation,
            "has a kink at this point that neither |.| nor a 2-norm expresses, as other p-norms do, or is smooth there"
            " in a way that is not seen",
            "add eps > 0 to its argument, which makes it smooth, or use the norm for p = 1, 2 or infinity",
            node.source,
        )
    return TraceError(
        node.operation,
        "is not Lipschitz at this point: where its argument grows linearly there, f has no generalized gradient",
        "add eps > 0 to the argument of the root, which makes it smooth and changes a square root by at most sqrt(eps),"
        " or move the point off it" if node.op not in ("entr", "xlogy") else
        "add eps > 0 to the argument of the logarithm, or move the point off it",
        node.source,
    )


def _order(builder: Builder, index: int) -> float:
    """The power to which a node is small where the variables are, by the powers in it: 3 for a sum of |u|^3."""
    nodes, values, known, bases = builder.nodes, builder.values, dict[int, float](), dict[int, int]()
    for at in unknown_behind(index, known, lambda at: nodes[at].args if nodes[at].varied else ()):
        node, bases[at] = nodes[at], at
        if not node.varied or np.all(values[at] != 0):
            known[at] = math.inf
            continue
        own = [known[arg] for arg in node.args if nodes[arg].varied]
        kink, linear = TABLE[node.op].kink is not None, TABLE[node.op].family in LINEAR
        # Factors that are powers of one node are small together.
        product = node.op in _PRODUCTS and all(alike(nodes, bases[node.args[0]], bases[arg]) for arg in node.args)
        if product or node.op in _POWERS or node.op in _EXPONENTS or (len(own) == 1 and (kink or node.op in _PRODUCTS)):
            bases[at] = next(bases[arg] for arg in node.args if nodes[arg].varied)
        if node.op in _POWERS:
            known[at] = float(np.min(values[node.args[1]])) * own[0]
        elif node.op in _EXPONENTS or node.op == "div":
            known[at] = _EXPONENTS.get(node.op, 1.0) * own[0]
        else:
            known[at] = sum(own) if product else min(own) if own and (linear or kink) else 1.0
    return known[index]


def hold(builder: Builder, index: int, source: Source | None, operation: str) -> None:
    """Keep the variables behind a node: nothing is known of it at other points."""
    for leaf in sorted(builder.reach([index])):
        if builder.nodes[leaf].op == "input":
            held = builder.constant(builder.values[leaf])
            builder.guards.append(Guard(leaf, held, "held", np.asarray(True), source, operation))


def _harmless(
    builder: Builder, node: Node, args: tuple[int, ...], bad: Array, fault: Exception | None
) -> tuple[int, ...]:
    """Other arguments in entries that do not count; an operation that mixes entries gets others in all of them."""
    if node.op == "constant":
        return args
    apart = node.op in _BY_ROWS
    for number in _HARMLESS:
        changed = [np.where(bad if apart else True, number, builder.values[arg]) for arg in args]
        if not (_outside(node, changed) & bad).any():
            break
    else:
        apart, bad = False, np.zeros(node.shape, bool)
    if not apart and not bad.all():
        if fault is None:
            return args
        raise fault
    other = builder.constant(np.asarray(number))
    mask = ~bad if apart else np.asarray(False)
    return tuple([
        builder.add("where", (arg, other), {"mask": np.broadcast_to(mask, np.broadcast_shapes(
            mask.shape, builder.nodes[arg].shape))}, node.operation, node.source) for arg in args
    ])


def _copied(builder: Builder, old: int, args: tuple[int, ...], values: list[Array], bad: Array) -> int:
    """A node with other arguments; the values that it had stay, where they are finite and count."""
    node = builder.nodes[old]
    given, unit, builder.unit = builder.values.given[old], builder.unit, builder.units[old]
    before = builder.values[old]
    if node.op == "constant":
        bad = bad & ~np.isfinite(before)
        after = np.where(bad, 0.0, before)
        node = node._replace(params={"value": after})
    else:
        with np.errstate(all="ignore"):
            after = np.asarray(TABLE[node.op].value(node.params, *values))
    kept = before.dtype == object or (np.isfinite(before).all() and not bad.any())
    value = before if kept else np.where(np.isfinite(before) & ~bad, before, after)
    varied = any(builder.nodes[arg].varied for arg in args)
    new = builder.append(node._replace(args=args, varied=varied), value, given if kept else None)
    if not kept and given is not None:
        with np.errstate(over="ignore"):
            builder.override(new, value.astype(builder.values.read(given).dtype))
    builder.unit = unit
    return new

