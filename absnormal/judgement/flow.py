"""The one way from a traced call to a report, for every front end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, repeat
from typing import Any

import numpy as np

from absnormal.arrays import Array, exactly
from absnormal.errors import SeveralNumbersError, TraceError
from absnormal.frontends.frameworks import plain, precisions
from absnormal.frontends.ties.pairs import one_kink
from absnormal.frontends.ties.roots import masked, of_roots
from absnormal.frontends.ties.slopes import slopes, table_of, taken_for, tools_for
from absnormal.frontends.traced_call import TracedCall
from absnormal.judgement.comparison import Comparison, compared, digits_were_lost, of_terms_without_size, tolerance_of
from absnormal.judgement.digits import with_digits
from absnormal.judgement.fewer_kinks import FewerKinks, contradicted, fewer_kinks
from absnormal.judgement.finer import DECIDES, OPEN, fewer, in_float64
from absnormal.judgement.ladder import FIRST, FURTHER, decide
from absnormal.judgement.options import Options
from absnormal.judgement.tolerances import DOUBLE, Tolerance, machine_epsilon
from absnormal.judgement.turns import Judgement, Turns, in_turns
from absnormal.judgement.vector import Limits, judge, why_open
from absnormal.ops.opaque import for_symmetric
from absnormal.program.nodes import placed
from absnormal.program.program import Program
from absnormal.program.tree import join
from absnormal.report.report import Report
from absnormal.report.verdict import Verdict
from absnormal.sweeps.gradients import gradient_of, largest
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.merging import BeyondMergedKinks
from absnormal.theorems.problem import Problem, Proof

#: Active switches up to which the theorems are asked about g_c again for other slopes that give it, too.
_MANY = 10_000
#: Operations that are named.
_NAMED = 3
_FOREIGN = "{tool}'s own formulas alone did not make the gradient, so the vector is judged as it is: {foreign}"
_APART = (
    "{tool}'s gradient is {apart:.3g} apart from that of the function as it ran, in an entry of {leaf}, where"
    " {allowed:.3g} is allowed as rounding"
)
_HALF = (
    "; {names} reads one half of a matrix and is differentiated as if the matrix were symmetric wherever the variables"
    " are: pass (A + A.T) / 2"
)
_NOTHING = "; no derivative code but its own was found behind it, so the vector is judged as it is"
_LOST = "; in the other precision the two agree, so digits were lost in the one that f ran in"
_FINER = ": run f in float64"
_CANCELLED = "the gradient is zero up to cancellation in {leaves}: the rounding there is that of the terms that cancel"


@np.errstate(all="ignore")
def judged(call: TracedCall, options: Options, sweeps: Sweeps | None = None) -> Report:
    """The verdict on the gradient of the tool that ran a call, or on what is asked about in its place.

    A gradient that the tool returned is judged by the theorems where it is the modelled one to rounding, as a bare
    vector where it is not.  A tool without one is backward mode with its table of slopes.  With ``slope`` or
    ``gradient`` that hypothesis or that vector is judged instead.  ``sweeps`` are those of the call, where there are
    some that know more already.

    Raises
    ------
    ValueError
        where f returns several numbers, or the options do not fit
    """
    program = call.program
    if program.m != 1:
        raise SeveralNumbersError(program.shape)
    tool = call.sweeps(options.atol) if sweeps is None else sweeps
    slope, c = hypothesis(call, options, tool)
    problem, consistent = Problem(tool, c, options.limits, options.tolerance), True
    if options.exact or call.rational:
        problem, consistent = exact_problem(tool, call.values, problem)
    known = candidates(call, tool, c)
    # A framework's gradient was made with its own slopes, NumPy's with those that were asked for.
    own = bool(call.leaves) and options.gradient is None and (options.slope is None or call.slopes is None)
    notes = call.notes
    if own:
        leaves = [*call.leaves]
        made_by = slope if isinstance(slope, str) else "backward mode"
        allowed = tolerance_of(call, options.rtol, options.atol_gradient)
        turns = _own_vector(call, problem, tool, consistent, allowed, made_by)
    elif options.gradient is not None:
        vector, allowed = flattened(call, options, exact=problem.sweeps.rational)
        leaves, turns = [vector], given_vector(problem, tool, vector, allowed, known)
    else:
        allowed = problem.tolerance
        leaves = [gradient_of(tool, tool.signature(np.asarray(c, dtype=float))).copy()]
        if problem.sweeps is tool:
            problem.tell(partial(largest, tool, leaves[0]))
        turns = modelled_vector(problem, tool, leaves[0], consistent, known)
        notes = (*notes, *_of_table(slope, call.program, tool.alpha))
    found = in_turns(_or_in_float64(call, options, turns, problem, leaves, allowed), problem.clock)
    verdict, proof = concluded(found)
    if proof.method == "nonfinite":
        undefined = call.undefined if own else ()
        proof = replace(proof, reason=f"{proof.reason}{_undefined_where(found.problem, call.tool, undefined)}")
    merged_kinks = isinstance(proof.evidence, BeyondMergedKinks)
    return Report(
        verdict=verdict, proof=proof, leaves=leaves, problem=found.problem, tool=found.tool, slope=slope,
        given=found.bare and (own or options.gradient is not None), tolerance=found.tolerance, tried=found.tried,
        seed=options.seed, consistent=consistent,
        wrap=call.wrap, notes=(*notes, *found.notes), framework=call.tool if own else "", finer=found.finer,
        instead=one_kink(call.program, call.tool) if merged_kinks else "",
    )


def hypothesis(call: TracedCall, options: Options, tool: Sweeps) -> tuple[Any, Array]:
    """The slopes that the tool is taken to use: as they are asked for, and at the active switches."""
    if call.slopes is None:
        # The slopes of a program of torch's kernels are not known; a vector that is given is judged whatever they are.
        known = options.gradient is None or tools_for(call.program)
        slope = options.slope if options.slope is not None else call.tool if known else 0.0
        return slope, slopes(tool, slope)
    if isinstance(options.slope, str):
        raise ValueError(
            f"slope must be a number or an array, got {options.slope!r}: {call.tool}'s own gradient is judged"
        )
    if options.slope is None:
        return call.tool, call.slopes[tool.alpha]
    return options.slope, slopes(tool, options.slope)


def candidates(call: TracedCall, tool: Sweeps, c: Array) -> Iterator[Array]:
    """Slopes that a vector may have been made with: the tool's, those of other tools, and one number for all."""
    yield c
    others = tools_for(call.program) if call.slopes is None else (0.0,)
    yield from (slopes(tool, other) for other in (*others, -1.0, 1.0))


def _of_table(slope: Any, program: Program, active: Array) -> tuple[str, ...]:
    """What a reader must know about the slopes of a tool."""
    if not isinstance(slope, str):
        return ()
    note = table_of(slope)[1]
    return (*((note,) if note else ()), *taken_for(slope, program, active))


def modelled_vector(problem: Problem, tool: Sweeps, vector: Array, consistent: bool, known: Iterable[Array]) -> Turns:
    """The verdict on g_c itself: by the theorems, or as a bare vector where these leave it open or do not apply."""
    if not consistent or not np.isfinite(vector).all() or _undefined(problem.c).any():
        # What is exact has no precision to be rounded in.
        exact = replace(problem.tolerance, rtol=problem.tolerance.rtol or 0.0)
        return given_vector(problem, tool, vector, exact, known)
    leaves = tool.program.tree.split(vector)
    return with_digits(_by_theorems(problem, tool, lambda: vector), leaves, problem.tolerance)


def _by_theorems(
    problem: Problem, tool: Sweeps, vector: Callable[[], Array], known: Iterable[Array] = ()
) -> Turns:
    """The verdict on g_c, whose entries are finite and are asked for where the theorems leave it open; other ``known``
    slopes may give it, too.

    Where kinks on one set act on each other it is also that on the vector, for the program in which these are one:
    before most theorems where slopes contradict each other on many switches, and after them elsewhere.
    """
    proof, tried = decide(problem, FIRST)
    if proof is not None:
        yield from repeat(Judgement(proof, problem, tool, tried=tuple(tried)))
    found = fewer_kinks(tool) if problem.sweeps is tool else None
    before = found is not None and problem.system is None and contradicted(tool, problem.c, found)
    simpler = None if found is None else _with_fewer_kinks(problem, found, vector(), (), False)
    asked: list[Iterator[Proof | str | None]] = []
    while True:
        if before and simpler is not None and (judgement := next(simpler)).proved:
            yield judgement
        proof, more = decide(problem, FURTHER)
        if proof is None and not before and simpler is not None and (judgement := next(simpler)).proved:
            yield judgement
        if proof is None and not asked:
            # The theorems were asked about c.
            others = (c for c in choices(problem, tool, known) if not np.array_equal(c, problem.c))
            asked.append(judge(Limits(problem, vector(), tool), others))
        # Another reason than that of the theorems is no news.
        outcome = proof or next(asked[0])
        yield Judgement(None if isinstance(outcome, str) else outcome, problem, tool, tried=(*tried, *more))


def given_vector(
    problem: Problem, tool: Sweeps, vector: Array, tolerance: Tolerance, known: Iterable[Array],
    notes: tuple[str, ...] = (), made: bool = False,
) -> Turns:
    """The verdict on a bare vector, which ``known`` slopes may give; where that is open, by the program in which kinks
    on one set are one."""
    problem = replace(problem, tolerance=tolerance)
    judgements, simpler = _as_it_is(problem, tool, vector, known, notes, made), None
    for number, found in enumerate(judgements):
        if not number and not found.proved and np.isfinite(vector).all() and problem.sweeps is tool:
            fewer = fewer_kinks(tool)
            simpler = None if fewer is None else _with_fewer_kinks(found.problem, fewer, vector, notes, made)
        other = found if found.proved or simpler is None else next(simpler)
        yield other if other.proved else found


def _as_it_is(
    problem: Problem, tool: Sweeps, vector: Array, known: Iterable[Array], notes: tuple[str, ...], made: bool
) -> Turns:
    """The verdict on a bare vector."""
    # What is finite was not made with the NaN that a tool has for a slope.
    known_slopes = np.where(_undefined(problem.c), 0, problem.c)
    limits = Limits(replace(problem, c=known_slopes), vector, tool, made)
    finite = bool(np.isfinite(vector).all())
    for outcome in judge(limits, choices(problem, tool, known)):
        allowed = float(limits.accepted.max(initial=0.0)) if finite else 0.0
        yield Judgement(outcome, limits.problem if finite else problem, tool, True, allowed, notes=notes)


def _own_vector(
    call: TracedCall, problem: Problem, tool: Sweeps, consistent: bool, tolerance: Tolerance, made_by: str
) -> Turns:
    """The verdict on the gradient that a framework returned.

    Where its own derivative formulas made it, and it is close to g_c, the verdict is about g_c.  Where user-written
    code had a part in it, it is judged as it is.  Where neither holds, digits were lost on the way: what is proved is
    then too far from the vector for a verdict, unless members of the set are close to it.
    """
    tolerance = tolerance.as_it_is() if call.foreign else tolerance
    known = candidates(call, tool, problem.c)
    notes = (_FOREIGN.format(tool=made_by, foreign="; ".join(call.foreign)),) if call.foreign else ()
    if not consistent:
        return given_vector(problem, tool, call.gradient, tolerance, known, notes)
    in_floats = Problem(tool, np.asarray(problem.c, dtype=float), problem.budget)
    comparison = compared(call, problem if problem.sweeps is tool else in_floats, tolerance)
    if not np.isfinite(comparison.apart).all():
        return given_vector(problem, tool, call.gradient, tolerance, known, notes)
    if comparison.close:
        unknown = of_terms_without_size(call, in_floats, comparison)
        if unknown:
            return repeat(Judgement(unknown, problem, tool))
        return _near_the_model(call, problem, tool, comparison, tolerance, known, notes)
    given = given_vector(problem, tool, call.gradient, tolerance, known, notes, not call.foreign)
    return given if call.foreign else _apart_from_the_model(call, tool, comparison, given)


def _or_in_float64(
    call: TracedCall, options: Options, turns: Turns, problem: Problem, leaves: Sequence[Array], tolerance: Tolerance
) -> Turns:
    """The same; where a vector is left open at coarser values, it may be a gradient, to rounding, at those of float64,
    where fewer switches are tied."""
    first, tool = next(turns), problem.sweeps
    fine = None if first.proved or tool.rational else in_float64(tool)
    if fine is None:
        yield from chain([first], turns)
        return
    again, note = replace(problem, sweeps=fine, c=hypothesis(call, options, fine)[1]), fewer(tool, fine, call.tool)
    others = given_vector(again, fine, join(leaves).astype(float), tolerance, (again.c,), (note + DECIDES,))
    for found in chain([first], turns):
        if not found.proved:
            other = next(others)
            clarke = isinstance(other.outcome, Proof) and other.outcome.clarke
            found = replace(other, finer=True) if clarke else replace(found, notes=(*found.notes, note + OPEN))
        yield found


def _near_the_model(
    call: TracedCall, problem: Problem, tool: Sweeps, comparison: Comparison, tolerance: Tolerance,
    known: Iterable[Array], notes: tuple[str, ...],
) -> Turns:
    """The verdict on a vector that is g_c to rounding: the one on g_c, or that on the vector where this is not open."""
    if problem.sweeps is tool and call.dtype == np.dtype(float):
        problem.tell(partial(comparison.sizes, call.leaves))
    c = np.asarray(problem.c, dtype=float)
    others = known if not call.foreign and len(tool.alpha) <= _MANY else ()
    by_theorems = _by_theorems(problem, tool, lambda: tool.gradient(tool.signature(c)), others)
    modelled = with_digits(by_theorems, call.leaves, tolerance, comparison.sensitivity)
    given = given_vector(problem, tool, call.gradient, tolerance, known, notes) if call.foreign else None
    for found in modelled:
        proof = found.outcome
        if isinstance(proof, str):
            yield from repeat(found)
        if isinstance(proof, Proof) and (proof.clarke or given is None):
            cancelled = [call.program.tree.leaf_name(leaf) for leaf in comparison.cancelled]
            named = (_CANCELLED.format(leaves=", ".join(cancelled)),) if cancelled else ()
            yield replace(found, outcome=replace(proof, deviation=proof.deviation + comparison.largest),
                          notes=(*found.notes, *named))
        yield found if given is None else next(given)


def _apart_from_the_model(call: TracedCall, tool: Sweeps, comparison: Comparison, given: Turns) -> Turns:
    """The verdict on a vector that is not g_c to rounding, though no other formulas made it."""
    lost, worst = digits_were_lost(call, comparison), comparison.worst
    apart = _APART.format(tool=call.tool, apart=comparison.apart[worst], allowed=comparison.allowed[worst],
                          leaf=call.program.tree.leaf_name(worst)) + _one_half(call)
    for found in given:
        proof = found.outcome
        if isinstance(proof, Proof) and proof.clarke:
            yield found
        # Without a kink there is one gradient, and the framework's formulas mean that one.
        elif isinstance(proof, Proof) and len(tool.alpha) and not lost:
            yield replace(found, notes=(apart + _NOTHING,))
        else:
            finer = _FINER if machine_epsilon(call.dtype) > DOUBLE else ""
            yield replace(found, outcome=apart + _LOST + finer if lost else apart)


def _one_half(call: TracedCall) -> str:
    """The operations, if any, whose derivative is one for matrices that stay symmetric."""
    nodes = [node for node in call.program.nodes if node.varied and for_symmetric(node)]
    names = dict.fromkeys(placed(node.operation, node.source) for node in nodes)
    return _HALF.format(names=", ".join([*names][:_NAMED])) if names else ""


def _with_fewer_kinks(problem: Problem, fewer: FewerKinks, vector: Array, notes: tuple[str, ...], made: bool) -> Turns:
    """The verdict on a vector by the program with fewer kinks."""
    sweeps = fewer.sweeps
    again = replace(problem, sweeps=sweeps, c=np.zeros(len(sweeps.alpha)))
    # Slopes of norms are vectors of the ball.
    known = (np.where(sweeps.in_blocks[sweeps.alpha], 0.0, slope) for slope in (0.0, -1.0, 1.0))
    return _as_it_is(again, sweeps, vector, known, (*notes, fewer.why), made)


def _undefined(c: Array) -> Array:
    """Where a tool has no slope: its derivative there is NaN."""
    return np.asarray(np.isnan(np.asarray(c, dtype=float)))


def _undefined_where(problem: Problem, tool: str, undefined: Sequence[str]) -> str:
    """The operations at which the tool has no slope, and what to write."""
    own = problem.sweeps.alpha[_undefined(problem.c)]
    nodes = [problem.sweeps.program.nodes[index] for index in problem.sweeps.program.kinked]
    names = dict.fromkeys(
        placed(node.operation, node.source) for node in nodes
        if node.owns(own).any()
    )
    return of_roots([*names], tool) if names else masked(undefined, tool) if undefined else ""


def concluded(found: Judgement) -> tuple[Verdict, Proof]:
    """The verdict, with a proof or the reason why there is none."""
    outcome = found.outcome or why_open(found.problem)
    if isinstance(outcome, str):
        method = "budget" if outcome.startswith("the budget") else "undecided"
        return Verdict.UNDECIDED, Proof(method, False, outcome, "none")
    return Verdict.CLARKE if outcome.clarke else Verdict.NOT_CLARKE, outcome


def flattened(call: TracedCall, options: Options, exact: bool) -> tuple[Array, Tolerance]:
    """A vector that was given, flat, and what its precision allows; or that in which f ran, where this is coarser.

    Somebody may have written in double precision what was computed in single.  On rationals nothing was.
    """
    leaves = call.program.tree.leaves_of((call.unwrap or plain)(options.gradient), "gradient")
    flat = np.concatenate([np.asarray(leaf, dtype=float).reshape(-1) for leaf in leaves])
    found = precisions(options.gradient) | precisions(leaves)
    coarsest = max(found, key=machine_epsilon, default="float64")
    own = Tolerance.of(coarsest, options.rtol, options.atol_gradient)
    ran = tolerance_of(call)
    return flat, (own if exact else own.at_least(ran.eps, ran.lost)).as_it_is()


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
    be the sign (THEORY 6.2).
    """
    program = tool.program
    if not program.is_piecewise_linear:
        node = next(node for node in program.nodes if node.varied and not program.is_linear(node))
        sorts = any(node is program.nodes[index] for index in program.sorts)
        why = "sorts many tied entries as one kink" if sorts else "is not piecewise linear"
        raise TraceError(node.operation, f"{why}, so exact=True cannot decide", "use exact=False", node.source)
    sweeps = Sweeps(program, [exactly(leaf) for leaf in program.inputs(values)], tool.atol)
    used = tool.signature(np.asarray(problem.c, dtype=float))
    inactive = ~sweeps.active
    consistent = bool((used[inactive] == sweeps.signs[inactive]).all())
    chosen = used[sweeps.alpha]
    return replace(problem, sweeps=sweeps, c=chosen), consistent
