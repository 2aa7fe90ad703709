"""Conditions that code only checks: where one fails it raises, and computes nothing else."""

from __future__ import annotations

import ast
import dis
import functools
import linecache
from collections.abc import Callable
from types import FrameType

#: What a reader is told of such a condition, which is tied.
RAISES = "f raises next to this point, by its check at {}: judged as without the check"


def only_checked(frame: FrameType | None, is_user: Callable[[str], bool], end: str) -> bool:
    """Whether the user's innermost line is the condition of an ``assert``, or of an ``if`` that does nothing but raise.

    Nothing may catch what is raised up to the frame of the name ``end``, which calls the user's function.
    """
    while frame is not None and not is_user(frame.f_code.co_filename):
        frame = frame.f_back
    if frame is None or frame.f_lineno not in _checked(frame.f_code.co_filename):
        return False
    while frame is not None and frame.f_code.co_name != end:
        if is_user(frame.f_code.co_filename) and _may_catch(frame):
            return False
        frame = frame.f_back
    return True


def _may_catch(frame: FrameType) -> bool:
    """Whether a frame is within a ``try`` or a ``with``."""
    table = dis._parse_exception_table(frame.f_code)  # type: ignore[attr-defined]
    return any(entry.start <= frame.f_lasti < entry.end for entry in table)


@functools.lru_cache(maxsize=256)
def _checked(file: str) -> frozenset[int]:
    """The lines of a file that hold such conditions and no other statement."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError):
        return frozenset()
    found: set[int] = set()
    others: set[int] = set()
    raised: set[ast.stmt] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert) or (isinstance(node, ast.If) and _only_raises(node)):
            raised.update(node.body if isinstance(node, ast.If) else ())
            # A name that is given there may be used elsewhere.
            given = any(isinstance(part, ast.NamedExpr) for part in ast.walk(node.test))
            (others if given else found).update(_lines(node.test))
        elif isinstance(node, ast.stmt) and not hasattr(node, "body") and node not in raised:
            others.update(_lines(node))
    return frozenset(found - others)


def _only_raises(node: ast.If) -> bool:
    return not node.orelse and all(isinstance(one, ast.Raise) for one in node.body)


def _lines(node: ast.expr | ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)
