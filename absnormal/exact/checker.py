"""Re-checks a certificate in rational arithmetic; nothing of the search is used here.

A certificate is plain data.  The active switches at the point are given as numbers (ints, or strings "p/q"):

    rows R (k x p), couplings Lt (k x k, strictly lower triangular), weights b (k), slopes c (k)
    kept        the switches that the evidence is about; the others must be zero or out of reach of the output
    columns     the input of each column of R,   base  J~ (n)       only where a vector in x is judged

    r_i^sigma = R_i + sum_{j < i} Lt_ij sigma_j r_j^sigma           g_sigma = J~ + sum_i b_i sigma_i r_i^sigma

CLARKE is claimed for g_c when it is a mean of g_sigma over open cells, a "limiting gradient" is one of these g_sigma,
and NOT_CLARKE is claimed outside all g_sigma of a complete list of open cells (where they are known to be all of dC
f), or of all definite signatures.  The statements are those of the theorems, each with its few lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

Row = list[Fraction]
MOST = 10  # definite signatures are enumerated up to this many switches


def check(data: Mapping[str, Any]) -> bool:
    """Whether the evidence proves the claim.  ValueError for data that are not a certificate."""
    try:
        if data["kind"] == "independent parts":
            return _independent_parts(data)
        rule, switches = RULES[data["kind"]], _Switches(data["system"])
        return rule(data, switches) and (data["kind"] in _JUDGE_A_VECTOR or _near(data, switches))
    except (KeyError, TypeError, IndexError, ZeroDivisionError, AttributeError) as error:
        raise ValueError(f"malformed certificate: {type(error).__name__}: {error}") from error


def _independent_parts(data: Mapping[str, Any]) -> bool:
    """Every part by itself; no input in two parts, and every active switch in a part, or one part that is wrong."""
    parts = data["parts"]
    columns = [column for part in parts for column in part["system"]["columns"]]
    switches = [switch for part in parts for switch in part["system"]["switches"]]
    whole = sorted(switches) == sorted(data["switches"])
    wrong = len(parts) == 1 and parts[0]["kind"] == "separated from the open cells"
    return len(set(columns)) == len(columns) and (whole or wrong) and all(check(part) for part in parts)


class _Switches:
    """The kept active switches."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        rows, couplings = _matrix(data["rows"]), _matrix(data["couplings"])
        weights, count = _row(data["weights"]), len(rows)
        if len({len(row) for row in rows}) > 1 or any(len(row) != count for row in [*couplings, weights]):
            raise ValueError("malformed certificate: shapes of rows, couplings and weights do not fit")
        if len(couplings) != count or any(any(row[i:]) for i, row in enumerate(couplings)):
            raise ValueError("malformed certificate: couplings must be strictly lower triangular")
        kept = [int(i) for i in data.get("kept", range(count))]
        if kept != sorted(set(kept)) or any(not 0 <= i < count for i in kept):
            raise ValueError("malformed certificate: kept must be increasing numbers of switches")
        self.droppable = all(_out_of_play(i, rows, couplings, weights, kept) for i in range(count) if i not in kept)
        self.rows = [rows[i] for i in kept]
        self.couplings = [[couplings[i][j] for j in kept] for i in kept]
        self.weights = [weights[i] for i in kept]
        self.k, self.width = len(kept), len(rows[0]) if rows else 0
        self.slopes = [_row(data["slopes"])[i] for i in kept] if "slopes" in data else None
        if self.slopes and any(abs(c) > 1 for c in self.slopes):
            raise ValueError("malformed certificate: slopes must lie in [-1, 1]")
        self.columns, self.base = data.get("columns"), _row(data.get("base") or [])

    def part(self, members: Sequence[int]) -> _Switches:
        """Some of the switches by themselves."""
        return _Switches({
            "rows": [self.rows[i] for i in members], "weights": [self.weights[i] for i in members],
            "couplings": [[self.couplings[i][j] for j in members] for i in members],
            "slopes": [_slopes(self)[i] for i in members],
        })

    def accumulated(self, sigma: Sequence[Fraction | int], rows: Sequence[Row] | None = None) -> list[Row]:
        """The rows r^sigma of as many switches as sigma has, from R or from other base rows."""
        result: list[Row] = []
        for i, start in enumerate(self.rows[: len(sigma)] if rows is None else rows):
            total = start
            for j in range(i):
                factor = self.couplings[i][j] * sigma[j]
                total = [a + factor * b for a, b in zip(total, result[j], strict=True)] if factor else total
            result.append(total)
        return result

    def gradient(self, sigma: Sequence[Fraction | int]) -> Row:
        """g_sigma - J~ in the columns of R."""
        if len(sigma) != self.k:
            raise ValueError(f"malformed certificate: {self.k} switches, {len(sigma)} signs")
        terms = [(b * s, row) for b, s, row in zip(self.weights, sigma, self.accumulated(sigma), strict=True)]
        return [sum((factor * row[j] for factor, row in terms), Fraction(0)) for j in range(self.width)]

    def opened(self, sigma: Sequence[int], directions: Sequence[Row]) -> bool:
        """Whether sigma is open along d_1 + eps d_2 + ...; a sign is immaterial exactly where the row is zero."""
        for s, row in zip(sigma, self.accumulated(sigma), strict=True):
            rate = next((rate for d in directions if (rate := _dot(row, d))), Fraction(0))
            if any(row) and not (abs(s) == 1 and s * rate > 0):
                return False
        return len(sigma) == self.k


def _out_of_play(i: int, rows: list[Row], couplings: list[Row], weights: Row, kept: Sequence[int]) -> bool:
    """Whether a switch is identically zero, or changes neither the output nor a switch that does."""
    if not any(rows[i]) and not any(couplings[i]):
        return True
    return not weights[i] and not any(couplings[later][i] for later in kept)


def _zero_rows(data: Mapping[str, Any], a: _Switches) -> bool:
    return a.droppable and not any(map(any, a.rows))


def _minor(data: Mapping[str, Any], a: _Switches) -> bool:
    """LIKQ: a minor of order k that is not 0."""
    columns = [int(j) for j in data["minor"]]
    return a.droppable and len(columns) == a.k and _rank([[row[j] for j in columns] for row in a.rows]) == a.k


def _dependent(data: Mapping[str, Any], a: _Switches) -> bool:
    """LIKQ fails: a combination of the rows that is 0."""
    weights = _row(data["weights"])
    return any(weights) and not any(_dot(weights, column) for column in zip(*a.rows, strict=True))


def _direction(data: Mapping[str, Any], a: _Switches) -> bool:
    """One direction opens all switches but the free ones, whose rows are independent and vanish along it.

    A row is carried as [row with slope 0 on the free switches | accumulated couplings to them].
    """
    c, d = _slopes(a), _row(data["direction"])
    free = sorted(int(i) for i in data["free"])
    outer = [Fraction(0) if i in free else slope for i, slope in enumerate(c)]
    starts = [[*row, *(a.couplings[i][j] for j in free)] for i, row in enumerate(a.rows)]
    rows = a.accumulated(outer, starts)
    if _rank([rows[i][: a.width] for i in free]) < len(free):
        return False
    for i, row in enumerate(rows):
        rate = _dot(row[: a.width], d)
        if i in free:
            if rate:
                return False
        elif any(row) and not (abs(c[i]) == 1 and c[i] * rate > 0):
            return False
    return a.droppable


def _sign_definite(data: Mapping[str, Any], a: _Switches) -> bool:
    """Regular: the adjoints of all |z_j| have one sign for all definite signatures."""
    return a.droppable and _one_sign(a.couplings, a.weights)


def _one_sign(couplings: list[Row], seeds: Row) -> bool:
    signs: set[bool] = set()
    if len(seeds) > MOST:
        raise ValueError(f"at most {MOST} switches are enumerated, got {len(seeds)}")
    for sigma in product((1, -1), repeat=len(seeds)):
        w = list(seeds)
        for i in reversed(range(len(w))):
            w = [v + sigma[i] * couplings[i][j] * w[i] for j, v in enumerate(w)]
        signs |= {value > 0 for value in w if value}
    return len(signs) <= 1


def _components(data: Mapping[str, Any], a: _Switches) -> bool:
    """Componentwise qualification; admissibility is asked of the cells that the means use."""
    parts = [[int(i) for i in part["members"]] for part in data["components"]]
    if sorted(i for members in parts for i in members) != list(range(a.k)) or not a.droppable:
        return False
    if sum(_rank([a.rows[i] for i in members]) for members in parts) != _rank(a.rows) or _cyclic(a, parts):
        return False
    return all(_component(a, members, part) for members, part in zip(parts, data["components"], strict=True))


def _cyclic(a: _Switches, parts: list[list[int]]) -> bool:
    """Whether couplings lead from a component to others and back."""
    left = parts
    while left:
        inside = [i for members in left for i in members]
        first = next((p for p in left if not any(a.couplings[i][j] for i in p for j in inside if j not in p)), None)
        if first is None:
            return True
        left = [members for members in left if members is not first]
    return False


def _component(a: _Switches, members: list[int], part: Mapping[str, Any]) -> bool:
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
        return [_dot([w * s for w, s in zip(out, sigma, strict=True)], column) for out in leaving for column in columns]

    signatures, directions = _matrix(part["signatures"]), _matrix(part["directions"])
    for sigma, d in zip(signatures, directions, strict=True):
        for s, row in zip(sigma, entering(sigma), strict=True):
            internal = row[: a.width]
            # Where the internal row vanishes nothing from outside may decide the sign, and any slope does.
            if abs(s) > 1 or (any(internal) and not (abs(s) == 1 and s * _dot(internal, d) > 0)):
                return False
            if not any(internal) and any(row):
                return False
    own = [_slopes(a)[i] for i in members]
    return _is_mean(_row(part["weights"]), [transfer(sigma) for sigma in signatures], transfer(own))


def _convex(data: Mapping[str, Any], a: _Switches) -> bool:
    """Convex weights over open cells."""
    signatures, directions = _signs(data["signatures"]), _matrix(data["directions"])
    if not a.droppable or not all(a.opened(s, [d]) for s, d in zip(signatures, directions, strict=True)):
        return False
    points, target, allowed = _compared(data, a, signatures)
    return _is_mean(_row(data["weights"]), points, target, allowed)


def _outside_cells(data: Mapping[str, Any], a: _Switches) -> bool:
    """Separated from all open cells: the list is complete, every branch that is missing is refuted."""
    signatures = _signs(data["signatures"])
    cuts = {tuple(_signs([cut["signature"]])[0]): _row(cut["weights"]) for cut in data["cuts"]}
    return a.droppable and _complete(a, (), set(map(tuple, signatures)), cuts) and _separated(data, a, signatures)


def _outside_component(data: Mapping[str, Any], a: _Switches) -> bool:
    """Separated within switches that no coupling links to the others, by a vector that vanishes on the rows of
    those."""
    members = sorted(int(i) for i in data["members"])
    rest = [j for j in range(a.k) if j not in members]
    v = _row(data["separator"])
    if any(a.couplings[i][j] or a.couplings[j][i] for i in members for j in rest):
        return False
    if any(_dot(a.rows[j], v) for j in rest):
        return False
    part = a.part(members)
    return a.droppable and _outside_cells(data, part)


def _complete(a: _Switches, start: tuple[int, ...], listed: set[tuple[int, ...]], cuts: Mapping[Any, Row]) -> bool:
    """Whether every open cell below a start of a signature is listed."""
    stack = [start]
    while stack:
        sigma = stack.pop()
        if sigma in cuts:
            signed = [[s * v for v in row] for s, row in zip(sigma, a.accumulated(sigma), strict=True) if s]
            weights = cuts[sigma]
            if len(weights) != len(signed) or not any(weights) or min(weights) < 0:
                return False
            if any(_dot(weights, column) for column in zip(*signed, strict=True)):
                return False
        elif len(sigma) < a.k:
            signs = (1, -1) if any(a.accumulated((*sigma, 0))[-1]) else (0,)
            stack += [(*sigma, s) for s in signs]
        elif sigma not in listed:
            return False
    return True


def _outside_all(data: Mapping[str, Any], a: _Switches) -> bool:
    """Separated from the gradients of all definite signatures."""
    if a.k > MOST:
        raise ValueError(f"at most {MOST} switches are enumerated, got {a.k}")
    return a.droppable and _separated(data, a, [list(sigma) for sigma in product((1, -1), repeat=a.k)])


def _separated(data: Mapping[str, Any], a: _Switches, signatures: list[list[int]]) -> bool:
    points, target, allowed = _compared(data, a, signatures)
    v = _row(data["separator"])
    margin = sum((abs(x) * bound for x, bound in zip(v, allowed, strict=True)), Fraction(0))
    return all(_dot(v, target) - margin > _dot(v, point) for point in points)


def _lexicographic(data: Mapping[str, Any], a: _Switches) -> bool:
    """A limiting gradient: the signature is open along d_1 + eps d_2 + ..."""
    return a.droppable and a.opened(_signs([data["signature"]])[0], _matrix(data["directions"]))


def _compared(data: Mapping[str, Any], a: _Switches, signatures: list[list[int]]) -> tuple[list[Row], Row, Row]:
    """The gradients, what is compared with them, and how far it may be off: g_c exactly, or a vector in x.

    Without J~ and without the gradients in x the vector stands for g_c, which is asked of the program elsewhere.
    """
    if "vector" not in data or not ("points" in data or a.base):
        target = a.gradient(_slopes(a))
        return [a.gradient(sigma) for sigma in signatures], target, [Fraction(0)] * len(target)
    vector, allowed = _row(data["vector"]), _row(data["tolerance"])
    if min(allowed, default=Fraction(0)) < 0 or len(vector) != len(allowed):
        raise ValueError("malformed certificate: the tolerance must be >= 0, one number per entry")
    if "points" in data:
        points = _matrix(data["points"])
        if len(points) != len(signatures):
            raise ValueError("malformed certificate: one point belongs to each signature")
        return points, vector, allowed
    return [_in_x(a, a.gradient(sigma)) for sigma in signatures], vector, allowed


def _near(data: Mapping[str, Any], a: _Switches) -> bool:
    """A vector that is claimed to be g_c, up to what is allowed; without J~ the program itself is asked elsewhere."""
    if "vector" not in data or not a.base:
        return True
    g, bounds = _in_x(a, a.gradient(_slopes(a))), _row(data["tolerance"])
    return all(abs(x - y) <= bound for x, y, bound in zip(g, _row(data["vector"]), bounds, strict=True))


def _in_x(a: _Switches, gradient: Row) -> Row:
    """J~ + a gradient that is given in the columns of R."""
    total = list(a.base)
    for j, value in zip(a.columns or [], gradient, strict=True):
        total[int(j)] += value
    return total


def _is_mean(weights: Row, points: list[Row], target: Row, allowed: Row | None = None) -> bool:
    """weights >= 0 of sum 1, and sum weights_k points_k = target up to what is allowed."""
    if len(weights) != len(points) or sum(weights) != 1 or min(weights) < 0:
        return False
    bounds = allowed or [Fraction(0)] * len(target)
    return all(
        abs(_dot(weights, [point[j] for point in points]) - value) <= bounds[j] for j, value in enumerate(target)
    )


def _rank(rows: Iterable[Row]) -> int:
    left, found = [list(row) for row in rows], 0
    while left:
        row = left.pop()
        j = next((j for j, value in enumerate(row) if value), None)
        if j is not None:
            found += 1
            left = [[x - other[j] / row[j] * y for x, y in zip(other, row, strict=True)] for other in left]
    return found


def _slopes(a: _Switches) -> Row:
    if a.slopes is None:
        raise ValueError("malformed certificate: no slopes")
    return a.slopes


def _dot(u: Sequence[Fraction], v: Sequence[Fraction]) -> Fraction:
    return sum((x * y for x, y in zip(u, v, strict=True)), Fraction(0))


def _row(values: Iterable[Any]) -> Row:
    return [Fraction(value) for value in values]


def _matrix(rows: Iterable[Iterable[Any]]) -> list[Row]:
    return [_row(row) for row in rows]


def _signs(rows: Iterable[Iterable[Any]]) -> list[list[int]]:
    signs = [[int(s) for s in row] for row in rows]
    if any(s not in (-1, 0, 1) for row in signs for s in row):
        raise ValueError("malformed certificate: signs must be -1, 0 or 1")
    return signs


RULES: dict[str, Callable[[Mapping[str, Any], _Switches], bool]] = {
    "zero rows": _zero_rows,
    "minor": _minor,
    "dependent": _dependent,
    "direction": _direction,
    "sign-definite adjoints": _sign_definite,
    "components": _components,
    "convex weights": _convex,
    "separated from the open cells": _outside_cells,
    "separated within a component": _outside_component,
    "separated from all definite signatures": _outside_all,
    "lexicographic": _lexicographic,
}
_JUDGE_A_VECTOR = ("convex weights", "separated from the open cells", "separated from all definite signatures")
