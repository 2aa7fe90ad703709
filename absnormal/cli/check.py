"""`absnormal check`: a verdict on a function at a point, or at the points of a file."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from absnormal.cli import sweep
from absnormal.cli.output import EXIT, Finding, options, verdict_options, write
from absnormal.cli.streams import check_writable
from absnormal.cli.targets import load_at, numbers
from absnormal.report.record import record
from absnormal.report.report import Report
from absnormal.verify import verify

HELP = "a verdict on a function at a point"
EXAMPLES = """\
examples:
  absnormal check absnormal.gallery:identity
  absnormal check package.module:loss --at "0, 0" --slope torch
  absnormal check path/to/file.py:loss --at "1/10, 0" --slope -1
  absnormal check package.module:loss --at point.npy --gradient gradient.npy
  absnormal check package.module:loss --at "0, 0" --certificate proof.json && absnormal recheck proof.json
  absnormal check package.module:loss --points points.npy --jobs 2 --format github
  absnormal check package.module:loss --at "0, 0" --format sarif --output clarke.sarif
""" + EXIT


def arguments(command: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    command.add_argument("target", help="module:function, path/to/file.py:function, or path/to/model.onnx")
    command.add_argument(
        "--at", metavar="POINT",
        help='numbers or fractions "0, 1/10", JSON (a dict for named arrays), or a .npy file; a fraction is'
        " exact, and makes the check --exact; an example of absnormal.gallery brings its own point",
    )
    command.add_argument("--points", help="a .npy or .npz file with one point a row, instead of --at")
    command.add_argument("--jobs", type=int, default=1, help="processes for --points")
    command.add_argument("--gradient", help="a vector from any tool to be judged as it is, written like POINT")
    command.add_argument("--certificate", metavar="FILE", help="write the certificate of the verdict, JSON, there")
    verdict_options(command)


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    if arguments.points is not None:
        if any(given is not None for given in (arguments.at, arguments.gradient, arguments.certificate)):
            raise ValueError("--points takes no --at, no --gradient and no --certificate")
        return sweep.run(argparse.Namespace(**{**vars(arguments), "kinks": False, "records": None, "chunk": 64}))
    check_writable("--certificate", arguments.certificate)
    return write(_finding(arguments), arguments)


def _finding(arguments: argparse.Namespace) -> Iterator[Finding]:
    target, at = load_at(arguments.target, arguments.at, arguments.framework)
    given = None if arguments.gradient is None else numbers(arguments.gradient)
    report = verify(target, at, gradient=given, **options(arguments, target))
    if arguments.certificate is not None:
        _write_certificate(report, Path(arguments.certificate))
    yield arguments.target + ("" if arguments.at is None else f" at {arguments.at}"), record(report), report


def _write_certificate(report: Report, place: Path) -> None:
    if report.certificate is None:
        print("absnormal: UNDECIDED has no certificate: nothing was written", file=sys.stderr)
        return
    place.write_text(report.certificate.to_json() + "\n", encoding="utf-8")
