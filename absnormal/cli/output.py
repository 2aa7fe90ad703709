"""What commands that judge share: options of a verdict, the output format, progress, the exit status."""

from __future__ import annotations

import argparse
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import IO, Any

from absnormal import __version__
from absnormal.cli.streams import reporting
from absnormal.cli.targets import slope
from absnormal.frontends.points import MAKERS
from absnormal.report.formats import FORMATS, Writer
from absnormal.report.record import ERROR, Record
from absnormal.report.summary import Summary
from absnormal.report.verdict import Verdict

#: The worst verdict decides; the first that was met.
STATUS = {Verdict.NOT_CLARKE.name: 1, ERROR: 2, Verdict.UNDECIDED.name: 3}
BAD = 2
INTERRUPTED = 130
#: What a shell reports of a program that wrote to a pipe which nobody reads any more.
UNREAD = 141

#: How often a worker looks whether its parent is still there, where nothing else tells it, in seconds.
_LOOK = 1.0

EXIT = """
exit status: 0 CLARKE, 1 NOT_CLARKE, 2 bad usage, a function that cannot be analysed, raises or ends the program, or
nothing that could be judged (no point, no kink, a result that does not depend on x), 3 UNDECIDED, 130 after Ctrl-C,
141 when the output is read no further

Under --format json, junit, github and sarif everything that the function prints goes to standard error.
"""

#: A finding: its name, the record, the whole report where there is one.
Finding = tuple[str, Record, Any]


def verdict_options(command: argparse.ArgumentParser) -> None:
    """The options of `absnormal.verify`, and the output format."""
    command.add_argument(
        "--slope",
        help="what the tool takes for the derivative of |u| at u = 0, so that relu'(0) = (1 + SLOPE)/2: a number from"
        " -1 to 1, numbers (one a switch), or autograd, torch, jax or casadi for that tool's own choices; the default"
        " is autograd, and for functions of tensors or of JAX arrays the framework's own gradient",
    )
    framework_option(command)
    command.add_argument("--exact", action="store_true", help="rational arithmetic (piecewise-linear f)")
    command.add_argument("--atol", type=float, default=0.0, help="switches with |z| <= ATOL count as active")
    command.add_argument("--seed", type=int, default=0, help="of the direction of the certified gradient")
    format_option(command)


def framework_option(command: argparse.ArgumentParser) -> None:
    """What the function takes."""
    command.add_argument(
        "--framework", choices=list(MAKERS), default="",
        help="the function takes arrays of this framework; its own gradient is judged",
    )


def format_option(command: argparse.ArgumentParser) -> None:
    """How and where findings are written."""
    command.add_argument("--format", choices=list(FORMATS), default="text", help="how findings are written")
    command.add_argument("--output", metavar="FILE", help="write them into this file, not to standard output")


def options(arguments: argparse.Namespace, target: Any) -> dict[str, Any]:
    """The options of `absnormal.verify`; an example of the gallery brings its slope."""
    given = getattr(target, "slope", None) if arguments.slope is None else slope(arguments.slope)
    return {"slope": given, "exact": arguments.exact, "atol": arguments.atol, "seed": arguments.seed}


def write(findings: Iterable[Finding], arguments: argparse.Namespace) -> int:
    """Write all findings; the exit status.  After Ctrl-C, or an error on the way, the output is whole, too."""
    summary = Summary()
    with reporting(arguments.format, arguments.output) as out:
        _written(findings, FORMATS[arguments.format], out, summary)
    if summary.nothing and (arguments.format != "text" or summary.verdicts):
        print(f"absnormal: {summary.nothing}", file=sys.stderr)
    worst = next((status for verdict, status in STATUS.items() if summary.verdicts[verdict]), 0)
    return worst or (BAD if summary.nothing else 0)


def _written(findings: Iterable[Finding], form: type[Writer], out: IO[str], summary: Summary) -> None:
    writer, stopped = None, ""
    try:
        for name, record, report in findings:
            writer = form(out, __version__) if writer is None else writer
            with _whole():
                summary.add(record)
                writer.write(name, record, report)
        writer = form(out, __version__) if writer is None else writer
    except KeyboardInterrupt:
        stopped = "interrupted"
        raise
    except BaseException:
        stopped = "ended by an error"
        raise
    finally:
        if writer is not None:
            writer.end(summary, stopped)
            out.flush()


@contextmanager
def _whole() -> Iterator[None]:
    """Ctrl-C waits until this is written: half a finding would be counted, or left open."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler or (
        threading.current_thread() is not threading.main_thread()
    ):
        yield
        return
    came: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if came:
        raise KeyboardInterrupt


def progress(done: int, total: int | None) -> None:
    """A counter on standard error, on a terminal only."""
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r{done}{'' if total is None else f' of {total}'} points", end=end, file=sys.stderr, flush=True)


@contextmanager
def workers(jobs: int, framework: str = "") -> Iterator[Any]:
    """A ``map`` over this many processes; Ctrl-C stops them quietly, and they end with this process.

    Where a framework runs they are started afresh: a fork of its threads' locks would wait for ever.
    """
    if jobs < 1:
        raise ValueError(f"--jobs must be at least 1, got {jobs}")
    if jobs == 1:
        yield map
        return
    context = multiprocessing.get_context("spawn" if framework else None)
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin) as pool:
        try:
            yield pool.map
        finally:
            pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """What a worker does first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Leave as soon as the parent is gone, however it ended: its end of a pipe closes, or this process is adopted."""
    parent, before = multiprocessing.parent_process(), os.getppid()
    assert parent is not None
    while not multiprocessing.connection.wait([parent.sentinel], _LOOK) and os.getppid() == before:
        pass
    os._exit(BAD)
