"""torch's own operator database: does our gradcheck agree with torch's?

    python -m tests.testing.torch_gradcheck 4                up to 4 samples of each operator, and a table of counts
    python -m tests.testing.torch_gradcheck 99 abs amax      all samples of two

A sample is checked by both, with respect to its float64 tensors that require a gradient.  Where no kink is active the
two must agree: right where torch's is, wrong where it is not.  At a kink no gradient that torch computes is wrong.
"""

from __future__ import annotations

import random
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

import absnormal as an
from tests.frontends.torch_database import operators, replaced, tensors

AGREE, AT_KINK, DISAGREE = "both say the same", "right at a kink, where torch's differences are not", "disagree"
LEFT_OUT, OPEN = "torch's own gradcheck does not run", "open at a kink"
#: Samples with more variables, or no variable, are left out: torch's own check takes minutes for them.
SMALL = 60


def outcomes(op: Any, most: int, largest: int = SMALL) -> Iterator[tuple[str, str]]:
    """What becomes of up to ``most`` samples of an operator."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    samples = [*op.sample_inputs("cpu", torch.float64, requires_grad=True)]
    samples = [sample for sample in samples if 0 < _size(sample) <= largest]
    for number in np.unique(np.linspace(0, len(samples) - 1, min(most, len(samples))).astype(int)):
        yield outcome(*_as_call(op, samples[number]))


def outcome(f: Callable[..., Any], inputs: tuple[Any, ...]) -> tuple[str, str]:
    """How both checks take a function at its inputs."""
    try:
        theirs = bool(torch.autograd.gradcheck(f, inputs, raise_exception=False, check_batched_grad=False))
    except Exception as error:
        return LEFT_OUT, str(error).partition("\n")[0]
    try:
        ours, said = an.testing.gradcheck(f, inputs), ""
    except AssertionError as error:
        ours, said = False, str(error)
    except (ValueError, an.AbsNormalError) as error:
        return (DISAGREE if theirs else LEFT_OUT), f"{type(error).__name__}: {error}"
    if ours == theirs:
        return AGREE, ""
    if ours:
        return AT_KINK, ""
    return (OPEN if "neither is proved" in said or "anything there" in said else DISAGREE), said


def _size(sample: Any) -> int:
    return sum(t.numel() for t in tensors((sample.input, sample.args, sample.kwargs)) if t.requires_grad)


def _as_call(op: Any, sample: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """A sample as a function of its tensors, as torch's own tests make one; each result is a part of the graph."""
    given = (sample.input, sample.args, sample.kwargs)
    variables = [*{id(t): t for t in tensors(given) if t.requires_grad}.values()]

    def f(*new: Any) -> Any:
        known = {id(old): t for old, t in zip(variables, new, strict=True)}
        first, args, kwargs = replaced(given, known)
        out = sample.output_process_fn_grad(op(first, *args, **kwargs))
        return tuple(t for t in tensors(out) if t.requires_grad)

    return f, tuple(v.detach().clone().requires_grad_() for v in variables)


def main(most: int, names: list[str]) -> int:
    warnings.simplefilter("ignore")
    counts: Counter[str] = Counter()
    for name, op in operators().items():
        if names and name not in names:
            continue
        for kind, said in outcomes(op, most):
            counts[kind] += 1
            if kind in (DISAGREE, OPEN):
                print(f"{name}: {kind}: {said[:300]}", flush=True)
    for kind, count in counts.most_common():
        print(f"{count:7d}  {kind}")
    return int(counts[DISAGREE] > 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
