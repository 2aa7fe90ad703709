"""What every verdict needs, wherever the function comes from; and the verdict on a framework's own gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.clarke.budget import Budget
from absnormal.errors import DomainError, TraceError
from absnormal.frontends.frameworks import plain
from absnormal.frontends.slopes import slopes
from absnormal.frontends.traced_call import TracedCall
from absnormal.judgement.comparison import compared, digits_were_lost, tolerance_of
from absnormal.judgement.ladder import decide
from absnormal.judgement.tolerances import Tolerance
from absnormal.judgement.vector import Limits, judge, why_open
from absnormal.program.merging import merged
from absnormal.program.program import Program, exactly
from absnormal.report.report import Report
from absnormal.report.verdict import Verdict
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.problem import Problem, Proof

_MERGED = "kinks on one set, to which {tool} gives slopes that contradict each other, are one kink of f"
#: Up to this many active switches are listed one by one, which explains more.
_FEW = 16
_FOREIGN = "{tool}'s own formulas alone did not make the gradient, so the vector is judged as it is: {foreign}"
_APART = (
    "{tool}'s gradient is {apart:.3g} apart from that of the function as it ran, in an entry of {leaf}, where"
    " {allowed:.3g} is allowed as rounding"
)
_NOTHING = "; no derivative code but its own was found behind it, so the vector is judged as it is"
_LOST = "; in the other precision the two agree, so digits were lost in the one that f ran in: run f in float64"
_CANCELLED = "the gradient is zero up to cancellation in {leaves}: the rounding there is that of the terms that cancel"


def verify_captured(
    captured: TracedCall, *, gradient: Any = None, slope: Any = None, exact: bool = False, atol: float = 0.0,
    rtol: float | None = None, atol_gradient: float = 0.0, budget: Budget | None = None, seed: int = 0,
) -> Report:
    """`verify` for a function as it ran in a framework.

    The framework's own gradient is judged: by the theorems where it is the modelled one to rounding, as a bare vector
    where it is not.  With ``slope`` or ``gradient`` that hypothesis or that vector is judged in its place.
    """
    limits = checked(atol, budget, seed)
    if isinstance(slope, str):
        raise ValueError(f"slope must be a number or an array, got {slope!r}: {captured.tool}'s own gradient is judged")
    tool = Sweeps(captured.program, None, atol, captured.values, captured.own)
    choice = captured.tool if slope is None else slope
    c = captured.slopes[tool.alpha] if slope is None else slopes(tool, slope)
    modelled = Tolerance.of(np.float64, rtol, atol_gradient)
    problem, consistent = Problem(tool, c, limits, modelled), True
    if exact:
        problem, consistent = exact_problem(tool, captured.values, problem)
    if gradient is not None:
        vector, tolerance = flattened(captured.program, plain(gradient), modelled)
        found = given_vector(problem, tool, vector, tolerance, _uniform(tool, c))
        leaves = [vector]
    elif slope is not None:
        leaves = [tool.gradient(tool.signature(np.asarray(c, dtype=float)))]
        found = modelled_vector(problem, tool, leaves[0], consistent, _uniform(tool, c))
    else:
        leaves = [*captured.leaves]
        found = _own_vector(captured, problem, tool, consistent, tolerance_of(captured, rtol, atol_gradient))
    verdict, proof = concluded(found.outcome)
    own = gradient is None and slope is None
    return Report(
        verdict=verdict, proof=proof, leaves=leaves, problem=found.problem, tool=found.tool, slope=choice,
        given=found.bare, tolerance=found.tolerance, tried=found.tried, seed=seed, consistent=consistent,
        wrap=captured.wrap, notes=(*captured.notes, *found.notes), framework=captured.tool if own else "",
    )


@dataclass(frozen=True, eq=False)
class Judgement:
    """What was found about a vector.

    Attributes
    ----------
    outcome
        a proof, or why there is none
    problem, tool
        what it is about: the program at the point, and as the tool ran it
    bare
        whether the vector was judged as it is, and not as g_c
    tolerance
        the largest deviation that was allowed in an entry of a bare vector
    tried
        the theorems that were tried in vain
    """

    outcome: Proof | str
    problem: Problem
    tool: Sweeps
    bare: bool = False
    tolerance: float = 0.0
    tried: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def modelled_vector(
    problem: Problem, tool: Sweeps, vector: Array, consistent: bool, known: Iterable[Array]
) -> Judgement:
    """The verdict on g_c itself: by the theorems, or as a bare vector where these leave it open or do not apply."""
    if not consistent or not np.isfinite(vector).all():
        # What is exact has no precision to be rounded in.
        exact = replace(problem.tolerance, rtol=problem.tolerance.rtol or 0.0)
        return given_vector(problem, tool, vector, exact, known)
    return _by_theorems(problem, tool, lambda: vector)


def _by_theorems(problem: Problem, tool: Sweeps, vector: Callable[[], Array]) -> Judgement:
    """The verdict on g_c, whose entries are finite and are asked for where the theorems leave it open."""
    proof, tried = decide(problem)
    if proof is not None:
        return Judgement(proof, problem, tool, tried=tuple(tried))
    outcome = judge(Limits(problem, vector(), tool), ())
    # Another reason than that of the theorems is no news.
    outcome = why_open(problem) if isinstance(outcome, str) else outcome
    return Judgement(outcome, problem, tool, tried=tuple(tried))


def given_vector(
    problem: Problem, tool: Sweeps, vector: Array, tolerance: Tolerance, known: Iterable[Array],
    notes: tuple[str, ...] = (), made: bool = False,
) -> Judgement:
    """The verdict on a bare vector, which ``known`` slopes may give."""
    problem = replace(problem, tolerance=tolerance)
    limits = Limits(problem, vector, tool, made)
    outcome = judge(limits, choices(problem, tool, known))
    allowed = limits.accepted if np.isfinite(vector).all() else np.zeros(1)
    return Judgement(outcome, problem, tool, True, float(allowed.max(initial=0.0)), notes=notes)


def _own_vector(
    captured: TracedCall, problem: Problem, tool: Sweeps, consistent: bool, tolerance: Tolerance
) -> Judgement:
    """The verdict on the gradient that a framework returned.

    Where its own derivative formulas made it, and it is close to g_c, the verdict is about g_c.  Where user-written
    code had a part in it, it is judged as it is.  Where neither holds, digits were lost on the way: what is proved is
    then too far from the vector for a verdict, unless members of the set are close to it.
    """
    known = _uniform(tool, problem.c)
    notes = (_FOREIGN.format(tool=captured.tool, foreign="; ".join(captured.foreign)),) if captured.foreign else ()
    if not consistent:
        return given_vector(problem, tool, captured.gradient, tolerance, known, notes)
    comparison = compared(captured, Problem(tool, np.asarray(problem.c, dtype=float), problem.budget, tolerance))
    if not np.isfinite(comparison.apart).all():
        return given_vector(problem, tool, captured.gradient, tolerance, known, notes)
    if comparison.close:
        found = _about(captured, problem, tool)
        proof = found.outcome
        if not isinstance(proof, str) and (proof.clarke or not captured.foreign):
            cancelled = [captured.program.tree.leaf_name(leaf) for leaf in comparison.cancelled]
            told = (_CANCELLED.format(leaves=", ".join(cancelled)),) if cancelled else ()
            return replace(found, outcome=replace(proof, deviation=proof.deviation + comparison.largest),
                           notes=(*found.notes, *told))
    found = given_vector(problem, tool, captured.gradient, tolerance, known, notes, not captured.foreign)
    if captured.foreign or (not isinstance(found.outcome, str) and found.outcome.clarke):
        return found
    if comparison.close:
        return replace(found, outcome=why_open(problem))
    lost, worst = digits_were_lost(captured, comparison), comparison.worst
    apart = _APART.format(tool=captured.tool, apart=comparison.apart[worst], allowed=comparison.allowed[worst],
                          leaf=captured.program.tree.leaf_name(worst))
    # Without a kink there is one gradient, and the framework's formulas mean that one.
    if not isinstance(found.outcome, str) and len(tool.alpha) and not lost:
        return replace(found, notes=(apart + _NOTHING,))
    return replace(found, outcome=apart + _LOST if lost else apart)


def _about(captured: TracedCall, problem: Problem, tool: Sweeps) -> Judgement:
    """The verdict on a finite g_c, with kinks on one set merged where the slopes of many contradict each other."""

    def vector() -> Array:
        return np.asarray(tool.gradient(tool.signature(np.asarray(problem.c, dtype=float))), dtype=float)

    if len(tool.alpha) > _FEW and not problem.sweeps.rational:
        simpler = _simpler(captured, tool, problem.c)
        if simpler is not None:
            again = replace(problem, sweeps=simpler, c=np.zeros(len(simpler.alpha)))
            notes = (_MERGED.format(tool=captured.tool),)
            found = given_vector(again, simpler, vector(), problem.tolerance, _uniform(simpler, again.c), notes)
            if not isinstance(found.outcome, str):
                return found
    return _by_theorems(problem, tool, vector)


def _uniform(tool: Sweeps, c: Array) -> list[Array]:
    """The slopes c, and one number for all."""
    return [c, *(slopes(tool, number) for number in (0.0, -1.0, 1.0))]


def _simpler(captured: TracedCall, tool: Sweeps, c: Array) -> Sweeps | None:
    """The program with kinks on one set merged, where the slopes of some contradict each other."""
    found = merged(captured.program, captured.values) if len(c) else None
    if found is None or found.program is None:
        return None
    used = tool.signature(np.asarray(c, dtype=float))
    if all(np.array_equal(tool.slopes_of(i, used), sign * tool.slopes_of(j, used)) for i, j, sign in found.twice):
        return None
    return Sweeps(found.program, None, tool.atol, found.values)


def concluded(outcome: Proof | str) -> tuple[Verdict, Proof]:
    if isinstance(outcome, str):
        method = "budget" if outcome.startswith("the budget") else "undecided"
        return Verdict.UNDECIDED, Proof(method, False, outcome, "none")
    return Verdict.CLARKE if outcome.clarke else Verdict.NOT_CLARKE, outcome


def checked(atol: Any, budget: Any, seed: Any) -> Budget:
    check_seed(seed)
    if not (isinstance(atol, (int, float)) and atol >= 0):
        raise ValueError(f"atol must be a number >= 0, got {atol!r}")
    limits = Budget() if budget is None else budget
    if not isinstance(limits, Budget):
        raise ValueError(f"budget must be an absnormal.Budget, got {type(limits).__name__}")
    return limits


def check_stopped(stopped: Any) -> None:
    if stopped not in ("constant", "followed"):
        raise ValueError(f'stopped must be "constant" or "followed", got {stopped!r}')


def check_seed(seed: Any) -> None:
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"seed must be an integer >= 0, got {seed!r}")


def sweeps_of(program: Program, values: list[Array], atol: float) -> Sweeps:
    """The sweeps as a tool does them, in float64, whatever arithmetic the values are in."""
    leaves = program.inputs(values)
    if any(leaf.dtype == object for leaf in leaves):
        try:
            return Sweeps(program, [leaf.astype(float) for leaf in leaves], atol)
        except OverflowError as error:
            raise DomainError("x", "the point holds a number that float64 cannot") from error
    return Sweeps(program, leaves, atol, values)


def flattened(program: Program, gradient: Any, tolerance: Tolerance) -> tuple[Array, Tolerance]:
    """A vector that was given, flat, and the tolerance for its precision."""
    leaves = program.tree.leaves_of(gradient, "gradient")
    dtypes = [leaf.dtype for leaf in leaves if leaf.dtype.kind == "f"]
    flat = np.concatenate([np.asarray(leaf, dtype=float).reshape(-1) for leaf in leaves])
    coarsest = max(dtypes, key=lambda dtype: np.finfo(dtype).eps, default=np.dtype(float))
    return flat, Tolerance.of(coarsest, tolerance.rtol, tolerance.atol)


def choices(problem: Problem, tool: Sweeps, candidates: Iterable[Array]) -> Iterator[Array]:
    """Different slopes at the active switches among the candidates; none where the tool's switches are not those."""
    if problem.sweeps is not tool:
        return
    seen: list[Array] = []
    for c in candidates:
        if not any(np.array_equal(c, known) for known in seen):
            seen.append(c)
            yield c


def exact_problem(tool: Sweeps, values: Sequence[Array], problem: Problem) -> tuple[Problem, bool]:
    """The problem on rationals, and whether the tool's float signs are a choice of slopes for it.

    At an exactly active switch the tool's sign or slope is a choice in [-1, 1]; at an exactly inactive one it must
    be the sign (THEORY 6).
    """
    program = tool.program
    if not program.is_piecewise_linear:
        node = next(node for node in program.nodes if node.varied and not program.is_linear(node))
        raise TraceError(
            node.operation, "is not piecewise linear, so exact=True cannot decide", "use exact=False", node.source
        )
    sweeps = Sweeps(program, [exactly(leaf) for leaf in program.inputs(values)], tool.atol)
    used = tool.signature(np.asarray(problem.c, dtype=float))
    inactive = ~sweeps.active
    consistent = bool((used[inactive] == sweeps.signs[inactive]).all())
    chosen = used[sweeps.alpha]
    return replace(problem, sweeps=sweeps, c=chosen), consistent
