"""`absnormal trace`: the abs-only form of a function, one operation a line."""

from __future__ import annotations

import argparse

from absnormal.cli.targets import load_at
from absnormal.program.program import Program
from absnormal.verify import trace

HELP = "print the abs-only form of a function at a point"
EXAMPLES = """\
examples:
  absnormal trace absnormal.gallery:identity
  absnormal trace package.module:loss --at "0, 0"
  absnormal trace path/to/model.onnx --at input.npy
"""


def arguments(command: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    command.add_argument("target", help="module:function, path/to/file.py:function, or path/to/model.onnx")
    command.add_argument("--at", metavar="POINT", help="the point, written as for check")


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    target, at = load_at(arguments.target, arguments.at)
    print(target if isinstance(target, Program) else trace(target, at))
    return 0
