"""The subcommands, and what is the same for all: errors in one line, exit statuses, Ctrl-C."""

from __future__ import annotations

import argparse
import os
import re
import sys
import traceback
from collections.abc import Sequence

from absnormal import __version__
from absnormal.cli import check, recheck, search, slopes, sweep, trace
from absnormal.cli.output import BAD, INTERRUPTED, UNREAD
from absnormal.report.raised import in_one_line

COMMANDS = {module.__name__.rpartition(".")[2]: module for module in (check, sweep, search, recheck, trace, slopes)}
#: Options whose value may start with a minus.
_SIGNED = ("--at", "--slope", "--gradient")
#: What every command is about.
_WORDS = """\
Where a function is smooth, its gradient is its only Clarke generalized gradient.  At a kink of relu, max or abs the
Clarke generalized gradients are the limits of the gradients at points nearby, and all weighted averages of these."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status.

    >>> main(["check", "absnormal.gallery:rosenbrock"])  # doctest: +ELLIPSIS
    CLARKE: proved: the gradient is an element of the Clarke generalized gradient
    ...
    0
    """
    arguments = _parser().parse_args(_joined(sys.argv[1:] if argv is None else argv))
    try:
        return int(COMMANDS[arguments.command].run(arguments))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough: `absnormal ... | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD
    except BaseException as error:
        # The user's own code may raise anything, SystemExit too, which must not pass for a verdict: one line, and the
        # traceback when asked for.
        if arguments.traceback:
            traceback.print_exc()
        else:
            print(f"absnormal: {in_one_line(error)}", file=sys.stderr)
        return BAD


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="absnormal",
        description=f"Is the gradient that an AD tool returns at a kink a Clarke generalized gradient?\n\n{_WORDS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"absnormal {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, module in COMMANDS.items():
        command = commands.add_parser(
            name, help=module.HELP, description=f"{module.HELP}\n\n{_WORDS}", epilog=module.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.arguments(command)
        command.add_argument("--traceback", action="store_true", help="show the traceback of an error")
    return parser


def _joined(argv: Sequence[str]) -> list[str]:
    """`--at -1,0` as `--at=-1,0`: argparse takes the value for an option otherwise."""
    result: list[str] = []
    for word in argv:
        if result and result[-1] in _SIGNED and re.match(r"-[\d.]", word):
            result[-1] += f"={word}"
        else:
            result.append(word)
    return result
