"""Records in a JSON Lines file that grows as they come and is continued after a stop at any moment."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from absnormal.report.record import Record

_NAME = "absnormal sweep"
_FORM = 2
_FIX = "name another file, or delete this one to judge all points again"


class RecordsFile:
    """A head line that says what the records were made of, then a line a record; those of one point come together.

    A line that was cut off, and records of kinks whose point did not come any more, are dropped when the file is
    continued.

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
        for a file of another kind, and for one that was made of something else
    """

    def __init__(self, path: str, head: Mapping[str, Any]) -> None:
        self.path = path
        first = {_NAME: _FORM, **json.loads(json.dumps(head))}
        if not os.path.exists(path) or not os.path.getsize(path):
            with open(path, "w", encoding="utf-8") as file:
                file.write(json.dumps(first) + "\n")
        with open(path, "rb") as file:
            found = _parsed(file.readline())
        if not isinstance(found, dict) or _NAME not in found:
            raise ValueError(f"{path} does not begin with a line that says what its records were made of: {_FIX}")
        if found != first:
            raise ValueError(f"{path} was made with {_differences(found, first)}: {_FIX}")
        self._file = open(path, "r+b")  # noqa: SIM115 - closed by `close`
        self._file.readline()

    def groups(self) -> Iterator[list[Record]]:
        """The finished records, point by point, as long as lines are whole; then the file ends there."""
        group: list[Record] = []
        end = self._file.tell()
        while (line := self._file.readline()).endswith(b"\n"):
            values = _parsed(line)
            if not isinstance(values, dict):
                break
            group.append(Record.from_dict(values))
            if group[-1].t is None:
                end = self._file.tell()
                yield group
                group = []
        self._file.seek(end)
        self._file.truncate()

    def append(self, records: Sequence[Record]) -> None:
        """Write the records of a point, at once."""
        lines = "".join(json.dumps(record.to_dict()) + "\n" for record in records)
        self._file.write(lines.encode())
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


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
