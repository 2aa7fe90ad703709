"""`absnormal search`: goes from random points to kinks and judges the gradients of all tools there."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from absnormal.batch.verdicts import written
from absnormal.cli.output import EXIT, Finding, format_option, framework_option, write
from absnormal.cli.targets import load, numbers, slope
from absnormal.frontends.points import made
from absnormal.kinks.search import SLOPES, Found, search
from absnormal.report.history import ORDER
from absnormal.report.plain import number, tree
from absnormal.report.record import Record

HELP = "go to the kinks of a function and look for wrong gradients there"
EXAMPLES = """\
examples:
  absnormal search package.module:loss --shape 3
  absnormal search package.module:loss --at point.npy --radius 0.1 --trials 1000
  absnormal search package.module:loss --shape 2,4 --slope torch --slope -1

Without --slope the ties of every tool are tried, and relu'(0) = 0 and 1 (slopes -1 and 1).
""" + EXIT


def arguments(command: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    command.add_argument("target", help="module:function or path/to/file.py:function")
    command.add_argument("--at", metavar="POINT", help="the middle of the search, written as for check")
    command.add_argument("--shape", help="the shape of the argument, for example 3 or 2,4; the middle is 0")
    command.add_argument("--radius", type=float, default=1.0, help="by how much random points differ from the middle")
    command.add_argument("--trials", type=int, default=100, help="random segments that are followed")
    command.add_argument("--seed", type=int, default=0, help="of the random points")
    command.add_argument("--slope", action="append", help="what a tool does at ties, as for check; may be repeated")
    framework_option(command)
    format_option(command)


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    return write(_findings(arguments), arguments)


def _findings(arguments: argparse.Namespace) -> Iterator[Finding]:
    target = load(arguments.target)
    if not (np.isfinite(arguments.radius) and arguments.radius > 0):
        raise ValueError(f"--radius must be a number > 0, got {arguments.radius}")
    if arguments.trials < 1:
        raise ValueError(f"--trials must be at least 1, got {arguments.trials}")
    if arguments.seed < 0:
        raise ValueError(f"--seed must be at least 0, got {arguments.seed}")
    slopes = SLOPES if arguments.slope is None else tuple(map(slope, arguments.slope))
    middle = made(arguments.framework, _middle(arguments, target))
    found = search(target, middle, radius=arguments.radius, trials=arguments.trials, seed=arguments.seed, slopes=slopes)
    for one in found:
        record = replace(_merged(one, slopes), x=written(one.x))
        yield f"{arguments.target} at {'; '.join(tree(one.x))}", record, None


def _middle(arguments: argparse.Namespace, target: Any) -> Any:
    if arguments.at is not None and arguments.shape is not None:
        raise ValueError("give --at or --shape, not both")
    if arguments.at is not None:
        return numbers(arguments.at)
    if arguments.shape is not None:
        try:
            return np.zeros(tuple(int(size) for size in arguments.shape.split(",")))
        except ValueError as error:
            raise ValueError(f"--shape must be sizes such as 3 or 2,4, got {arguments.shape!r}") from error
    point = getattr(target, "point", None)
    if point is None:
        raise ValueError("--shape is missing: give the shape of the argument, for example --shape 3")
    return point


def _merged(found: Found, slopes: tuple[Any, ...]) -> Record:
    """One record: the worst verdict, with the slopes that have it."""
    worst = min(found.records, key=lambda record: (ORDER.index(record.verdict), -record.excess))
    if len(found.records) < len(slopes):
        return worst
    by: dict[str, list[str]] = {}
    for record, given in zip(found.records, slopes, strict=True):
        name = given if isinstance(given, str) else f"slope {number(given)}" if np.ndim(given) == 0 else "the slopes"
        by.setdefault(record.verdict, []).append(name)
    said = "; ".join(f"{verdict} with {', '.join(names)}" for verdict, names in by.items())
    return replace(worst, reason=f"{said}. {worst.reason}" if worst.reason else worst.reason)
