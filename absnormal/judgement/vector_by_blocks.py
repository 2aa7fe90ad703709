"""A vector judged block by block (THEORY 5).

**Theorem.** Let the blocks be the components of the matroid of the rows, joined wherever a coupling links them.  Then

    conv{g_sigma : sigma open} = J~ + sum over blocks B of conv{G_B(tau) : tau open in B},      G_B in span R_B,

which is dC f(x) under hypothesis E.  So weights block by block prove that a vector is a member, and v with v . (g - J~)
> sum_B max_tau v . G_B(tau) proves that it is none; nothing is multiplied out.

Piecewise-linear programs; everything is confirmed on rationals.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal.arrays import Array
from absnormal.clarke.blocks import Listed, listed
from absnormal.clarke.polytope import Summand, membership
from absnormal.exact.linear_algebra import dot
from absnormal.exact.parts import parts
from absnormal.theorems.problem import Proof

if TYPE_CHECKING:
    from absnormal.judgement.vector import Limits


def by_blocks(limits: Limits) -> Proof | None:
    """A proof about a vector, where every switch is in a block whose cells are proved and rational."""
    problem, g, allowed = limits.problem, limits.vector, limits.accepted
    apart = [problem.system] if problem.system is not None else parts(problem.sweeps) or []
    if not apart or any(not part.explicit or part.base is None or part.inputs is None for part in apart):
        return None
    kept = [part.relevant() for part in apart]
    whole = list(listed(kept, problem.meter))
    blocks = [block for own in whole for block in own]
    if not all(block.same.kept for block in blocks):
        return None
    base = [Fraction(0)] * len(g)
    for number, value in (apart[0].base or [{}])[0].items():
        base[number] = value
    floats = np.array(base, dtype=float)
    summands = [Summand(block.inputs, block.same.floats[:, 0]) for block in blocks]
    answer = membership(floats, summands, g, allowed)
    data: dict[str, Any] = {"vector": g, "tolerance": allowed, "parts": [], "base": base}
    if answer.weights is not None:
        exact = [_normalised(weights) for weights in answer.weights]
        worst = _distance(base, blocks, exact, g, allowed)
        if worst is None:
            return None
        weights = iter(exact)
        for part, relevant, own in zip(apart, kept, whole, strict=True):
            evidence = [_weighed(block, next(weights)) for block in own]
            data["parts"].append({"part": part, "relevant": relevant, "blocks": evidence})
        reason = f"the vector is, to rounding, a sum of convex combinations in {len(blocks)} independent blocks"
        return Proof("membership", True, reason, "rational", {"kind": "convex weights in blocks", **data}, worst)
    if answer.separator is None or limits.refuted is None:
        return None
    allowed = limits.refuted
    v = [Fraction(a) for a in answer.separator.tolist()]
    wrong = [number for number, own in enumerate(whole) if any(_touches(block, answer.separator) for block in own)]
    if not all(block.same.cells.complete for number in wrong for block in whole[number]):
        return None
    gap = _gap(base, [block for number in wrong for block in whole[number]], v, g)
    if not gap > sum((abs(a) * Fraction(b) for a, b in zip(v, allowed.tolist(), strict=True) if a), Fraction(0)):
        return None
    data["tolerance"] = allowed
    # A column that no switch moves is seen to be one when all parts are there.
    for number in wrong or range(len(apart)):
        evidence = [_complete(block) for block in whole[number]] if wrong else []
        data["parts"].append({"part": apart[number], "relevant": kept[number], "blocks": evidence})
    data |= {"separator": v, "gap": float(gap)}
    reason = "a direction separates the vector from all limiting gradients"
    return Proof("separation", False, reason, "rational", {"kind": "separated from blocks", **data})


def _touches(block: Listed, v: Array) -> bool:
    return bool(v[block.inputs].any())


def _normalised(weights: Array) -> dict[int, Fraction]:
    exact = {k: Fraction(w) for k, w in enumerate(weights.tolist()) if w}
    total = sum(exact.values(), Fraction(0))
    return {k: w / total for k, w in exact.items()}


def _distance(
    base: list[Fraction], blocks: list[Listed], weights: list[dict[int, Fraction]], g: Array, allowed: Array
) -> float | None:
    """The largest entry of the difference, when all are within the tolerance."""
    total = list(base)
    for block, own in zip(blocks, weights, strict=True):
        points, unit = block.same.points
        for k, w in own.items():
            for j, a in zip(block.inputs.tolist(), points[k, 0].tolist(), strict=True):
                total[j] += w * a / unit
    worst = Fraction(0)
    for entry, value, bound in zip(total, g.tolist(), allowed.tolist(), strict=True):
        distance = abs(entry - Fraction(value))
        if distance > Fraction(bound):
            return None
        worst = max(worst, distance)
    return float(worst)


def _gap(base: list[Fraction], blocks: list[Listed], v: list[Fraction], g: Array) -> Fraction:
    """v . (g - J~) - sum of max v . G_B."""
    gap = sum((a * (Fraction(b) - c) for a, b, c in zip(v, g.tolist(), base, strict=True) if a), Fraction(0))
    for block in blocks:
        points, unit = block.same.points
        own = [v[j] for j in block.inputs.tolist()]
        gap -= max(dot(own, point) for point in points[:, 0].tolist()) / unit
    return gap


def _weighed(block: Listed, weights: dict[int, Fraction]) -> dict[str, Any]:
    used = [(w, block.same.cells.cells[block.same.kept[k]]) for k, w in weights.items()]
    return {
        "members": list(block.members), "weights": [w for w, _ in used],
        "signatures": [list(cell.signature) for _, cell in used], "directions": [cell.direction for _, cell in used],
    }


def _complete(block: Listed) -> dict[str, Any]:
    return {
        "members": list(block.members), "signatures": [list(cell.signature) for cell in block.same.cells.cells],
        "cuts": [{"signature": list(cut.signature), "weights": cut.weights} for cut in block.same.cells.cuts],
    }
