"""Where a report goes, and where everything else goes that user code prints meanwhile."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress
from pathlib import Path
from typing import IO

_OUT, _ERR = 1, 2


def check_writable(option: str, path: str | None) -> None:
    """Raise unless a file can be written to; one that is there is left as it is, one that is not is not made.

    Raises
    ------
    ValueError
        naming the option, the file and the reason
    """
    if path is None:
        return
    place = Path(path)
    try:
        new = not place.exists()
        if new or place.is_file() or place.is_dir():
            place.open("ab").close()
        if new:
            place.unlink()
    except OSError as error:
        raise _unwritable(option, path, error) from error


@contextmanager
def reporting(form: str, path: str | None) -> Iterator[IO[str]]:
    """The stream of a report: the file, or standard output.

    Under a format for machines nothing else comes to standard output: what Python code, C code and worker processes
    print goes to standard error.
    """
    with nullcontext(sys.stdout) if form == "text" else _apart() as own, _file(path) as file:
        yield own if file is None else file


@contextmanager
def _file(path: str | None) -> Iterator[IO[str] | None]:
    if path is None:
        yield None
        return
    try:
        out = open(path, "w", encoding="utf-8")  # noqa: SIM115 - closed below
    except OSError as error:
        raise _unwritable("--output", path, error) from error
    with out:
        yield out


@contextmanager
def _apart() -> Iterator[IO[str]]:
    """Standard output as a stream of its own, while what is printed goes to standard error."""
    out = sys.stdout
    with redirect_stdout(sys.stderr):
        if not _is_standard(out):
            yield out
            return
        out.flush()
        kept = os.dup(_OUT)
        _point_to_errors()
        try:
            with open(os.dup(kept), "w", encoding=out.encoding, errors=out.errors) as own:
                yield own
        finally:
            out.flush()
            _flush_c()
            os.dup2(kept, _OUT)
            os.close(kept)


def _is_standard(out: IO[str]) -> bool:
    """Whether a stream is the process's own standard output; a test or a notebook may have put another in its place."""
    try:
        return out.fileno() == _OUT
    except (AttributeError, OSError, ValueError):
        return False


def _point_to_errors() -> None:
    try:
        os.dup2(_ERR, _OUT)
    except OSError:  # standard error is closed
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, _OUT)
        os.close(nowhere)


def _flush_c() -> None:
    """Write out what C code has printed, while it still goes to standard error."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).fflush(None)


def _unwritable(option: str, path: str, error: OSError) -> ValueError:
    return ValueError(f"{option} {path} cannot be written: {error.strerror}")
