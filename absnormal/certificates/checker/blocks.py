"""A vector judged block by block: the switches fall into systems that share no input, a system into blocks.

    vector, tolerance, and the form in systems with its base J~
    parts       for each system the blocks that it falls into (members among its switches that are in play), each with
                its open cells, or, where it is bounded, with a tree of sign choices (see `branches`)

Blocks are linked by no coupling and have independent row spaces, so cells that are open in their blocks are open
together, and the gradients of all open cells are J~ plus sums over the blocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from absnormal.certificates.checker.branches import most
from absnormal.certificates.checker.form import Form, vector_of
from absnormal.certificates.checker.rules import complete
from absnormal.certificates.checker.switches import Row, Switches, dot, matrix, numbers, positions, rank, sign_matrix


def member(data: Mapping[str, Any]) -> bool:
    """Convex weights over open cells, block by block, whose sum is the vector."""
    form, means = Form(data), []
    for system, part in zip(form.systems, data["parts"], strict=True):
        a = Switches(system)
        if not _independent(a, part["blocks"]):
            return False
        total: Row = [Fraction(0)] * a.width
        for block in part["blocks"]:
            mean = _mean(a.part(block["members"]), block)
            if mean is None:
                return False
            total = [x + y for x, y in zip(total, mean, strict=True)]
        means.append(total)
    vector, allowed = vector_of(data)
    return all(abs(x - y) <= bound for x, y, bound in zip(form.gradient(means), vector, allowed, strict=True))


def _mean(own: Switches, block: Mapping[str, Any]) -> Row | None:
    """The convex combination of the gradients of open cells of a block; None where it is none."""
    signatures, weights = sign_matrix(block["signatures"]), numbers(block["weights"])
    directions = matrix(block["directions"])
    if len(weights) != len(signatures) or sum(weights) != 1 or min(weights) < 0:
        return None
    if not all(own.opened(sigma, [d]) for sigma, d in zip(signatures, directions, strict=True)):
        return None
    points = [own.gradient(sigma) for sigma in signatures]
    return [dot(weights, column) for column in zip(*points, strict=True)]


def separated(data: Mapping[str, Any]) -> bool:
    """A vector that separates from J~ + the sum over the blocks of the gradients of all their open cells."""
    form, v = Form(data), numbers(data["separator"])
    vector, allowed = vector_of(data)
    base = form.gradient([[Fraction(0)] * len(own) for own in form.columns or []])
    terms = zip(v, vector, base, allowed, strict=True)
    gap = sum((a * (b - c) - abs(a) * bound for a, b, c, bound in terms), Fraction(0))
    for system, own_columns, part in zip(form.systems, form.columns or [], data["parts"], strict=True):
        a, own_v = Switches(system), [v[j] for j in own_columns]
        if not a.hidden and not any(dot(own_v, row) for row in a.rows):
            continue
        if not _independent(a, part["blocks"]):
            return False
        for block in part["blocks"]:
            bound = _bound(a.part(block["members"]), block, own_v)
            if bound is None:
                return False
            gap -= bound
    return gap > 0


def _bound(own: Switches, block: Mapping[str, Any], v: Row) -> Fraction | None:
    """The largest v . g_sigma of the open cells of a block, or a bound on it by a tree of sign choices; None where
    neither is shown."""
    if "tree" in block:
        return most(own, block["tree"], v)
    signatures = sign_matrix(block["signatures"])
    if not complete(own, signatures, block["cuts"]):
        return None
    return max(dot(v, own.gradient(sigma)) for sigma in signatures)


def _independent(a: Switches, blocks: list[Mapping[str, Any]]) -> bool:
    """Whether the blocks are a partition, linked by no coupling, with independent row spaces."""
    if a.hidden or len(positions((i for block in blocks for i in block["members"]), a.k)) != a.k:
        return False
    label = {i: number for number, block in enumerate(blocks) for i in block["members"]}
    if any(a.couplings[i][j] and label[i] != label[j] for i in range(a.k) for j in range(i)):
        return False
    return sum(rank([a.rows[i] for i in block["members"]]) for block in blocks) == rank(a.rows)


#: Kind of evidence -> its rule, and the claim that it can prove.
IN_BLOCKS = {"convex weights in blocks": (member, "CLARKE"), "separated from blocks": (separated, "NOT_CLARKE")}
