"""Records in a JSON Lines file that grows as they come and is continued after a stop at any moment."""

from __future__ import annotations

import errno
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

from absnormal.report.record import Record

_NAME = "absnormal sweep"
_FORM = 2
_FIX = "name another file, or delete this one to judge all points again"


class RecordsFile:
    """A head line that says what the records were made of, then a line a record; those of one point come together.

    A line that was cut off, the first one too, and records of kinks whose point did not come any more, are dropped when
    the file is continued.

    Parameters
    ----------
    path
        of the file; it is begun where it is not there, or is empty
    head
        what the records are made of: the "target", its "files" and "code" as digests, the "options", the "version" of
        the package

    Raises
    ------
    ValueError
        for a file of another kind, for one that was made of something else, and for one that another process writes
    OSError
        where the file cannot be written, as on a full disk; with its name
    """

    def __init__(self, path: str, head: Mapping[str, Any]) -> None:
        self.path = path
        first = {_NAME: _FORM, **json.loads(json.dumps(head))}
        # Opened for appending, so that two processes that begin at once do not empty each other's file.
        open(path, "ab").close()
        self._file = open(path, "r+b", buffering=0)  # noqa: SIM115 - closed by `close`
        try:
            self._begin(first)
        except BaseException:
            self.close()
            raise

    def _begin(self, first: Mapping[str, Any]) -> None:
        """Write the head line, or compare it, as the only process that does."""
        if _written_elsewhere(self._file):
            raise ValueError(f"{self.path} is being written by another process: wait for it, or name another file")
        head, line = json.dumps(first) + "\n", self._file.readline()
        if not line.endswith(b"\n") and head.encode().startswith(line):
            self._file.seek(0)
            self._write(head)
            return
        found = _parsed(line)
        if not isinstance(found, dict) or _NAME not in found:
            raise ValueError(f"{self.path} does not begin with a line that says what its records were made of: {_FIX}")
        if found != first:
            raise ValueError(f"{self.path} was made with {_differences(found, first)}: {_FIX}")

    def groups(self) -> Iterator[list[Record]]:
        """The finished records, point by point, as long as lines are whole; then the file ends there."""
        group: list[Record] = []
        end = place = self._file.tell()
        # Another open file would, when it is closed, give up the lock of this process.
        lines = io.BufferedReader(self._file)
        try:
            while (line := lines.readline()).endswith(b"\n"):
                values = _parsed(line)
                if not isinstance(values, dict):
                    break
                place += len(line)
                group.append(Record.from_dict(values))
                if group[-1].t is None:
                    end = place
                    yield group
                    group = []
        finally:
            lines.detach()
        self._file.seek(end)
        self._file.truncate()

    def append(self, records: Sequence[Record]) -> None:
        """Write the records of a point, at once."""
        self._write("".join(json.dumps(record.to_dict()) + "\n" for record in records))

    def _write(self, lines: str) -> None:
        """Write at once; where there is no room for all of it, a line that is cut off is left, as after a stop."""
        rest = memoryview(lines.encode())
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise OSError(error.errno, error.strerror, self.path) from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _written_elsewhere(file: IO[bytes]) -> bool:
    """Whether another process writes the file; from now on this one does, where the system knows locks."""
    try:
        import fcntl
    except ImportError:
        return False
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in (errno.EACCES, errno.EAGAIN)
    return False


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """The first thing in which two heads differ."""
    if found[_NAME] != wanted[_NAME]:
        return "another version of absnormal, which did not note the function"
    for key in ("target", "options", "version"):
        if found.get(key) != wanted[key]:
            kind = {"target": "", "options": "the options ", "version": "version "}[key]
            was, now = (_said(value) for value in (found.get(key), wanted[key]))
            return f"{kind}{was}, not {now}"
    target, files = wanted["target"], {**wanted["files"], **found.get("files", {})}
    edited = [f"module {name}" for name in files if found.get("files", {}).get(name) != wanted["files"].get(name)]
    if edited:
        return f"{target} before {', '.join(edited)} {'was' if len(edited) == 1 else 'were'} edited"
    return f"{target} with other code, or with other values that it holds"


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
