"""What evidence about variable coefficients is checked by, next to its program (THEORY 7.7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from absnormal.active.variable import Variable, variable
from absnormal.arrays import exactly
from absnormal.certificates import checker
from absnormal.certificates.checker.branches import BOUNDED, most
from absnormal.certificates.checker.switches import Switches, dot
from absnormal.certificates.next_to_program import DRAWS, numbers_in_x, slack_of
from absnormal.certificates.witness import Witness


def beyond(separator: Sequence[Any], tree: Sequence[Any], witness: Witness, rng: np.random.Generator) -> bool:
    """v . g_c is larger than what the tree leaves, and each branch that it refutes is stably closed; the rows are those
    of pushes along random directions."""
    found = variable(witness.sweeps)
    if found is None or found.system.inputs is None or not _confirmed(found, witness, rng):
        return False
    slopes = dict(zip(witness.sweeps.alpha.tolist(), np.asarray(witness.c).tolist(), strict=True))
    a, whole = (Switches({
        "rows": system.full, "couplings": system.couplings, "weights": system.weights[0],
        "slopes": system.slopes([slopes[switch] for switch in system.switches]),
    }, whole=True, noise=[Fraction(0)] * system.k if system.errors is None else system.errors[0])
        for system in (found.system, found.whole))  # fmt: skip
    along = [Fraction(v) for v in numbers_in_x(separator, witness)[[*found.system.inputs]].tolist()]
    bound, margin = most(a, tree, along), whole.uncertainty(along)
    if witness.tolerance is not None:
        margin += dot(map(abs, along), exactly(witness.tolerance)[[*found.system.inputs]].tolist())
    if bound is None or not dot(along, a.gradient(a.slopes)) - margin > bound:
        return False
    return all(_stable(found, chosen, weights) for chosen, weights in _refuted(tree))


def _refuted(tree: Sequence[Any]) -> Iterator[tuple[dict[int, int], Sequence[Any]]]:
    """The signs that are chosen in each leaf with Gordan weights, and these."""
    left: list[dict[int, int]] = [{}]
    for item in tree:
        chosen = left.pop()
        if isinstance(item, list):
            yield chosen, item
        elif item != BOUNDED:
            left += [{**chosen, item: -1}, {**chosen, item: 1}]


def _confirmed(found: Variable, witness: Witness, rng: np.random.Generator) -> bool:
    """Whether the signs of rates are those of pushes, for signatures and directions at random."""
    sweeps, system = witness.floats, found.whole
    for _ in range(DRAWS):
        signs, d = rng.choice([-1.0, 1.0], system.k), rng.standard_normal(sweeps.program.n)
        sigma = sweeps.signature(signs * np.array(system.signs))
        rates = np.array(system.full, dtype=float) @ d[[*(system.inputs or ())]]
        for i, coupling in enumerate(np.array(system.couplings, dtype=float)):
            rates[i] += coupling[:i] @ (signs[:i] * rates[:i])
        seen, slack = sweeps.push(sigma, d[None])[0][0], slack_of(sweeps, sigma, d)[0]
        sure = (np.abs(seen) > 4 * slack)[sweeps.alpha]
        if (np.sign(seen[sweeps.alpha]) != np.sign(rates) * system.signs)[sure].any():
            return False
    return True


def _stable(found: Variable, signs: Mapping[int, int], weights: Sequence[Any]) -> bool:
    """Whether Gordan weights have the mu that the theorem asks for: from the last switch to the first, mu_j sigma_j =
    lambda_j + sum_i mu_i D_ij; a switch without a chosen sign takes no part."""
    given = dict(zip((i for i, _ in weights), checker.numbers(weight for _, weight in weights), strict=True))
    mu = [Fraction(0)] * found.system.k
    for j in reversed(range(found.system.k)):
        total = given.get(j, Fraction(0))
        for i in range(j + 1, found.system.k):
            coupling = found.couplings[i].get(j)
            if not mu[i] or coupling is None:
                continue
            if not signs.get(j) or (signs[j] in coupling.moving and not given.get(j)):
                return False
            total += mu[i] * (coupling.size + signs[j] * coupling.form)
        mu[j] = signs.get(j, 0) * total
    return any(mu)
