"""If, Loop and Scan: the branch that is taken, and the steps that are made, at the point.

A condition or a number of steps that depends on the variables is followed where nothing is tied, and kept as a guard.
Where the condition of an If is tied, and its branches meet, the result has a kink.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal.frontends.numpy.masks import TracedMask, concrete
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.onnx.rule import attributes_of

if TYPE_CHECKING:
    from absnormal.frontends.onnx.interpret import Interpreter

Scope = MutableMapping[str, Any]


def _true(condition: Any) -> bool:
    return bool(np.reshape(concrete(condition), -1)[0])


def _stacked(run: Interpreter, rows: list[Any], axis: int, graph: Any, place: int) -> Any:
    """What was collected step by step, along a new axis."""
    if not rows:
        name = graph.output[place].name
        run.writer.refuse(f"makes no step, so that the shape of its output {name} is open", "give at least one step")
    if any(isinstance(row, TracedArray) for row in rows):
        return np.stack([run.writer.array(row) for row in rows], axis)
    return np.stack(rows, axis)


def branch(run: Interpreter, node: Any, inputs: list[Any], known: Scope) -> list[Any]:
    """If: the branch that is taken; at a tie both, and a kink between their results."""
    attributes, condition = attributes_of(node), inputs[0]
    if isinstance(condition, TracedMask) and np.any(condition.tied):
        sides = [run.inner(attributes[name], known, {}) for name in ("then_branch", "else_branch")]
        pairs = list(zip(*sides, strict=True))
        if all(np.shape(yes) == np.shape(no) and not isinstance(yes, TracedMask) for yes, no in pairs):
            mask: Any = condition.moved(lambda u: np.reshape(u, ()))  # type: ignore[call-overload]
            return [np.where(mask, yes, no) for yes, no in pairs]
    chosen = attributes["then_branch" if _true(condition) else "else_branch"]
    return run.inner(chosen, known, {})


def loop(run: Interpreter, node: Any, inputs: list[Any], known: Scope) -> list[Any]:
    """Loop: a number of steps, a condition, or both."""
    body = attributes_of(node)["body"]
    names = [item.name for item in body.input]
    count, condition, *state = [*inputs, None, None][: max(2, len(inputs))]
    steps = None if count is None else int(np.reshape(count, -1)[0])
    collected: list[list[Any]] = [[] for _ in body.output[1 + len(state) :]]
    going, step = condition is None or _true(condition), 0
    while going and (steps is None or step < steps):
        given = [np.array(step, dtype=np.int64), np.array(True), *state]
        results = run.inner(body, known, dict(zip(names, given, strict=True)))
        going = _true(results[0])
        state = results[1 : 1 + len(state)]
        for rows, value in zip(collected, results[1 + len(state) :], strict=True):
            rows.append(value)
        step += 1
    first = 1 + len(state)
    return [*state, *(_stacked(run, rows, 0, body, first + i) for i, rows in enumerate(collected))]


def scan(run: Interpreter, node: Any, inputs: list[Any], known: Scope) -> list[Any]:
    """Scan: one step for each entry of the last inputs."""
    attributes = attributes_of(node)
    body, count = attributes["body"], attributes["num_scan_inputs"]
    names = [item.name for item in body.input]
    state, scanned = inputs[: len(inputs) - count], inputs[len(inputs) - count :]
    outputs = len(body.output) - len(state)
    axes = attributes.get("scan_input_axes") or [0] * count
    backward = attributes.get("scan_input_directions") or [0] * count
    out_axes = attributes.get("scan_output_axes") or [0] * outputs
    out_backward = attributes.get("scan_output_directions") or [0] * outputs
    rows = [np.moveaxis(u, axis, 0) for u, axis in zip(scanned, axes, strict=True)]
    rows = [u[::-1] if flipped else u for u, flipped in zip(rows, backward, strict=True)]
    collected: list[list[Any]] = [[] for _ in range(outputs)]
    for step in range(np.shape(rows[0])[0]):
        given = [*state, *(u[step] for u in rows)]
        results = run.inner(body, known, dict(zip(names, given, strict=True)))
        state = results[: len(state)]
        for made, value in zip(collected, results[len(state) :], strict=True):
            made.append(value)
    collected = [made[::-1] if flipped else made for made, flipped in zip(collected, out_backward, strict=True)]
    first = len(state)
    stacked = (_stacked(run, made, axis, body, first + i) for i, (made, axis) in
               enumerate(zip(collected, out_axes, strict=True)))
    return [*state, *stacked]


CONTROL: dict[str, Callable[..., list[Any]]] = {"If": branch, "Loop": loop, "Scan": scan}
