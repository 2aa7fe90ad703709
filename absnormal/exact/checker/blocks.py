"""A vector judged block by block: the switches fall into parts that share no input, a part into blocks.

    vector, tolerance, base  J~      by input
    parts       each with a system (rows with the inputs of their columns) and blocks (members in the kept switches)

Blocks are linked by no coupling and have independent row spaces, so cells that are open in their blocks are open
together, and the gradients of all open cells are J~ plus sums over the blocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from absnormal.exact.checker.rules import complete
from absnormal.exact.checker.switches import Row, Switches, dot, matrix, numbers, rank, sign_matrix


def member(data: Mapping[str, Any]) -> bool:
    """Convex weights over open cells, block by block, whose sum is the vector."""
    total = numbers(data["base"])
    if not _parts(data)[0]:
        return False
    for part in data["parts"]:
        a = Switches(part["system"])
        if not _independent(a, part["blocks"]):
            return False
        for block in part["blocks"]:
            own = a.part(block["members"])
            signatures, weights = sign_matrix(block["signatures"]), numbers(block["weights"])
            directions = matrix(block["directions"])
            if len(weights) != len(signatures) or sum(weights) != 1 or min(weights) < 0:
                return False
            for sigma, d, weight in zip(signatures, directions, weights, strict=True):
                if not own.opened(sigma, [d]):
                    return False
                for j, value in zip(part["system"]["columns"], own.gradient(sigma), strict=True):
                    total[j] += weight * value
    vector, allowed = _vector(data)
    return all(abs(x - y) <= bound for x, y, bound in zip(total, vector, allowed, strict=True))


def separated(data: Mapping[str, Any]) -> bool:
    """A vector that separates from J~ + the sum over the blocks of the gradients of all their open cells."""
    whole, columns = _parts(data)
    v, base = numbers(data["separator"]), numbers(data["base"])
    vector, allowed = _vector(data)
    if len(v) != len(vector) or (not whole and any(value for j, value in enumerate(v) if j not in columns)):
        return False
    terms = zip(v, vector, base, allowed, strict=True)
    gap = sum((a * (b - c) - abs(a) * bound for a, b, c, bound in terms), Fraction(0))
    for part in data["parts"]:
        a, own_v = Switches(part["system"]), [v[j] for j in part["system"]["columns"]]
        if a.droppable and not a.hidden and not any(dot(own_v, row) for row in a.rows):
            continue
        if not _independent(a, part["blocks"]):
            return False
        for block in part["blocks"]:
            own = a.part(block["members"])
            signatures = sign_matrix(block["signatures"])
            if not complete(own, signatures, block["cuts"]):
                return False
            gap -= max(dot(own_v, own.gradient(sigma)) for sigma in signatures)
    return gap > 0


def _parts(data: Mapping[str, Any]) -> tuple[bool, set[int]]:
    """Whether all active switches are there, and the inputs of all parts, none in two of them."""
    columns = [int(column) for part in data["parts"] for column in part["system"]["columns"]]
    if len(set(columns)) != len(columns) or any(not 0 <= j < len(data["vector"]) for j in columns):
        raise ValueError("malformed certificate: an input in two parts, or in none")
    switches = [int(switch) for part in data["parts"] for switch in part["system"]["switches"]]
    return sorted(switches) == sorted(data["switches"]), set(columns)


def _vector(data: Mapping[str, Any]) -> tuple[Row, Row]:
    vector, allowed = numbers(data["vector"]), numbers(data["tolerance"])
    if min(allowed, default=Fraction(0)) < 0 or len(vector) != len(allowed):
        raise ValueError("malformed certificate: the tolerance must be >= 0, one number per entry")
    return vector, allowed


def _independent(a: Switches, blocks: list[Mapping[str, Any]]) -> bool:
    """Whether the blocks are a partition, linked by no coupling, with independent row spaces."""
    label: dict[int, int] = {int(i): number for number, block in enumerate(blocks) for i in block["members"]}
    if sorted(i for block in blocks for i in block["members"]) != list(range(a.k)) or not a.droppable or a.hidden:
        return False
    if any(a.couplings[i][j] and label[i] != label[j] for i in range(a.k) for j in range(i)):
        return False
    return sum(rank([a.rows[i] for i in block["members"]]) for block in blocks) == rank(a.rows)


#: Kind of evidence -> its rule, and the claim that it can prove.
IN_BLOCKS = {
    "convex weights in blocks": (member, "CLARKE"),
    "separated from blocks": (separated, "NOT_CLARKE"),
}
