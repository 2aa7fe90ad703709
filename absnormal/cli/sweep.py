"""`absnormal sweep`: verdicts at many points, as a stream that can be stopped and continued."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from typing import Any

from absnormal.batch import stream
from absnormal.cli.output import EXIT, Finding, options, progress, verdict_options, workers, write
from absnormal.cli.streams import check_writable
from absnormal.cli.targets import Rows, load
from absnormal.report.plain import number
from absnormal.report.record import Record

HELP = "verdicts at many points"
EXAMPLES = """\
examples:
  absnormal sweep package.module:loss --points points.npy
  absnormal sweep package.module:loss --points parameters.npz --jobs 2 --records run.jsonl
  absnormal sweep package.module:loss --points points.npy --kinks --slope torch

The same command continues a run that was stopped when its --records are there.  The file is bound to the target, its
code and the values that it holds, the options and the points: with an edited function, or another one, it is refused.
""" + EXIT


def arguments(command: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    command.add_argument("target", help="module:function or path/to/file.py:function")
    command.add_argument(
        "--points", required=True, help="a .npy file with one point a row, or a .npz file with an array for each name"
    )
    command.add_argument("--jobs", type=int, default=1, help="processes")
    command.add_argument("--chunk", type=int, default=64, help="points that are judged together")
    command.add_argument("--records", metavar="FILE", help="a JSON Lines file that grows with every record")
    command.add_argument("--kinks", action="store_true", help="also go to the kinks between each point and the next")
    verdict_options(command)


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    check_writable("--records", arguments.records)
    try:
        return write(_findings(arguments), arguments)
    except BrokenExecutor as error:
        again = ": the same command continues" if arguments.records else "; with --records the run can be continued"
        raise ValueError(f"a worker process died{again}") from error


def _findings(arguments: argparse.Namespace) -> Iterator[Finding]:
    target, points = load(arguments.target), Rows(arguments.points, arguments.framework)
    with workers(arguments.jobs, arguments.framework) as map_:
        records = stream.sweep(
            target, points, map=map_, chunk=arguments.chunk, kinks=arguments.kinks, file=arguments.records,
            on_progress=progress, **options(arguments, target),
        )
        for record in records:
            yield _name(arguments.target, record), record, None


def _name(target: Any, record: Record) -> str:
    return f"{target} at point {record.index}" + ("" if record.t is None else f", kink at t = {number(record.t)}")
