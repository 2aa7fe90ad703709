"""verify and clarke_backward on torch models, in units of loss.backward() with its forward pass, tracing counted.

They are run in turns, as in a training loop, and then each by itself again and again: a small model's backward() that
follows itself finds its weights, its gradient and its code in the caches, and is up to a third faster than one that
follows anything else.  What dominates is printed below: the steps of `verify` with the time that each takes.

    python -m tests.benchmarks.bench_torch
"""

from __future__ import annotations

import contextlib
import cProfile
import pstats
import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest import mock

from tests.benchmarks.measure import best, in_turns  # first: it fixes the number of threads

import torch  # isort: skip
import torch.nn.functional as F  # isort: skip

import absnormal as an
from absnormal.frontends.torch import capture
from absnormal.judgement import flow
from tests.verify.test_torch_models import IMAGES, LABELS, LeNet, mlp, zero_biases


def cases() -> dict[str, tuple[Any, Callable[[], Any]]]:
    """Name -> model, closure."""
    X, Y = IMAGES[:64], LABELS[:64]
    blank = X.clone()
    blank[:6] = 0
    torch.manual_seed(0)
    found: dict[str, tuple[Any, Callable[[], Any]]] = {}
    for name, model, images in (
        ("784-256-128-10, nothing active", mlp(), X), ("784-256-128-10, zero biases, blank images",
            zero_biases(mlp()), blank),
        ("LeNet, zero biases, raw digits", zero_biases(LeNet()), X),
        ("transformer layer", transformer(), X), ("transformer layer, blank images", zero_biases(transformer()), blank),
    ):  # fmt: skip
        found[name] = model, lambda model=model, images=images: F.cross_entropy(model(images), Y)
    return found


def transformer() -> torch.nn.Module:
    """A layer on the 28 rows of an image, and a linear head."""
    layer = torch.nn.TransformerEncoderLayer(28, 4, 64, 0.0, batch_first=True)
    head = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(28 * 28, 10))
    return torch.nn.Sequential(torch.nn.Flatten(1, 2), layer, head)


def backward(model: Any, closure: Callable[[], Any]) -> None:
    model.zero_grad()
    closure().backward()


def clarke_backward(model: Any, closure: Callable[[], Any]) -> None:
    model.zero_grad()
    an.torch.clarke_backward(model, closure)


#: The steps of `verify`: a name, and the function in which the step is done.
STEPS = (
    ("forward on the tape", capture, "run_on_tape"), ("backward", capture, "_gradients"),
    ("lowering", capture, "_lowered"), ("comparison of the gradients", flow, "compared"),
    ("theorems", flow, "decide"),
)


def dominating(model: Any, closure: Callable[[], Any], runs: int = 20) -> dict[str, float]:
    """The seconds of processor time that each step of `verify` takes, the least of several runs."""
    spent: dict[str, float] = {}

    def timed(step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            before = time.process_time()
            try:
                return function(*args, **kwargs)
            finally:
                spent[step] = spent.get(step, 0.0) + time.process_time() - before

        return run

    least: dict[str, float] = {}
    with contextlib.ExitStack() as stack:
        for step, owner, name in STEPS:
            stack.enter_context(mock.patch.object(owner, name, timed(step, getattr(owner, name))))
        for _ in range(runs):
            spent.clear()
            an.torch.verify(model, closure)
            least = {step: min(seconds, least.get(step, seconds)) for step, seconds in spent.items()}
    return least


def main() -> None:
    torch.set_num_threads(1)
    for name, (model, closure) in cases().items():
        report = an.torch.verify(model, closure)
        active = len(report.problem.sweeps.alpha)
        print(f"{name}: {active} of {report.program.s} active, {report.verdict.name} by {report.method}")
        actions = [partial(action, model, closure) for action in (backward, an.torch.verify, clarke_backward)]
        for way, times in ("in turns", in_turns(*actions)), ("alone", [best(action, 1.5) for action in actions]):
            unit, verify, cure = times
            print(f"  {way}: backward {unit * 1e3:.2f} ms, verify {verify / unit:.1f} x, clarke_backward"
                  f" {cure / unit:.1f} x")
        steps = ", ".join(f"{step} {seconds / unit:.1f} x" for step, seconds in dominating(model, closure).items())
        print(f"  verify: {steps}")
        if "--profile" in sys.argv:
            profile = cProfile.Profile()
            profile.runcall(an.torch.verify, model, closure)
            pstats.Stats(profile).sort_stats("tottime").print_stats(12)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
