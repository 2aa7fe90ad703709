"""What becomes of functions of other libraries at some points."""

from __future__ import annotations

import importlib.util
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import absnormal as an
from tests.frontends.outcomes import DECIDED, UNDECIDED, Outcome, Wrong, judged_or_refused

NOT_RUN = "not differentiated by the library"
_STEP = 1e-6
#: What a case may take.
_BUDGET = an.Budget(seconds=10.0)


@dataclass(frozen=True)
class Case:
    """A real function of one array, which ``made`` makes anew, and the points it is judged at."""

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
        returned = np.asarray(library.gradient(f, x))
    except Exception as error:
        return NOT_RUN, f"{type(error).__name__}: {error}"

    def judge() -> tuple[str, str]:
        # A loss with a memory of its last call begins anew.
        report = an.verify(case.made(), x, budget=_BUDGET)
        held = any("held constant" in note for note in report.notes)
        if report.method == "smooth" and np.isfinite(returned).all() and not held:
            _hold(case.made(), x, np.asarray(report.clarke_gradient, dtype=float))
        kind = UNDECIDED if report.verdict is an.Verdict.UNDECIDED else DECIDED
        return kind, f"{report.verdict.name} by {report.method}"

    return judged_or_refused(judge)


def _hold(f: Callable[[Any], Any], x: Any, gradient: Any) -> None:
    """Differences of f along two directions, against a gradient; those that do not settle say nothing, nor do those of
    a function that returns numbers of single precision."""
    if "64" not in str(getattr(f(x), "dtype", "")):
        return
    random = np.random.default_rng(0)
    for _ in range(2):
        d = random.standard_normal(np.shape(gradient))
        slopes = []
        for size in (_STEP, _STEP / 2):
            step = _like(x, size * d)
            slopes.append(float(f(x + step) - f(x - step)) / (2 * size))
        found, scale = float((gradient * d).sum()), float(np.abs(gradient * d).sum()) + 1e-3
        if abs(slopes[0] - slopes[1]) < 1e-4 * scale and abs(slopes[0] - found) > 1e-3 * scale:
            raise Wrong(f"the certified gradient is {found:.6g} along a direction, the differences {slopes[0]:.6g}")


def _like(x: Any, values: Any) -> Any:
    if type(x).__module__.startswith("torch"):
        import torch

        return torch.as_tensor(values, dtype=x.dtype)
    import jax.numpy as jnp

    return jnp.asarray(values, x.dtype)


def table(found: dict[str, list[Outcome]]) -> str:
    """A line a library: points, followed, decided, refused by kind."""
    lines = [f"{'library':28} {'points':>6} {'followed':>8} {'decided':>7} {'open':>5} {'not run':>7}"]
    for name, outcomes in found.items():
        kinds = Counter(outcome.kind for outcome in outcomes)
        decided, left_open, not_run = kinds[DECIDED], kinds[UNDECIDED], kinds[NOT_RUN]
        lines.append(
            f"{name:28} {len(outcomes):6} {decided + left_open:8} {decided:7} {left_open:5} {not_run:7}")
        for kind, count in sorted(kinds.items(), key=lambda item: -item[1]):
            if kind not in (DECIDED, UNDECIDED, NOT_RUN):
                which = sorted({outcome.group for outcome in outcomes if outcome.kind == kind})
                lines.append(f"    {count:4}  {kind}: {', '.join(which)[:150]}")
    return "\n".join(lines)
