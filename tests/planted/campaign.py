"""Is a wrong gradient called CLARKE, and is a right one not?"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

import absnormal as an
from tests.planted.models import Model, build
from tests.planted.plants import FAULTS, WAYS, gradients, layers, planted

#: The error in a leaf, relative to its largest entry, beyond which a gradient must not be called CLARKE.
LIMITS = {torch.float32: 0.05, torch.bfloat16: 0.2}
#: A leaf whose largest entry in float64 is below this part of the largest of all is zero up to cancellation.
_NOTHING = 1e-9


@dataclass(frozen=True)
class Outcome:
    """A gradient with what was planted, how wrong it is, and what was said of it."""

    name: str
    precision: str
    plant: str
    error: float
    verdict: str
    certified: float

    def __str__(self) -> str:
        return (f"{self.name:14} {self.precision:9} {self.plant:36} error {self.error:8.2g}  {self.verdict:10}"
                f" certified {self.certified:.2g}")  # fmt: skip


def sizes(model: Model) -> dict[str, float]:
    """The largest entries of the leaves but for those that are zero up to cancellation: a bias before a batch norm."""
    double = gradients(Model(copy.deepcopy(model.module).double(), model.x.double(), model.labels))
    exact = {name: float(g.abs().max()) for name, g in double.items()}
    largest = max(exact.values())
    own = gradients(model)
    return {name: float(own[name].abs().max()) for name, size in exact.items() if size > _NOTHING * largest}


def error_of(found: dict[str, Any], right: dict[str, Any], scales: dict[str, float]) -> float:
    """The largest error in a leaf, relative to its largest entry."""
    return max(
        float((found[name].double() - right[name].double()).abs().max()) / size for name, size in scales.items()
    )


def judged(
    model: Model, name: str, plant: str, right: dict[str, Any], scales: dict[str, float], gradient: Any = None
) -> Outcome:
    returned = gradients(model) if gradient is None else gradient
    report = an.torch.verify(model.module, model.loss, gradient=gradient)
    # At a tie there are other Clarke gradients than torch's.
    one = not len(report.problem.sweeps.alpha)
    return Outcome(
        name, str(model.x.dtype).removeprefix("torch."), plant, error_of(returned, right, scales),
        report.verdict.name, error_of(report.clarke_gradient, right, scales) if one else 0.0,
    )


def own(name: str, dtype: Any, seed: int) -> Outcome:
    """The gradient of a model as it is."""
    model = build(name, dtype, seed)
    return judged(model, name, "none", gradients(model), sizes(model))


def wrong(name: str, dtype: Any, seed: int, few: bool = False) -> Iterator[Outcome]:
    """The gradients of a model with one fault each."""
    model = build(name, dtype, seed)
    right, scales, places = gradients(model), sizes(model), layers(model)
    chosen = {0: "first", len(places) // 2: "middle"} | ({} if few else {len(places) - 1: "last"})
    for place, where in chosen.items():
        for number, way in enumerate(WAYS):
            for kind, (fault, change) in enumerate(FAULTS.items()):
                if few and kind != (number + place) % len(FAULTS):
                    continue
                with planted(model, way, places[place], change):
                    yield judged(model, name, f"{way}: {fault}, {where} layer", right, scales)
    for leaf in [*right][:: max(1, len(right) // (2 if few else 6))]:
        for fault, change in FAULTS.items():
            given = {**right, leaf: change(right[leaf])}
            yield judged(model, name, f"given: {fault} in {leaf}", right, scales, given)


def faults_of(outcome: Outcome, dtype: Any) -> list[str]:
    """What is wrong with what was said."""
    found = []
    if outcome.verdict == "CLARKE" and outcome.error > LIMITS[dtype]:
        found.append("a wrong gradient is called CLARKE")
    if outcome.verdict == "NOT_CLARKE" and outcome.plant == "none":
        found.append("the model's own gradient is called NOT_CLARKE")
    if outcome.certified > LIMITS[dtype]:
        found.append("the certified gradient is wrong")
    return found
