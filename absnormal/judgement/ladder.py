"""The theorems in the order of their cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps

from absnormal.active.system import MANY
from absnormal.certificates.evidence import Evidence
from absnormal.theorems.branch_and_bound import ByBranching, branch_and_bound
from absnormal.theorems.componentwise import componentwise
from absnormal.theorems.direction import along_candidates, exactly
from absnormal.theorems.even_part import even_part, even_part_exactly
from absnormal.theorems.independent_subproblems import IndependentSubproblems, independent_subproblems
from absnormal.theorems.layered_blocks import layered_blocks
from absnormal.theorems.likq import likq, likq_modulo_a_prime
from absnormal.theorems.membership import membership, membership_along_directions, membership_in_computed_rows
from absnormal.theorems.merging import merging
from absnormal.theorems.private_directions import (
    private_directions,
    private_directions_and_zero_rows,
    private_directions_for_definite_slopes,
)
from absnormal.theorems.problem import Problem, Proof
from absnormal.theorems.regular import regular, regular_exactly
from absnormal.theorems.separate_inputs import ApartInSubproblem, separate_inputs
from absnormal.theorems.separation import WithinComponent, by_component, from_all_slopes, separation
from absnormal.theorems.smooth import smooth, smooth_by_equal_rows, smooth_by_structure, smooth_exactly
from absnormal.theorems.supporting import supporting, supporting_exactly
from absnormal.theorems.variable_coefficients import BeyondStableCells, variable_coefficients

Rung = Callable[[Problem], Proof | None]


def asked(rung: Rung, many: bool) -> Rung:
    """A rung that is only asked where active switches are, or are not, more than are listed one by one at no cost."""

    @wraps(rung)
    def bounded(problem: Problem) -> Proof | None:
        return rung(problem) if (len(problem.sweeps.alpha) > MANY) == many else None

    return bounded


def in_subproblems(problem: Problem) -> Proof | None:
    """Of each subproblem with inputs of its own all other rungs are asked; near a vector those that speak of that."""
    rungs = OF_NEAR_VECTORS if problem.off is not None else RUNGS
    alone = [rung for rung in rungs if rung not in _IN_SUBPROBLEMS]
    return separate_inputs(problem, lambda own: decide(own, alone)[0])


def in_subproblems_at_once(problem: Problem) -> Proof | None:
    """Of each subproblem the rungs are asked that list no switches, before all switches are listed."""
    return None if problem.off is not None else separate_inputs(problem, lambda own: decide(own, UNLISTED)[0])


#: Before switches are listed, where they are many.
AT_ONCE = asked(in_subproblems_at_once, many=True)
#: Before what looks for members along directions where switches are many, and after it elsewhere.
_IN_SUBPROBLEMS = tuple(asked(in_subproblems, many) for many in (True, False))

#: Proofs from the structure of a program, which cost less than a gradient.
STRUCTURAL: tuple[Rung, ...] = (smooth, private_directions, private_directions_for_definite_slopes)

#: Proofs by sweeps that cost a few gradients; where switches are many they come before what lists them.
SWEEPS: tuple[Rung, ...] = (even_part, supporting, layered_blocks)

#: Structure and bounds on adjoints, which see every kink for itself.
FIRST: tuple[Rung, ...] = (*STRUCTURAL, regular)

#: Kinks on one set, sweeps, linear algebra, one linear program, enumeration.
FURTHER: tuple[Rung, ...] = (
    merging,
    smooth_by_structure,
    private_directions_and_zero_rows,
    smooth_by_equal_rows,
    *(asked(rung, many=True) for rung in SWEEPS),
    smooth_exactly,
    AT_ONCE,
    likq,
    along_candidates,
    *(asked(rung, many=False) for rung in SWEEPS),
    even_part_exactly,
    exactly,
    regular_exactly,
    supporting_exactly,
    branch_and_bound,
    variable_coefficients,
    componentwise,
    by_component,
    membership,
    membership_in_computed_rows,
    separation,
    likq_modulo_a_prime,
    independent_subproblems,
    from_all_slopes,
    _IN_SUBPROBLEMS[0],
    membership_along_directions,
    _IN_SUBPROBLEMS[1],
)

RUNGS = (*FIRST, *FURTHER)

#: Those that list no switches on rationals.
UNLISTED = RUNGS[:RUNGS.index(smooth_exactly)]

#: Those that prove members, or separate what is near to g_c together with it.
OF_NEAR_VECTORS = tuple(rung for rung in RUNGS if rung not in (separation, from_all_slopes))

#: What proves that of all that is near.
_SEPARATING = (ByBranching, WithinComponent, IndependentSubproblems, BeyondStableCells)

#: Those that search, and are left out when the time of the budget is over.
SEARCHES = frozenset({
    branch_and_bound, variable_coefficients, componentwise, by_component, membership, membership_in_computed_rows,
    separation, likq_modulo_a_prime, independent_subproblems, membership_along_directions, *_IN_SUBPROBLEMS,
})


#: Those that search nothing, but cost more sweeps than those before them.
_COSTLY = frozenset({AT_ONCE, along_candidates})


def separates_near_vectors(evidence: Evidence | None) -> bool:
    """Whether evidence proves of all that `Problem.off` allows that it is no Clarke gradient."""
    return isinstance(evidence.within if isinstance(evidence, ApartInSubproblem) else evidence, _SEPARATING)


def decide(problem: Problem, rungs: Sequence[Rung] = RUNGS) -> tuple[Proof | None, list[str]]:
    """The first proof, and the names of the theorems that were tried before it in vain.

    In another turn of the clock those are asked again that were short of time.
    """
    tried: list[str] = []
    for rung in rungs:
        searches = rung in SEARCHES
        if rung not in problem.in_vain:
            if (searches or rung in _COSTLY) and problem.tracker.late:
                continue
            proof = rung(problem)
            if proof is not None:
                return proof, tried
            if not searches or not problem.clock.hurried:
                problem.in_vain.add(rung)
        tried.append(theorem_of(rung))
    return None, list(dict.fromkeys(tried))


def theorem_of(rung: Rung) -> str:
    """The theorem that a rung tries, which is named as its module is; the rungs of this one separate inputs."""
    module = separate_inputs.__module__ if rung.__module__ == __name__ else rung.__module__
    return module.rsplit(".", 1)[-1].replace("_", " ")
