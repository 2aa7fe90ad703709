"""What becomes of functions of other libraries at some points."""

from __future__ import annotations

import importlib.util
import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import absnormal as an
from absnormal.arrays import Array
from tests.frontends.outcomes import DECIDED, UNDECIDED, Outcome, Wrong, judged_or_refused

NOT_RUN = "not differentiated by the library"
_STEP = 1e-6
#: How far the certified gradient may be from the library's where f is smooth.
_CLOSE = 1e-6
#: The largest deviation of a gradient that was computed in double precision all through.
_EXACT = 1e-11
#: What a case may take.
_BUDGET = an.Budget(seconds=10.0)


@dataclass(frozen=True)
class Case:
    """A real function of an array, or of a dict of them, which ``made`` makes anew, and the points it is judged at."""

    name: str
    made: Callable[[], Callable[[Any], Any]]
    points: dict[str, Callable[[], Any]]


@dataclass(frozen=True)
class Library:
    """The cases of a library, which are made where it is installed."""

    name: str
    module: str
    cases: Callable[[], Sequence[Case]]
    #: A number of the framework's from an array, and the gradient that the framework returns.
    gradient: Callable[[Callable[[Any], Any], Any], Any]

    @property
    def installed(self) -> bool:
        return importlib.util.find_spec(self.module) is not None


def outcomes(library: Library) -> Iterator[Outcome]:
    """What becomes of all cases at all points."""
    for case in library.cases():
        for point, at in case.points.items():
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                yield Outcome(case.name, point, *of_one(library, case, at))


def of_one(library: Library, case: Case, at: Callable[[], Any]) -> tuple[str, str]:
    """What becomes of a case at a point: its kind, and words."""
    try:
        f, x = case.made(), at()
        returned = flat(library.gradient(f, x))
    except Exception as error:
        return NOT_RUN, f"{type(error).__name__}: {error}"

    def judge() -> tuple[str, str]:
        # A loss with a memory of its last call begins anew.
        report = an.verify(case.made(), x, budget=_BUDGET)
        # What is held constant, and what is of single precision, differences do not tell.
        if not any("held constant" in note for note in report.notes) and "64" in str(getattr(f(x), "dtype", "")):
            if report.method == "smooth" and np.isfinite(returned).all():
                _hold(flat(report.clarke_gradient), returned, report.deviation)
            # For differences a kink within rounding of the point lies beside it; next to what f checks there are none.
            exact = report.deviation <= _EXACT * (1 + np.abs(returned).max(initial=0.0))
            if exact and not report.near and not any("by its check" in note for note in report.notes):
                _hold_slopes(case.made(), x, returned.size)
        kind = UNDECIDED if report.verdict is an.Verdict.UNDECIDED else DECIDED
        return kind, f"{report.verdict.name} by {report.method}"

    return judged_or_refused(judge)


def _hold(gradient: Array, returned: Array, deviation: float) -> None:
    """The certified gradient, against that of the library, which is it to rounding where no kink is active."""
    scale = float(np.abs(returned).max(initial=0.0)) + 1e-3
    if not np.allclose(gradient, returned, rtol=_CLOSE, atol=_CLOSE * scale + 2 * deviation):
        raise Wrong(f"the certified gradient is {gradient}, the library's {returned}")


def _hold_slopes(f: Callable[[Any], Any], x: Any, size: int) -> None:
    """One-sided slopes along two directions, which a kink at the point has too, against differences of values alone.

    Differences that do not settle say nothing; those that do not become small are a jump, which has no verdict.
    """
    random, value = np.random.default_rng(0), float(f(x))
    for _ in range(2):
        d = random.standard_normal(size)

        def gap(t: float, d: Array = d) -> float:
            return float(f(_moved(x, t * d))) - value

        far, near = abs(gap(1e-4)), abs(gap(1e-9))
        next_to = float(f(_moved(x, 4 * np.sign(d) * np.spacing(np.maximum(np.abs(flat(x)), 1e-20))))) - value
        if min(near, abs(next_to)) > max(0.2 * far, 1e-7 * (1 + abs(value))):
            raise Wrong(f"the function jumps by {near:.6g} at the point")
        found = float(an.directional_derivative(f, x, d))
        slopes = [gap(t) / t for t in (_STEP, _STEP / 2)]
        scale = abs(slopes[0]) + 1e-3 * (1 + abs(value))
        if abs(slopes[0] - slopes[1]) < 1e-4 * scale and abs(slopes[0] - found) > 1e-2 * scale:
            raise Wrong(f"the slope is {found:.6g} along a direction, the difference {slopes[0]:.6g}")


def flat(tree: Any) -> Array:
    """The entries of an array, or of all arrays of a dict."""
    parts = tree.values() if isinstance(tree, dict) else [tree]
    return np.concatenate([np.asarray(part, float).reshape(-1) for part in parts])


def _moved(x: Any, step: Array) -> Any:
    if isinstance(x, dict):
        parts = np.split(step, np.cumsum([math.prod(part.shape) for part in x.values()])[:-1])
        return {key: _moved(part, own) for (key, part), own in zip(x.items(), parts, strict=True)}
    values = step.reshape(tuple(x.shape))
    if type(x).__module__.startswith("torch"):
        import torch

        return x.detach() + torch.as_tensor(values, dtype=x.dtype)
    import jax.numpy as jnp

    return x + jnp.asarray(values, x.dtype)


def table(found: dict[str, list[Outcome]]) -> str:
    """A line a library: cases and points, followed, decided, refused; then what is refused, by its reason."""
    lines = [f"{'library':28} {'cases':>6} {'points':>6} {'followed':>8} {'decided':>7} {'open':>5} {'refused':>7}"
             f" {'not run':>7}"]
    total = Counter[str]()
    for name, outcomes in found.items():
        kinds = Counter(outcome.kind for outcome in outcomes)
        reasons = {kind: count for kind, count in kinds.items() if kind not in (DECIDED, UNDECIDED, NOT_RUN)}
        cases = {outcome.group for outcome in outcomes}
        counts = {"cases": len(cases), "points": len(outcomes), "followed": kinds[DECIDED] + kinds[UNDECIDED],
                  "decided": kinds[DECIDED], "open": kinds[UNDECIDED], "refused": sum(reasons.values()),
                  "not run": kinds[NOT_RUN]}
        total.update(counts)
        lines.append(_row(name, counts))
        for kind, count in sorted(reasons.items(), key=lambda item: -item[1]):
            which = sorted({outcome.group for outcome in outcomes if outcome.kind == kind})
            lines.append(f"    {count:4}  {kind}: {', '.join(which)[:150]}")
    return "\n".join([*lines, _row("all", total)])


def _row(name: str, counts: Mapping[str, int]) -> str:
    names = ("cases", "points", "followed", "decided", "open", "refused", "not run")
    return f"{name:28} " + " ".join(f"{counts[one]:{max(6, len(one))}}" for one in names)
