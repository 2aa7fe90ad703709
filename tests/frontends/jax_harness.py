"""JAX's own harnesses: is every differentiable use of a primitive right, or refused by name?

    python -m tests.frontends.jax_harness [GROUP ...]       all samples, and a table with a line a group

The harnesses of `jax._src.internal_test_util` call every primitive with many parameters and types; those with a
result that depends on floating-point arguments are run as they are, and batched by ``vmap`` with two draws of their
arguments.  A sample is decided where there is a verdict, where our table gives the value that JAX computed for every
node, and where the program changes on a step as f does in JAX.
"""

from __future__ import annotations

import contextlib
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax._src.internal_test_util import lax_test_util, test_harnesses

from absnormal.errors import AbsNormalError, GuardError
from absnormal.frontends.jax.capture import capture
from absnormal.frontends.traced_call import TracedCall
from absnormal.judgement.flow import judged
from absnormal.judgement.options import Options
from absnormal.report.report import Report
from tests.frontends.outcomes import (
    DECIDED,
    UNDECIDED,
    Outcome,
    Wrong,
    check_same_values,
    collected,
    faults,
    judged_or_refused,
)

NOT_CLARKE = "not Clarke in JAX"
NOT_RUN, NOT_FINITE = "not differentiated by JAX", "not finite in JAX"
#: The shapes on which functions of jax.lax are called.
_SHAPES = ((3,), (2, 3))


@dataclass(frozen=True)
class Sample:
    """A call with its arguments, drawn twice."""

    group: str
    name: str
    dtype: Any
    call: Callable[..., Any]
    drawn: Callable[[np.random.RandomState], Sequence[Any]]

    def cases(self, batched: bool) -> dict[str, Case]:
        """The call as it is, and batched."""
        random = np.random.RandomState(zlib.crc32(self.name.encode()))
        first, second = self.drawn(random), self.drawn(random)
        found = {"": Case.of(self.call, first)}
        if batched:
            both = [jnp.stack([jnp.asarray(a), jnp.asarray(b)]) for a, b in zip(first, second, strict=True)]
            found[", batched"] = Case.of(jax.vmap(self.call), both)
        return found


@dataclass(frozen=True)
class Case:
    """A function of its floating-point arguments."""

    call: Callable[[Sequence[Any]], Any]
    variables: list[Any]

    @classmethod
    def of(cls, call: Callable[..., Any], args: Sequence[Any]) -> Case:
        places = [i for i, arg in enumerate(args) if _is_floating(arg)]

        def called(variables: Sequence[Any]) -> Any:
            whole = list(args)
            for place, variable in zip(places, variables, strict=True):
                whole[place] = variable
            return call(*whole)

        return cls(called, [jnp.asarray(args[place]) for place in places])

    def loss(self, variables: Sequence[Any]) -> Any:
        """One number that tells the entries of all floating-point results apart."""
        results = [part for out in jax.tree.leaves(self.call(variables)) for part in _real_parts(out)]
        dtype = jnp.result_type(jnp.float32, *variables)
        return sum((_weighted(out, dtype) for out in results), start=jnp.zeros((), dtype))

    def at(self, flat: Any) -> list[Any]:
        """The variables at another point."""
        parts = np.split(flat, np.cumsum([v.size for v in self.variables])[:-1])
        return [jnp.asarray(part.reshape(v.shape), v.dtype) for part, v in zip(parts, self.variables, strict=True)]


def _is_floating(value: Any) -> bool:
    return hasattr(value, "dtype") and np.size(value) > 0 and bool(jnp.issubdtype(value.dtype, jnp.floating))


def _real_parts(out: Any) -> list[Any]:
    if hasattr(out, "dtype") and jnp.issubdtype(out.dtype, jnp.complexfloating):
        return [jnp.real(out), jnp.imag(out)] if out.size else []
    return [out] if _is_floating(out) else []


def _weighted(out: Any, dtype: Any) -> Any:
    weights = np.cos(np.arange(out.size)).reshape(out.shape)
    return jnp.sum(out.astype(dtype) * jnp.asarray(weights, dtype))


def samples() -> dict[str, list[Sample]]:
    """All samples with a floating-point type, by group."""
    found: dict[str, list[Sample]] = {}
    for harness in test_harnesses.all_harnesses:
        if jnp.issubdtype(harness.dtype, jnp.floating):
            one = Sample(harness.group_name, harness.name, harness.dtype, harness.dyn_fun, harness.dyn_args_maker)
            found.setdefault(harness.group_name, []).append(one)
    for record in lax_test_util.lax_ops():
        for dtype in (np.float64, np.float32, np.float16, jnp.bfloat16):
            if dtype is np.float64 or dtype in record.dtypes:
                for shape in _SHAPES:
                    found.setdefault(f"lax.{record.op}", []).append(_of_record(record, dtype, shape))
    return found


def _of_record(record: Any, dtype: Any, shape: tuple[int, ...]) -> Sample:
    def drawn(random: np.random.RandomState) -> list[Any]:
        make = record.rng_factory(random)
        return [make(shape, dtype) for _ in range(record.nargs)]

    name = f"{jnp.dtype(dtype).name}{[*shape]}"
    return Sample(f"lax.{record.op}", name, dtype, getattr(jax.lax, record.op), drawn)


def one_each() -> list[list[Sample]]:
    """A sample of each primitive; of the two sources the one that draws arguments inside of the domain."""
    found = samples()
    return [group[:1] for name, group in found.items() if f"lax.{name}" not in found]


def outcomes(group: Sequence[Sample], batched: bool = True) -> Iterator[Outcome]:
    """What becomes of some samples, each as it is and, unless that takes too long, batched."""
    for sample in group:
        double = jnp.dtype(sample.dtype) == np.float64
        with jax.enable_x64(double) if double else contextlib.nullcontext(), np.errstate(all="ignore"):
            try:
                cases = sample.cases(batched)
            except (TypeError, ValueError, NotImplementedError) as error:
                yield Outcome(sample.group, sample.name, NOT_RUN, _first_line(error))
                continue
            for spelling, case in cases.items():
                yield Outcome(sample.group, sample.name + spelling, *_outcome(case))


def _outcome(case: Case) -> tuple[str, str]:
    # Compiled once, also for the points near by.
    compiled = jax.jit(jax.value_and_grad(case.loss))
    try:
        value, gradient = compiled(case.variables)
    except Exception as error:
        return NOT_RUN, _first_line(error)
    if not any(np.asarray(g).any() for g in gradient) and not _depends(case):
        return NOT_RUN, "a constant"
    if not all(bool(jnp.isfinite(item).all()) for item in (value, *gradient)):
        return NOT_FINITE, ""
    return judged_or_refused(lambda: _judged(case, compiled))


def _depends(case: Case) -> bool:
    """Whether the result has an equation that a variable reaches."""
    return bool(case.variables) and bool(jax.make_jaxpr(case.loss)(case.variables).eqns)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _judged(case: Case, compiled: Callable[..., Any]) -> tuple[str, str]:
    captured = capture(case.loss, case.variables)
    captured.program.check()
    eps = max([*map(_epsilon, case.variables), *captured.units])
    check_same_values(captured, 8 * eps**0.5)
    report = judged(captured, Options())
    if eps <= _epsilon(jnp.zeros(0, jnp.float32)):
        _near_by(case, captured, compiled, eps)
    if report.verdict.name == "NOT_CLARKE":
        _confirm(case, compiled, report)
        return NOT_CLARKE, report.method
    return (DECIDED, "") if report.verdict.name == "CLARKE" else (UNDECIDED, report.explanation)


def _epsilon(value: Any) -> float:
    return float(jnp.finfo(value.dtype).eps)


def _near_by(case: Case, captured: TracedCall, compiled: Callable[..., Any], eps: float) -> None:
    """How f changes on a step: a constant that should have moved does not move."""
    random = np.random.default_rng(1)
    size = eps**0.4
    flat = _flat(case.variables)
    near = case.at(flat + size * np.maximum(np.abs(flat), 0.1) * random.uniform(-1, 1, flat.shape))
    with contextlib.suppress(GuardError, AbsNormalError):
        start, moved = (float(captured.program(_flat(point))) for point in (case.variables, near))
        rounding = 64 * eps * max(1.0, *(float(np.abs(v[np.isfinite(v)]).max(initial=0.0)) for v in captured.values))

        def same(value: Callable[[Sequence[Any]], Any]) -> bool:
            here, there = (float(value(point)) for point in (case.variables, near))
            scale = max(abs(there - here), abs(moved - start), size)
            apart = abs((moved - start) - (there - here))
            return not np.isfinite(there) or apart <= 0.02 * scale + rounding

        # JAX computes another value beside a derivative where its rule takes a matrix for symmetric.
        if not same(lambda point: compiled(point)[0]) and not same(case.loss):
            raise Wrong(f"a step near by changes the program by {moved - start:g}, and f otherwise")


def _confirm(case: Case, compiled: Callable[..., Any], report: Report) -> None:
    """Along some direction f rises more slowly, wherever near by, than what is not a Clarke gradient says."""
    point, claimed = _flat(case.variables), _flat(report.gradient)
    direction = claimed - _flat(report.clarke_gradient)
    random, step = np.random.default_rng(2), 2.0**-8 / np.linalg.norm(direction)
    rises = []
    for _ in range(32):
        near = point + 2.0**-8 * random.normal(size=point.shape)
        low, high = (float(compiled(case.at(near + sign * step * direction))[0]) for sign in (-0.5, 0.5))
        rises.append((high - low) / step)
    if not max(rises) < claimed @ direction - 0.1 * (direction @ direction):
        raise Wrong(f"NOT_CLARKE by {report.method}, but f rises so near by")


def _flat(variables: Sequence[Any]) -> Any:
    return np.concatenate([np.asarray(variable).astype(float).ravel() for variable in variables])


def table(found: Sequence[Outcome]) -> str:
    """A line a group, and the counts of all."""
    lines = []
    for group in dict.fromkeys(outcome.group for outcome in found):
        kinds = Counter(outcome.kind for outcome in found if outcome.group == group)
        lines.append(f"{group:28s}" + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()))
    lines += [f"{count:7d}  {kind}" for kind, count in Counter(o.kind for o in found).most_common()]
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    groups = (group for name, group in samples().items() if not arguments or name in arguments)
    found = collected((outcome for group in groups for outcome in outcomes(group)), told=True)
    print(table(found))
    return int(bool(faults(found)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
