"""Records in a JSON Lines file that grows as they come and is continued after a stop at any moment."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

from absnormal.report.record import Record

_NAME = "absnormal sweep"
_FORM = 1


class RecordsFile:
    """A head line that says how the records were made, then a line a record; those of one point come together.

    A line that was cut off, and records of kinks whose point did not come any more, are dropped when the file is
    continued.

    Raises
    ------
    ValueError
        for a file of another kind, or one made with other options
    """

    def __init__(self, path: str, head: dict[str, Any]) -> None:
        self.path = path
        first = {_NAME: _FORM, **json.loads(json.dumps(head))}
        if not os.path.exists(path) or not os.path.getsize(path):
            with open(path, "w", encoding="utf-8") as file:
                file.write(json.dumps(first) + "\n")
        with open(path, encoding="utf-8") as file:
            found = _parsed(file.readline())
        if not isinstance(found, dict) or _NAME not in found:
            raise ValueError(f"{path} is not a file of records of a sweep: name another file")
        if found != first:
            raise ValueError(f"{path} was made with {_options(found)}, not {_options(first)}: name another file")
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


def _parsed(line: str | bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _options(head: dict[str, Any]) -> str:
    return json.dumps({key: value for key, value in head.items() if key != _NAME})
