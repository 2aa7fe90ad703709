"""`absnormal trace`: the abs-only form of a function, one operation a line."""

from __future__ import annotations

import argparse

from absnormal.cli.targets import load, numbers
from absnormal.verify import trace

HELP = "print the abs-only form of a function at a point"
EXAMPLES = """\
examples:
  absnormal trace absnormal.gallery:identity
  absnormal trace package.module:loss --at "0, 0"
"""


def arguments(command: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    command.add_argument("target", help="module:function or path/to/file.py:function")
    command.add_argument("--at", metavar="POINT", help="the point, written as for check")


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    target = load(arguments.target)
    at = getattr(target, "point", None) if arguments.at is None else numbers(arguments.at)
    if at is None:
        raise ValueError('--at is missing: give the point, for example --at "0, 0"')
    print(trace(target, at))
    return 0
