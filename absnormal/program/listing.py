"""A program as text: one operation a line, kinks in their abs-only form, with the user's line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal.ops import TABLE

if TYPE_CHECKING:
    from absnormal.program.nodes import Node
    from absnormal.program.program import Program

_WIDTH = 68


def listing(program: Program) -> str:
    """The whole program."""
    head = f"program: n = {program.n} variables, s = {program.s} switches, m = {program.m} outputs"
    lines = [head, *(line(program, index) for index in range(len(program.nodes)))]
    lines += [f"guard: {guard(program, index)}" for index in range(len(program.guards))]
    lines.append(f"y = v{program.output}")
    return "\n".join(lines)


def around(program: Program, index: int) -> str:
    """The lines around one, which is marked."""
    low, high = max(0, index - 3), min(len(program.nodes), index + 4)
    return "\n".join(("> " if i == index else "  ") + line(program, i) for i in range(low, high))


def line(program: Program, index: int) -> str:
    """One line."""
    node = program.nodes[index]
    text = f"v{index} = {formula(node)}"
    if node.shape:
        text += "  : " + " x ".join(map(str, node.shape))
    notes = []
    if node.switch >= 0:
        notes.append(owned(node))
    if node.source is not None:
        notes.append(f"{node.operation} at {node.source}" if node.operation else str(node.source))
    return f"{text:<{_WIDTH}}  # {', '.join(notes)}" if notes else text


def owned(node: Node) -> str:
    """The switching variables of a node: "z0", "z0..z2"; empty where it has none."""
    if node.switch < 0:
        return ""
    last = node.switch + node.switches - 1
    return f"z{node.switch}" if last == node.switch else f"z{node.switch}..z{last}"


def formula(node: Node) -> str:
    """The right-hand side, in smooth operations and |.| only."""
    names = [f"v{arg}" for arg in node.args]
    fields: dict[str, Any] = {key: _short(value) for key, value in node.params.items()}
    fields["all"] = ", ".join(names)
    fields["pm"] = "+" if node.params.get("sign", 1) > 0 else "-"
    row = TABLE.get(node.op)
    show = node.op + "({all})" if row is None else row.show if row.kink is None else row.kink.shown(node.params)
    return show.format(*names, **fields)


def guard(program: Program, index: int) -> str:
    """A branch that was followed."""
    own = program.guards[index]
    outcome = _short(np.asarray(own.outcome))
    return f"v{own.left} {own.relation} v{own.right} is {outcome} ({own.operation} at {own.source})"


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        if value.ndim == 0:
            return repr(value.item())
        if value.size <= 6:
            return repr(value.tolist())
        return f"<{value.dtype} array {' x '.join(map(str, value.shape))}>"
    if isinstance(value, tuple) and any(isinstance(item, slice) or item is Ellipsis for item in value):
        return ", ".join(map(_key, value))
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) if value else "()"
    return str(value)


def _key(item: Any) -> str:
    if isinstance(item, slice):
        parts = ["" if part is None else str(part) for part in (item.start, item.stop)]
        return ":".join(parts) + ("" if item.step is None else f":{item.step}")
    return "..." if item is Ellipsis else str(item)
