"""What was raised, in one line: the package's own words, or the line of the user's code and its error."""

from __future__ import annotations

import os
import sysconfig
import traceback
from pathlib import Path

from absnormal.errors import AbsNormalError
from absnormal.program.nodes import Source

_OURS = str(Path(__file__).parents[1]) + os.sep
#: The examples of the package stand for a user's code.
_USER_INSIDE = _OURS + "gallery" + os.sep
_STANDARD = tuple(sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib"))
_INSTALLED = ("site-packages", "dist-packages")
_LEFT = "the code ended the program instead of returning; end it only under if __name__ == \"__main__\""


def raised_at(error: BaseException) -> Source | None:
    """The innermost line of the user's code that an error went through, or that its cause went through."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        for frame in reversed(traceback.extract_tb(current.__traceback__)):
            if is_users(frame.filename) and frame.lineno is not None:
                return Source(frame.filename, frame.lineno)
        current = current.__cause__
    return None


def is_users(file: str) -> bool:
    """Whether a file is neither of this package nor of Python, and was not installed.

    >>> is_users("/home/me/project/model.py"), is_users(os.__file__), is_users(__file__)
    (True, False, False)
    """
    if file.startswith(_OURS):
        return file.startswith(_USER_INSIDE)
    if file.startswith("<") or any(name in Path(file).parts for name in _INSTALLED):
        return False
    return not file.startswith(_STANDARD)


def in_one_line(error: BaseException) -> str:
    """An error in one line, with the user's line where it was raised in the user's code.

    What the package raised on purpose names the operation and the line itself.

    >>> in_one_line(ValueError("--jobs must be\\nat least 1"))
    '--jobs must be at least 1'
    >>> in_one_line(ZeroDivisionError("division by zero"))
    'ZeroDivisionError: division by zero'
    >>> in_one_line(OSError(28, "No space left on device", "run.jsonl"))
    'run.jsonl: No space left on device'
    """
    said, place = _words(error), raised_at(error)
    if isinstance(error, AbsNormalError):
        known = place is None or getattr(error, "source", None) is not None
        return said if known else f"{said} ({place})"
    if isinstance(error, OSError) and place is None and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, SystemExit):
        said = f"{said}: {_LEFT}" if said else _LEFT
    elif place is None and said and isinstance(error, (ValueError, ImportError)):
        return said
    return f"{type(error).__name__}{'' if place is None else f' at {place}'}{f': {said}' if said else ''}"


def _words(error: BaseException) -> str:
    try:
        return " ".join(str(error).split())
    except Exception:  # an error of the user's that cannot say itself
        return ""
