"""The gallery, the measured wrong gradients, the digits."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

import absnormal as an
from absnormal import gallery
from absnormal.gallery import digits, networks, torch_models

from ..verify import test_wrong_gradients as wrong
from .case import Case

SLOPES = (-1.0, 0.0, 1.0)
#: Limits that do not depend on the clock.
BUDGET = an.Budget(cells=500, programs=500, seconds=3600.0)


def gallery_cases() -> Iterator[Case]:
    """Every example under its own slope and three others; the larger examples for torch."""
    for name, example in gallery.examples().items():
        for slope in dict.fromkeys([example.slope, *SLOPES, "torch", "jax", "casadi"]):
            yield Case(f"{name}, slope {slope}", partial(an.verify, example.function, example.point, slope=slope))
        yield Case(f"{name}, gradients", partial(_gradients, example))
    for build in (torch_models.zero_initialised_head, torch_models.crelu_readout):
        yield Case(build.__name__, partial(_torch_example, build))


def _gradients(example: gallery.Example) -> object:
    """The size of the generalized gradient, and what it says of the gradient by hand."""
    found = an.generalized_gradient(example.function, example.point)
    said = [found.complete, found.exact, len(found.blocks)]
    if found.complete and len(found.blocks) < 4:
        said += [len(found.limiting_gradients), bool(found.is_stationary())]
    return said


def _torch_example(build: object) -> an.Report:
    example = build()  # type: ignore[operator]
    return an.torch.verify(example.model, example.loss)


def wrong_gradient_cases() -> Iterator[Case]:
    """Vectors that frameworks returned, as slopes and as bare vectors."""
    for name in sorted(wrong.PROGRAMS):
        function, slope = wrong.PROGRAMS[name]
        case = wrong.CASES[name]
        if name not in wrong.ONLY_THE_VECTOR:
            yield Case(name, partial(an.verify, function, case["x"], slope=slope))
        yield Case(f"{name}, given", partial(an.verify, function, case["x"], gradient=case["returned_gradient"]))
    for name, jump in {"copysign": lambda x: np.sum(np.copysign(x, x)), "sign": lambda x: np.sum(np.sign(x))}.items():
        yield Case(name, partial(an.verify, jump, [0.0]))


def digits_cases() -> Iterator[Case]:
    """Losses on handwritten digits, with thousands of ties."""
    problems = [
        digits.hinge(), digits.hinge("weston-watkins", margin=0.0), digits.l1_regression(),
        digits.stable_cross_entropy(), digits.network(1), digits.network(64), digits.network(),
        digits.network_without_biases(), networks.dense_network((4, 3, 2)), networks.dense_network((64, 32, 10)),
    ]  # fmt: skip
    for problem in problems:
        for slope in SLOPES:
            run = partial(an.verify, problem.function, problem.point, slope=slope, budget=BUDGET)
            yield Case(f"{problem.name}, slope {slope}", run)
