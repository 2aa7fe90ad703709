"""What each kind of evidence proves: the statements of the theorems, each with its few lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

from absnormal.certificates.checker.branches import by_branching
from absnormal.certificates.checker.form import Form, NeedsProgram, vector_of
from absnormal.certificates.checker.switches import Row, Switches, dot, matrix, numbers, positions, rank, sign_matrix

MOST = 10  # definite signatures are enumerated up to this many switches


def _none_active(data: Mapping[str, Any], a: Switches) -> bool:
    """No switch is active: the form has none."""
    return not a.k


def _zero_rows(data: Mapping[str, Any], a: Switches) -> bool:
    return not any(map(any, a.rows))


def _minor(data: Mapping[str, Any], a: Switches) -> bool:
    """LIKQ: a minor of order k that is not 0."""
    columns = positions(data["minor"], a.width)
    return len(columns) == a.k and rank([[row[j] for j in columns] for row in a.rows]) == a.k


def _direction(data: Mapping[str, Any], a: Switches) -> bool:
    """One direction opens all switches but the free ones, whose rows are independent and vanish along it.

    A row is carried as [row with slope 0 on the free switches | accumulated couplings to them].
    """
    c, d = a.slopes, numbers(data["direction"])
    free = sorted(positions(data["free"], a.k))
    outer = [Fraction(0) if i in free else slope for i, slope in enumerate(c)]
    starts = [[*row, *(a.couplings[i][j] for j in free)] for i, row in enumerate(a.rows)]
    rows = a.accumulated(outer, starts)
    if rank([rows[i][: a.width] for i in free]) < len(free):
        return False
    for i, row in enumerate(rows):
        rate = dot(row[: a.width], d)
        if i in free:
            if rate:
                return False
        elif any(row) and not (abs(c[i]) == 1 and c[i] * rate > 0):
            return False
    return True


def _private(data: Mapping[str, Any], a: Switches) -> bool:
    """Every group has a column of its own: it moves the group in one direction, and no group before it.

    What a switch does is followed through couplings by pattern, so the statement holds for all signatures.
    """
    members = [sorted(group["members"]) for group in data["groups"]]
    columns = positions((group["column"] for group in data["groups"]), a.width)
    covered = positions((i for group in members for i in group), a.k)
    alive = a.moved(map(any, a.rows))
    if not all(members) or any(alive[i] and i not in covered for i in range(a.k)):
        return False
    before: set[int] = set()
    for group, column in zip(members, columns, strict=True):
        moved = a.moved(r[column] for r in a.rows)
        directly = all(a.rows[i][column] and not any(a.couplings[i][j] and moved[j] for j in range(i)) for i in group)
        same = {(a.rows[i][column] > 0, a.slopes[i]) for i in group}
        if not directly or len(same) != 1 or any(moved[i] for i in before):
            return False
        if abs(a.slopes[group[0]]) < 1 and any(_linked(a, i, group) for i in group):
            return False
        before |= set(group)
    return True


def _linked(a: Switches, start: int, group: Sequence[int]) -> bool:
    """Whether a chain leads from a switch to another one of its group."""
    reached = a.moved(i == start for i in range(a.k))
    return any(reached[i] for i in group if i != start)


def _sign_definite(data: Mapping[str, Any], a: Switches) -> bool:
    """Regular: the adjoints of all |z_j| have one sign for all definite signatures."""
    return _one_sign(a.couplings, a.weights)


def _supporting(data: Mapping[str, Any], a: Switches) -> bool:
    """Supporting: the adjoints of all |z_j| under the slopes that are judged have one sign."""
    w = list(a.weights)
    for i in reversed(range(a.k)):
        w = [x + w[i] * a.slopes[i] * coupling for x, coupling in zip(w, a.couplings[i], strict=True)]
    return min(w, default=Fraction(0)) >= 0 or max(w) <= 0


def _even_part(data: Mapping[str, Any], a: Switches) -> bool:
    """Even part: every switch has no base row, or slope 0 and no coupling from another."""
    return all(not any(row) or not (c or any(own)) for row, c, own in zip(a.rows, a.slopes, a.couplings, strict=True))


def _layered(data: Mapping[str, Any], a: Switches) -> bool:
    """Layered blocks: a switch depends on earlier layers only; directions that do not move these, and move all of their
    own layer, have sign vectors with the mean c."""
    earlier: list[int] = []
    for layer in data["layers"]:
        members, weights = positions(layer["members"], a.k), numbers(layer["weights"])
        signs = []
        for d in matrix(layer["directions"]):
            rates = [dot(a.rows[i], d) for i in members]
            if not all(rates) or any(dot(a.rows[j], d) for j in earlier):
                return False
            signs.append([Fraction(1 if rate > 0 else -1) for rate in rates])
        if any(a.couplings[i][j] for i in members for j in range(a.k) if j not in earlier):
            return False
        if not _is_mean(weights, signs, [a.slopes[i] for i in members]):
            return False
        earlier += members
    return len(positions(earlier, a.k)) == a.k


def _one_sign(couplings: list[Row], seeds: Row) -> bool:
    """By intervals; where these hold 0 inside, by all signs of the switches that a chain leads to."""
    sizes: list[Fraction] = [Fraction(0)] * len(seeds)
    below: list[set[int]] = [set() for _ in seeds]
    found: set[bool] = set()
    for j in reversed(range(len(seeds))):
        users = [i for i in range(j + 1, len(seeds)) if couplings[i][j]]
        below[j] = {j}.union(*(below[i] for i in users))
        reach = sum((abs(couplings[i][j]) * sizes[i] for i in users), Fraction(0))
        sizes[j] = abs(seeds[j]) + reach
        if abs(seeds[j]) >= reach:
            found |= {seeds[j] > 0} if seeds[j] else set()
        else:
            found |= _signs_below(j, sorted(below[j]), couplings, seeds)
        if len(found) > 1:
            return False
    return True


def _signs_below(j: int, members: Sequence[int], couplings: list[Row], seeds: Row) -> set[bool]:
    """The signs of the adjoint of |z_j|, over all signs of the switches that a chain leads to."""
    if len(members) > MOST + 1:
        raise ValueError(f"at most {MOST} switches are enumerated, got {len(members) - 1}")
    found: set[bool] = set()
    for sigma in product((1, -1), repeat=len(members) - 1):
        w = {i: seeds[i] for i in members}
        for i, s in zip(reversed(members[1:]), sigma, strict=True):
            for below in members[: members.index(i)]:
                w[below] += s * couplings[i][below] * w[i]
        found |= {w[j] > 0} if w[j] else set()
    return found


def _components(data: Mapping[str, Any], a: Switches) -> bool:
    """Componentwise qualification; admissibility is asked of the cells that the means use."""
    parts = [list(part["members"]) for part in data["components"]]
    if len(positions((i for members in parts for i in members), a.k)) != a.k:
        return False
    if sum(rank([a.rows[i] for i in members]) for members in parts) != rank(a.rows) or _cyclic(a, parts):
        return False
    return all(_component(a, members, part) for members, part in zip(parts, data["components"], strict=True))


def _cyclic(a: Switches, parts: list[list[int]]) -> bool:
    """Whether couplings lead from a component to others and back."""
    left = parts
    while left:
        inside = [i for members in left for i in members]
        first = next((p for p in left if not any(a.couplings[i][j] for i in p for j in inside if j not in p)), None)
        if first is None:
            return True
        left = [members for members in left if members is not first]
    return False


def _component(a: Switches, members: list[int], part: Mapping[str, Any]) -> bool:
    members = sorted(members)
    rest = [j for j in range(a.k) if j not in members]
    inner = [[a.couplings[i][j] for j in members] for i in members]
    leaving = [[a.couplings[i][j] for j in members] for i in rest] + [[a.weights[j] for j in members]]
    if part["case"] == "b":
        seeds = [row for row in leaving if any(row)]
        receives = any(a.couplings[i][j] for i in members for j in rest)
        return not receives and len(seeds) <= 1 and all(_one_sign(inner, row) for row in seeds)

    def entering(sigma: Sequence[Fraction]) -> list[Row]:
        rows: list[Row] = []
        for p, i in enumerate(members):
            row = [*a.rows[i], *(a.couplings[i][j] for j in rest)]
            for q in range(p):
                row = [x + inner[p][q] * sigma[q] * y for x, y in zip(row, rows[q], strict=True)]
            rows.append(row)
        return rows

    def transfer(sigma: Sequence[Fraction]) -> Row:
        columns = list(zip(*entering(sigma), strict=True))
        return [dot([w * s for w, s in zip(out, sigma, strict=True)], column) for out in leaving for column in columns]

    signatures, directions = matrix(part["signatures"]), matrix(part["directions"])
    for sigma, d in zip(signatures, directions, strict=True):
        for s, row in zip(sigma, entering(sigma), strict=True):
            internal = row[: a.width]
            # Where the internal row vanishes nothing from outside may decide the sign, and any slope does.
            if abs(s) > 1 or (any(internal) and not (abs(s) == 1 and s * dot(internal, d) > 0)):
                return False
            if not any(internal) and any(row):
                return False
    own = [a.slopes[i] for i in members]
    return _is_mean(numbers(part["weights"]), [transfer(sigma) for sigma in signatures], transfer(own))


def _convex(data: Mapping[str, Any], a: Switches) -> bool:
    """Convex weights over open cells."""
    signatures, directions = sign_matrix(data["signatures"]), matrix(data["directions"])
    if not all(a.opened(s, [d]) for s, d in zip(signatures, directions, strict=True)):
        return False
    points, target, allowed = _compared(data, a, signatures)
    return _is_mean(numbers(data["weights"]), points, target, allowed)


def _outside_cells(data: Mapping[str, Any], a: Switches) -> bool:
    """Separated from all open cells: the list is complete, every branch that is missing is refuted."""
    signatures = sign_matrix(data["signatures"])
    return complete(a, signatures, data["cuts"]) and _separated(data, a, signatures)


def _outside_component(data: Mapping[str, Any], a: Switches) -> bool:
    """Separated within switches that no coupling links to the others, by a vector that vanishes on the rows of
    those."""
    part = a.apart(sorted(positions(data["members"], a.k)), numbers(data["separator"]))
    # A vector that is judged is g_c, but for what `Switches.uncertainty` knows.
    return part is not None and _outside_cells({key: data[key] for key in data if key != "vector"}, part)


def complete(a: Switches, signatures: list[list[int]], given: list[Mapping[str, Any]]) -> bool:
    """Whether every open cell is listed: what branches off is refuted by the Gordan weights that are given."""
    listed = set(map(tuple, signatures))
    cuts = {tuple(sign_matrix([cut["signature"]])[0]): numbers(cut["weights"]) for cut in given}
    stack: list[tuple[tuple[int, ...], list[Row]]] = [((), [])]
    while stack:
        sigma, rows = stack.pop()
        if sigma in cuts:
            signed = [[s * v for v in row] for s, row in zip(sigma, rows, strict=True) if s]
            weights = cuts[sigma]
            if len(weights) != len(signed) or not any(weights) or min(weights) < 0:
                return False
            if any(dot(weights, column) for column in zip(*signed, strict=True)):
                return False
        elif len(sigma) < a.k:
            row = a.row(sigma, rows)
            stack += [((*sigma, s), [*rows, row]) for s in ((1, -1) if any(row) else (0,))]
        elif sigma not in listed:
            return False
    return True


def _outside_all(data: Mapping[str, Any], a: Switches) -> bool:
    """Separated from the gradients of all definite signatures."""
    if a.k > MOST:
        raise ValueError(f"at most {MOST} switches are enumerated, got {a.k}")
    return _separated(data, a, [list(sigma) for sigma in product((1, -1), repeat=a.k)])


def _separated(data: Mapping[str, Any], a: Switches, signatures: list[list[int]]) -> bool:
    points, target, allowed = _compared(data, a, signatures)
    v = numbers(data["separator"])
    margin = sum((abs(x) * bound for x, bound in zip(v, allowed, strict=True)), Fraction(0))
    if "vector" not in data:
        margin += a.uncertainty(v)
    return all(dot(v, target) - margin > dot(v, point) for point in points)


def _merged(data: Mapping[str, Any], a: Switches) -> bool:
    """Switches with proportional forms are one; their weights have one sign, or their rows are independent; the slopes
    give each one in [-1, 1]."""
    if a.hidden or a.inexact or any(map(any, a.couplings)):
        return False
    found = _classes(a)
    rows, weights = [row for row, weight, _ in found if weight], [weight for _, weight, _ in found]
    whole = min(weights, default=0) >= 0 or max(weights, default=0) <= 0 or rank(rows) == len(rows)
    return whole and all(abs(taken) <= abs(weight) for _, weight, taken in found)


def _outside_merged(data: Mapping[str, Any], a: Switches) -> bool:
    """Separated from all slopes that are one wherever forms are proportional."""
    if a.hidden or any(map(any, a.couplings)):
        return False
    v, found = numbers(data["separator"]), _classes(a)
    if "vector" in data:
        form = Form(data)
        if form.base is None or form.columns is None:
            raise NeedsProgram("the gradients of this certificate are computed: it is checked next to its program")
        vector, allowed = vector_of(data)
        along = [v[j] for j in form.columns[0]]
        margin = a.uncertainty(along) + dot(list(map(abs, v)), allowed)
        gap = dot(v, vector) - dot(v, form.base)
    else:
        margin, along = a.uncertainty(v), v
        gap = sum((taken * dot(row, v) for row, _, taken in found), Fraction(0))
    return gap - margin > sum((abs(weight * dot(row, along)) for row, weight, _ in found), Fraction(0))


def _classes(a: Switches) -> list[tuple[Row, Fraction, Fraction]]:
    """For switches without couplings that are multiples k of one row: that row, sum |k| b and sum k c b."""
    found: dict[tuple[Fraction, ...], tuple[Fraction, Fraction]] = {}
    for row, b, c in zip(a.rows, a.weights, a.slopes, strict=True):
        k = next(value for value in row if value)
        key = tuple(value / k for value in row)
        weight, taken = found.get(key, (Fraction(0), Fraction(0)))
        found[key] = weight + abs(k) * b, taken + k * c * b
    return [(list(row), weight, taken) for row, (weight, taken) in found.items()]


def _lexicographic(data: Mapping[str, Any], a: Switches) -> bool:
    """A limiting gradient: the signature is open along d_1 + eps d_2 + ..., and is that of the slopes."""
    sigma = sign_matrix([data["signature"]])[0]
    rows = a.accumulated(sigma)
    alike = len(sigma) == a.k and all(s == c or not any(r) for s, c, r in zip(sigma, a.slopes, rows, strict=True))
    return alike and a.opened(sigma, matrix(data["directions"]))


def _compared(data: Mapping[str, Any], a: Switches, signatures: list[list[int]]) -> tuple[list[Row], Row, Row]:
    """The gradients, what is compared with them, and how far it may be off: g_c exactly, or a vector in x.

    ``points`` are gradients that a program gave, in place of those of the form.
    """
    if "vector" not in data:
        target = a.gradient(a.slopes)
        return [a.gradient(sigma) for sigma in signatures], target, [Fraction(0)] * len(target)
    vector, allowed = vector_of(data)
    form = Form(data)
    points = matrix(data["points"]) if "points" in data else [form.gradient([a.gradient(s)]) for s in signatures]
    if len(points) != len(signatures):
        raise ValueError("malformed certificate: one point belongs to each signature")
    return points, vector, allowed


def _is_mean(weights: Row, points: list[Row], target: Row, allowed: Row | None = None) -> bool:
    """weights >= 0 of sum 1, and sum weights_k points_k = target up to what is allowed."""
    if len(weights) != len(points) or sum(weights) != 1 or min(weights) < 0 or len({*map(len, [target, *points])}) > 1:
        return False
    bounds = allowed or [Fraction(0)] * len(target)
    return all(abs(dot(weights, [point[j] for point in points]) - value) <= bounds[j] for j, value in enumerate(target))


#: Kind of evidence -> its rule, and the claims that it can prove.
RULES: dict[str, tuple[Callable[[Mapping[str, Any], Switches], bool], tuple[str, ...]]] = {
    "no active switch": (_none_active, ("CLARKE", "limiting gradient")),
    "zero rows": (_zero_rows, ("CLARKE", "limiting gradient")),
    "private columns": (_private, ("CLARKE",)),
    "minor": (_minor, ("CLARKE",)),
    "direction": (_direction, ("CLARKE", "limiting gradient")),
    "sign-definite adjoints": (_sign_definite, ("CLARKE",)),
    "adjoints for these slopes": (_supporting, ("CLARKE",)),
    "even part": (_even_part, ("CLARKE",)),
    "layered blocks": (_layered, ("CLARKE",)),
    "components": (_components, ("CLARKE",)),
    "merged kinks": (_merged, ("CLARKE",)),
    "convex weights": (_convex, ("CLARKE",)),
    "separated from the open cells": (_outside_cells, ("NOT_CLARKE",)),
    "separated within a component": (_outside_component, ("NOT_CLARKE",)),
    "separated by branching": (by_branching, ("NOT_CLARKE",)),
    "separated from all definite signatures": (_outside_all, ("NOT_CLARKE",)),
    "separated from merged forms": (_outside_merged, ("NOT_CLARKE",)),
    "lexicographic": (_lexicographic, ("limiting gradient",)),
}
#: These compare the vector itself; for all others it stands for g_c, to which it must be near.
JUDGE_A_VECTOR = (
    "convex weights", "separated from the open cells", "separated from all definite signatures",
    "separated from merged forms",
)
#: Of these the gradients are those of the form, which must be whole.
OF_A_WHOLE_FORM = ("separated from merged forms",)
#: These are about all active switches, those that cannot change the output included.
ABOUT_ALL = ("no active switch", "zero rows", "minor")
#: These need a form that has every active switch of the program, also one on which y does not depend.
OF_EVERY_SWITCH = ("no active switch", "minor")
#: These are about cells only, and need no weights of |z_i| in y.
ABOUT_CELLS = ("zero rows", "minor", "direction", "lexicographic")
