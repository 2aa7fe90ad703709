"""torch's own operator database: is every differentiable operator right, or refused by name, on its float64 samples?

    python -m tests.frontends.torch_database [NAME ...]       all samples, and a table of counts
    python -m tests.frontends.torch_database --record         the same, and the operators that are decided are written

A sample is run as it is, with memory that is not contiguous and, where torch can, in place.  It is decided where there
is a verdict, where our table gives the value that torch computed for every node, and where the program changes on a
small step as f does in torch.  The verdict is never NOT_CLARKE: torch tests its derivatives of these operators itself.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from absnormal.errors import GuardError
from absnormal.frontends.torch.capture import of_closure
from absnormal.frontends.traced_call import TracedCall
from absnormal.judgement.flow import judged
from absnormal.judgement.options import Options
from absnormal.program.tree import Tree
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

#: The operators that are decided on all their samples.
RECORD = Path(__file__).parents[1] / "data" / "torch_operators.txt"
NOT_RUN, NOT_FINITE = "not differentiated by torch", "not finite in torch"
_STEP = 1e-7
#: So many numbers are in a sample at most where some are chosen: torch's largest have a million.
_LARGEST = 10_000


@dataclass(frozen=True)
class Case:
    """A call of an operator with its variables."""

    call: Callable[[], Any]
    variables: list[Any]

    def results(self) -> list[Any]:
        return [result for result in tensors(self.call()) if result.requires_grad]

    def loss(self) -> Any:
        """One number that tells the entries of all results apart."""
        return torch.stack([_weighted(result) for result in self.results()]).sum()


def operators() -> dict[str, Any]:
    """The differentiable operators that take float64, by name."""
    # Made when it is asked for: that takes three seconds.
    from torch.testing._internal.common_methods_invocations import op_db

    found = {}
    for op in op_db:
        if op.supports_autograd and torch.float64 in op.supported_dtypes("cpu"):
            found[f"{op.name}.{op.variant_test_name}" if op.variant_test_name else op.name] = op
    return found


def outcomes(name: str, op: Any, most: int) -> Iterator[Outcome]:
    """What becomes of up to ``most`` samples of an operator, spread evenly over all, or over those not large."""
    with _drawn_quickly():
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002
        torch.manual_seed(0)
        samples = [*enumerate(op.sample_inputs("cpu", torch.float64, requires_grad=True))]
        if most < len(samples):
            samples = [(number, sample) for number, sample in samples if _size(sample) <= _LARGEST] or samples
        for place in np.unique(np.linspace(0, len(samples) - 1, min(most, len(samples))).astype(int)):
            number, sample = samples[place]
            for spelling, (call, given) in _spellings(op, sample).items():
                yield Outcome(name, f"{number} ({spelling})", *_outcome(_case(call, given)))


@contextmanager
def _drawn_quickly() -> Iterator[None]:
    """At every seed torch writes the stack down for each kind of device, and looks in it for the test that runs."""
    from torch.testing._internal import common_utils
    from torch.testing._internal.opinfo import core

    with (
        mock.patch.object(torch, "manual_seed", torch.default_generator.manual_seed),
        mock.patch.object(common_utils, "extract_test_fn", lambda: None),
        mock.patch.object(core, "extract_test_fn", lambda: None),
    ):
        yield


def _size(sample: Any) -> int:
    """How many numbers the tensors of a sample have."""
    return sum(t.numel() for t in tensors((sample.input, sample.args, sample.kwargs)))


def _spellings(op: Any, sample: Any) -> dict[str, tuple[Callable[..., Any], Any]]:
    found = {"as it is": (_called(op), sample)}
    if all(t.layout == torch.strided for t in tensors((sample.input, sample.args, sample.kwargs))):
        found["not contiguous"] = _called(op), sample.noncontiguous()
    if op.get_inplace() and op.supports_inplace_autograd and not sample.broadcasts_input:
        inplace = op.get_inplace()
        found["in place"] = (lambda x, *args, **kwargs: inplace(x * 1, *args, **kwargs), sample)
    return found


def _called(op: Any) -> Callable[..., Any]:
    """An operator as torch's tests differentiate it: some of matrices that are made symmetric, or triangular, first."""
    if op.name.startswith("masked."):
        return op.get_op()
    return lambda x, *args, **kwargs: op.gradcheck_wrapper(op.get_op(), x, *args, **kwargs)


def _outcome(case: Case) -> tuple[str, str]:
    try:
        if not case.variables or not case.results():
            return NOT_RUN, ""
        loss = case.loss()
        if not loss.isfinite():
            return NOT_FINITE, ""
        loss.backward()
    except (RuntimeError, ValueError, TypeError, NotImplementedError) as error:
        return NOT_RUN, str(error).partition("\n")[0]
    for variable in case.variables:
        variable.grad = None
    return judged_or_refused(lambda: _judged(case), (NotImplementedError,))


def _case(call: Callable[..., Any], sample: Any) -> Case:
    """The variables are the tensors of a sample that require a gradient; they keep their place in memory."""
    given = (sample.input, sample.args, sample.kwargs)
    old = [*{id(t): t for t in tensors(given) if t.requires_grad}.values()]
    variables = [t if t.is_leaf else t.detach().requires_grad_() for t in old]
    first, args, kwargs = replaced(given, {id(t): new for t, new in zip(old, variables, strict=True)})
    return Case(lambda: sample.output_process_fn_grad(call(first, *args, **kwargs)), variables)


def _judged(case: Case) -> tuple[str, str]:
    shapes = tuple(tuple(variable.shape) for variable in case.variables)
    tree = Tree([*range(len(shapes))], shapes)
    captured = of_closure(case.loss, case.variables, tree)
    captured.program.check()
    eps = max(torch.finfo(t.dtype).eps for t in (*case.variables, *case.results()))
    rtol = 8 * eps**0.5
    check_same_values(captured, rtol)
    verdict = judged(captured, Options()).verdict.name
    if verdict == "NOT_CLARKE":
        raise Wrong("NOT_CLARKE")
    if eps == torch.finfo(torch.float64).eps:
        _near_by(case, captured)
    return DECIDED if verdict == "CLARKE" else UNDECIDED, ""


def _near_by(case: Case, captured: TracedCall) -> None:
    """How f changes on a small step: a constant that should have moved does not move."""
    program = captured.program
    here = float(case.loss().detach())
    old = [variable.detach().clone() for variable in case.variables]
    start = float(program(_flat(case.variables)))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for variable in case.variables:
            variable.add_(_STEP * torch.randn(variable.shape, generator=generator, dtype=variable.dtype))
    try:
        there = float(case.loss().detach())
        with suppress(GuardError):
            moved = float(program(_flat(case.variables))) - start
            scale = max(abs(there - here), _STEP)
            if abs(moved - (there - here)) > 1e-3 * scale + 1e-14 * max(1.0, abs(here)):
                raise Wrong(f"a step near by changes f by {there - here:g} and the program by {moved:g}")
    finally:
        with torch.no_grad():
            for variable, value in zip(case.variables, old, strict=True):
                variable.copy_(value)


def _flat(variables: Sequence[Any]) -> Any:
    return np.concatenate([variable.detach().double().numpy().ravel() for variable in variables])


def _weighted(y: Any) -> Any:
    real = torch.view_as_real(y.resolve_conj()) if y.is_complex() else y
    return (real * torch.cos(torch.arange(real.numel(), dtype=real.dtype)).reshape(real.shape)).sum().double()


def tensors(value: Any) -> list[Any]:
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = [*value.values()]
    return [t for item in value for t in tensors(item)] if isinstance(value, (list, tuple)) else []


def replaced(value: Any, new: dict[int, Any]) -> Any:
    if isinstance(value, torch.Tensor):
        return new.get(id(value), value)
    if isinstance(value, dict):
        return {key: replaced(item, new) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(replaced(item, new) for item in value)
    return value


def table(found: Sequence[Outcome]) -> str:
    """How many samples, and operators on all of them, came out how."""
    samples, names = Counter(o.kind for o in found), {o.group for o in found}
    lines = [f"{count:7d}  {kind}" for kind, count in samples.most_common()]
    return "\n".join([*lines, f"{len(decided(found)):7d}  of {len(names)} operators are decided on all samples"])


def decided(found: Sequence[Outcome]) -> list[str]:
    """The operators whose samples are all decided, where torch gives a number and a gradient at all."""
    kinds: dict[str, set[str]] = {}
    for outcome in found:
        kinds.setdefault(outcome.group, set()).add(outcome.kind)
    allowed = {DECIDED, UNDECIDED, NOT_RUN, NOT_FINITE}
    return sorted(name for name, own in kinds.items() if DECIDED in own and own <= allowed)


def main(arguments: Sequence[str]) -> int:
    names = [name for name in arguments if name != "--record"]
    chosen = ((name, op) for name, op in operators().items() if not names or name in names)
    found = collected((outcome for name, op in chosen for outcome in outcomes(name, op, sys.maxsize)), told=True)
    print(table(found))
    if "--record" in arguments:
        RECORD.write_text("\n".join(decided(found)) + "\n")
    return int(bool(faults(found)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
