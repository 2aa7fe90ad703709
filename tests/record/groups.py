"""The groups of cases, and how a group is run."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from itertools import islice

from .case import Case, Outcome, outcome

#: Cases that a worker runs at a time.
_CHUNK = 250


@dataclass(frozen=True)
class Group:
    """Cases of one kind.

    Attributes
    ----------
    source
        "module:function" of the cases, loaded when they are run
    exact
        the arithmetic that decides is exact on every machine, so that every bit of a gradient counts
    every
        of so many cases a sample has one; the first is always in it
    count
        how many cases there are, where they are many enough to be shared out
    """

    source: str
    exact: bool = False
    every: int = 1
    count: int = 0

    def cases(self, first: int = 0, last: int | None = None, step: int = 1) -> Iterator[Case]:
        """The cases, or some of them."""
        module, _, function = self.source.partition(":")
        found: Callable[..., Iterator[Case]] = getattr(import_module(f"tests.record.{module}"), function)
        return found(range(self.count)[first:last:step]) if self.count else islice(found(), first, last, step)


GROUPS = {
    "programs": Group("programs:cases", exact=True, every=160, count=20_000),
    "gallery": Group("examples:gallery_cases", every=3),
    "wrong gradients": Group("examples:wrong_gradient_cases"),
    "digits": Group("examples:digits_cases", every=6),
    "reported": Group("reported:cases", every=3),
    "seams": Group("seams:cases", every=3),
    "torch blocks": Group("frameworks:torch_cases", every=5),
    "jax": Group("frameworks:jax_cases", every=12),
    "onnx": Group("frameworks:onnx_cases", every=4),
}


def run(name: str, sample: bool = False, jobs: int = 1) -> dict[str, Outcome]:
    """The outcomes of a group by the names of its cases."""
    group = GROUPS[name]
    step = group.every if sample else 1
    if jobs == 1 or not group.count or sample:
        return _run(name, 0, None, step)
    found: dict[str, Outcome] = {}
    with ProcessPoolExecutor(jobs) as pool:
        starts = range(0, group.count, _CHUNK)
        for part in pool.map(partial(_run, name), starts, [start + _CHUNK for start in starts]):
            found |= part
    return found


def _run(name: str, first: int, last: int | None, step: int = 1) -> dict[str, Outcome]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {case.name: outcome(case) for case in GROUPS[name].cases(first, last, step)}
