"""What every verdict needs, wherever the function comes from; and the verdict on a framework's own gradient."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.clarke.budget import Budget
from absnormal.errors import DomainError, TraceError
from absnormal.frontends.captured import Captured
from absnormal.frontends.comparison import distance
from absnormal.frontends.frameworks import plain
from absnormal.frontends.slopes import slopes
from absnormal.program.merging import merged
from absnormal.program.program import Program, exactly
from absnormal.program.tree import join
from absnormal.report.report import Report
from absnormal.report.verdict import Verdict
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.ladder import decide
from absnormal.theorems.problem import Problem, Proof
from absnormal.theorems.vector import judge, tolerance, why_open

_MERGED = "kinks on one set, to which {tool} gives slopes that contradict each other, are one kink of f"
#: Up to this many active switches are listed one by one, which explains more.
_FEW = 16
_DIFFERS = (
    "{tool} returned a vector that is not the gradient of the function as it ran with the slopes of its kernels: an"
    " entry differs by {apart:.3g} (a hook, a custom backward, a straight-through estimator?); that vector is judged"
)


def verify_captured(
    captured: Captured, *, gradient: Any = None, slope: Any = None, exact: bool = False, atol: float = 0.0,
    budget: Budget | None = None, seed: int = 0,
) -> Report:
    """`verify` for a function as it ran in a framework.

    The framework's own gradient is judged: by the theorems where it is the modelled one to rounding, as a bare vector
    where it is not.  With ``slope`` or ``gradient`` that hypothesis or that vector is judged in its place.
    """
    limits = checked(atol, budget, seed)
    if isinstance(slope, str):
        raise ValueError(f"slope must be a number or an array, got {slope!r}: {captured.tool}'s own gradient is judged")
    program = captured.program
    tool = Sweeps(program, None, atol, captured.values, captured.own)
    choice = captured.tool if slope is None else slope
    c = captured.slopes[tool.alpha] if slope is None else slopes(tool, slope)
    problem, consistent = Problem(tool, c, limits), True
    if exact:
        problem, consistent = exact_problem(tool, captured.values, c, limits)
    notes, bare = captured.notes, gradient is not None or not consistent
    apart = deviation = 0.0
    leaves, dtype = captured.leaves, captured.dtype
    if gradient is not None:
        vector, dtype = flattened(program, plain(gradient))
        leaves = [vector]
    elif slope is not None:
        vector, dtype = tool.gradient(tool.signature(np.asarray(c, dtype=float))), np.float64
        leaves, bare = [vector], bare or not np.isfinite(vector).all()
    elif not bare:
        apart, close = distance(captured, problem)
        if not close:
            bare = True
            notes = (*notes, _DIFFERS.format(tool=captured.tool, apart=apart))
    tried: list[str] = []
    outcome: Proof | str = ""
    if not bare and slope is None and not exact and len(tool.alpha) > _FEW:
        simpler = _simpler(captured, tool, c)
        if simpler is not None:
            again = Problem(simpler, np.zeros(len(simpler.alpha)), limits)
            known = _uniform(simpler, again.c)
            outcome, deviation = judged(again, simpler, again.c, captured.gradient, dtype, known)
            if not isinstance(outcome, str):
                problem, tool, bare = again, simpler, True
                notes = (*notes, _MERGED.format(tool=captured.tool))
    if isinstance(outcome, str) and bare:
        outcome, deviation = judged(problem, tool, c, join(leaves), dtype, _uniform(tool, c))
    elif isinstance(outcome, str):
        found, tried = decide(problem)
        outcome = why_open(problem) if found is None else replace(found, deviation=found.deviation + apart)
    verdict, proof = concluded(outcome)
    return Report(
        verdict=verdict, proof=proof, leaves=leaves, problem=problem, tool=tool, slope=choice, given=bare,
        tolerance=deviation if bare else 0.0, tried=tuple(tried), seed=seed, consistent=consistent, wrap=captured.wrap,
        notes=notes, framework=captured.tool if gradient is None and slope is None else "",
    )


def _uniform(tool: Sweeps, c: Array) -> list[Array]:
    """The slopes c, and one number for all."""
    return [c, *(slopes(tool, number) for number in (0.0, -1.0, 1.0))]


def judged(
    problem: Problem, tool: Sweeps, c: Array, vector: Array, dtype: Any, known: Iterable[Array]
) -> tuple[Proof | str, float]:
    """The verdict on a bare vector, which ``known`` slopes may give, and the largest rounding that was allowed."""
    allowed = np.maximum(tolerance(Problem(tool, c, problem.budget), dtype), 0.0)
    outcome = judge(problem, vector, allowed, choices(problem, tool, known))
    return outcome, float(allowed.max(initial=0.0)) if np.isfinite(vector).all() else 0.0


def _simpler(captured: Captured, tool: Sweeps, c: Array) -> Sweeps | None:
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


def flattened(program: Program, gradient: Any) -> tuple[Array, Any]:
    leaves = program.tree.leaves_of(gradient, "gradient")
    dtypes = [leaf.dtype for leaf in leaves if leaf.dtype.kind == "f"]
    flat = np.concatenate([np.asarray(leaf, dtype=float).reshape(-1) for leaf in leaves])
    return flat, max(dtypes, key=lambda dtype: np.finfo(dtype).eps, default=np.dtype(float))


def choices(problem: Problem, tool: Sweeps, candidates: Iterable[Array]) -> Iterator[Array]:
    """Different slopes at the active switches among the candidates; none where the tool's switches are not those."""
    if problem.sweeps is not tool:
        return
    seen: list[Array] = []
    for c in candidates:
        if not any(np.array_equal(c, known) for known in seen):
            seen.append(c)
            yield c


def exact_problem(
    tool: Sweeps, values: Sequence[Array], c: Array, budget: Budget
) -> tuple[Problem, bool]:
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
    used = tool.signature(np.asarray(c, dtype=float))
    inactive = ~sweeps.active
    consistent = bool((used[inactive] == sweeps.signs[inactive]).all())
    chosen = used[sweeps.alpha]
    return Problem(sweeps, chosen, budget), consistent
