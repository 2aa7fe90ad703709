"""Values behind a stop_gradient: a framework takes them for constants, though the function depends on them in general.

On some the result provably does not depend: exp(x - m) / sum(exp(x - m)) is the same for every m.  They are constants
without a word (`settle`).  The others are constants too, if that is what is asked for, and then the program holds near
the point only (`hold`).  A node is followed in the form

    additive        u(m + t) = u(m) + a t
    multiplicative  u(m + t) = u(m) exp(a t)

for every array t, entry by entry; where the result, or all that follows from m, has a = 0, m may be a constant.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from absnormal.arrays import Array
from absnormal.errors import TraceError
from absnormal.ops import TABLE
from absnormal.program import slicing
from absnormal.program.builder import Builder
from absnormal.program.moves import MOVES
from absnormal.program.nodes import Node, Source


@dataclass(frozen=True, slots=True, eq=False)
class _Form:
    """How a node depends on m: ``entry`` holds the number of the entry of m that each of its entries follows."""

    multiplicative: bool
    a: Fraction
    entry: Array


def settle(builder: Builder, nodes: Iterable[int], output: int) -> None:
    """Make constants of those nodes on which the output does not depend."""
    for index in nodes:
        if builder.nodes[index].varied and _is_free(builder, index, output):
            _make_constant(builder, index)


def hold(builder: Builder, nodes: Iterable[int], output: int) -> list[Source | None]:
    """Make constants of the other nodes that the output depends on, and say where they are.

    Another point must have the same values of the inputs behind them.  What jumps is a jump of the function, whatever
    it was computed from: a comparison with a stopped value at its tie is refused.
    """
    found: list[Source | None] = []
    for index in nodes:
        node = builder.nodes[index]
        if not node.varied or index not in builder.reach([output]):
            continue
        _refuse_ties(builder, index)
        slicing.hold(builder, index, node.source, "stop_gradient")
        _make_constant(builder, index)
        found.append(node.source)
    return found


def _make_constant(builder: Builder, index: int) -> None:
    """A constant in the place of a node; guards see the value as it moves."""
    _keep_for_guards(builder, index)
    node, value = builder.nodes[index], builder.values[index]
    builder.nodes[index] = Node("constant", (), {"value": value}, node.shape, node.source, "", False)
    _settle_after(builder, index)


def _refuse_ties(builder: Builder, start: int) -> None:
    """Raise where a selection at its tie compares what depends on a stopped value."""
    behind = {start}
    for index in range(start + 1, len(builder.nodes)):
        node = builder.nodes[index]
        if behind.isdisjoint(node.args):
            continue
        behind.add(index)
        if node.op == "select" and node.args[0] in behind:
            raise TraceError(
                node.operation, "compares a value behind stop_gradient, and is tied at this point",
                'compare the value itself, move the point, or ask with stopped="followed"', node.source,
            )


def _keep_for_guards(builder: Builder, start: int) -> None:
    """Guards see a value as it moves: they get a copy of it, and of what leads from it to them."""
    nodes = builder.nodes
    behind = {start}
    for index in range(start + 1, len(nodes)):
        if not behind.isdisjoint(nodes[index].args):
            behind.add(index)
    stack = [side for guard in builder.guards for side in (guard.left, guard.right) if side in behind]
    needed: set[int] = set()
    while stack:
        index = stack.pop()
        if index not in needed:
            needed.add(index)
            stack += [arg for arg in nodes[index].args if arg in behind]
    copies: dict[int, int] = {}
    for index in sorted(needed):
        copies[index] = len(nodes)
        node, values = nodes[index], builder.values
        node = node._replace(args=tuple(copies.get(arg, arg) for arg in node.args))
        builder.append(node, values.known[index], values.given[index])
    builder.guards[:] = [
        replace(guard, left=copies.get(guard.left, guard.left), right=copies.get(guard.right, guard.right))
        for guard in builder.guards
    ]


def _settle_after(builder: Builder, start: int) -> None:
    """Which nodes still vary."""
    for index in range(start + 1, len(builder.nodes)):
        node = builder.nodes[index]
        if not node.varied or node.op == "input":
            continue
        if not any(builder.nodes[arg].varied for arg in node.args):
            builder.nodes[index] = node._replace(varied=False)


def _is_free(builder: Builder, start: int, output: int) -> bool:
    """Whether the output is the same for every value of a node."""
    node = builder.nodes[start]
    size = builder.values[start].size
    forms: dict[int, _Form] = {start: _Form(False, Fraction(1), np.arange(size).reshape(node.shape))}
    for index in range(start + 1, output + 1):
        node = builder.nodes[index]
        inner = [forms.get(arg) for arg in node.args]
        if any(form is not None for form in inner):
            form = _form(builder, node, inner)
            if form is None:
                return False
            if form.a:
                forms[index] = form
    return output not in forms


def _form(builder: Builder, node: Node, inner: list[_Form | None]) -> _Form | None:
    """The form of a node from those of its arguments; None where it has none."""
    known = [form for form in inner if form is not None]
    first = known[0]
    if node.op in MOVES:
        return _Form(first.multiplicative, first.a, TABLE[node.op].value(node.params, first.entry))
    if node.op == "sum":
        return _summed(node, first)
    if node.op == "standardized":
        # What is added to all entries along the axes goes away.
        low, high = (bound(first.entry, node.params["axes"], keepdims=True) for bound in (np.min, np.max))
        return None if first.multiplicative or not np.array_equal(low, high) else _Form(False, Fraction(0), first.entry)
    if len({form.multiplicative for form in known}) > 1:
        return None
    entry = _common(known, node.shape)
    if entry is None:
        return None
    combine = _combined_multiplicative if first.multiplicative else _combined_additive
    a = combine(builder, node, inner, known)
    return None if a is None else _Form(a[0], a[1], entry)


def _common(known: list[_Form], shape: tuple[int, ...]) -> Array | None:
    """The entries of m that the arguments follow, when they are the same."""
    try:
        entries = [np.broadcast_to(form.entry, shape) for form in known]
    except ValueError:  # A concatenation, a product with a matrix: its entries are not those of an argument.
        return None
    return entries[0] if all(np.array_equal(entries[0], other) for other in entries[1:]) else None


def _summed(node: Node, form: _Form) -> _Form | None:
    """A sum over entries that follow the same entry of m."""
    axes = node.params["axes"]
    low, high = (np.asarray(bound).reshape(node.shape) for bound in (form.entry.min(axes), form.entry.max(axes)))
    if not np.array_equal(low, high):
        return None
    count = form.entry.size // max(1, low.size)
    return _Form(form.multiplicative, form.a if form.multiplicative else form.a * count, low)


def _combined_additive(
    builder: Builder, node: Node, inner: list[_Form | None], known: list[_Form]
) -> tuple[bool, Fraction] | None:
    if node.op in ("add", "sub", "neg"):
        signs = {"add": (1, 1), "sub": (1, -1), "neg": (-1,)}[node.op]
        return False, sum((s * f.a for s, f in zip(signs, inner, strict=True) if f is not None), Fraction(0))
    if node.op == "exp":
        return True, known[0].a
    if len(known) == 1 and (node.op == "mul" or (node.op == "div" and inner[0] is not None)):
        factor = _scalar(builder, node.args[1 if inner[0] is not None else 0])
        if factor:
            return False, known[0].a * factor if node.op == "mul" else known[0].a / factor
    if node.op == "max" and len(known) == 2 and known[0].a == known[1].a:
        return False, known[0].a
    return None


def _combined_multiplicative(
    builder: Builder, node: Node, inner: list[_Form | None], known: list[_Form]
) -> tuple[bool, Fraction] | None:
    if node.op in ("mul", "div"):
        signs = (1, 1 if node.op == "mul" else -1)
        return True, sum((s * f.a for s, f in zip(signs, inner, strict=True) if f is not None), Fraction(0))
    if node.op == "log":
        return False, known[0].a
    if node.op in ("neg", "kink"):
        return True, known[0].a
    if node.op in ("square", "sqrt", "reciprocal"):
        return True, known[0].a * {"square": Fraction(2), "sqrt": Fraction(1, 2), "reciprocal": Fraction(-1)}[node.op]
    if node.op in ("add", "sub", "max") and len(known) == 2 and known[0].a == known[1].a:
        return True, known[0].a
    if node.op == "where" and _others_are_zero(builder, node, inner):
        return True, known[0].a
    return None


def _scalar(builder: Builder, index: int) -> Fraction | None:
    value = builder.values[index]
    if builder.nodes[index].varied or value.size == 0 or not (value == value.flat[0]).all():
        return None
    if np.isinf(value.flat[0]):
        return None
    return Fraction(float(value.flat[0]))


def _others_are_zero(builder: Builder, node: Node, inner: list[_Form | None]) -> bool:
    return all(
        form is not None or not (builder.nodes[arg].varied or np.any(builder.values[arg]))
        for arg, form in zip(node.args, inner, strict=True)
    )



