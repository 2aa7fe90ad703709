"""What a call of NumPy's means to a rule: arguments by NumPy's names, and none that a rule leaves unread.

A call is bound to the signature of NumPy's own function.  A rule reads the parameters that it has under the same name,
and what it takes first in NumPy's place and order.  An argument that it does not read, given off its default, is an
error that names it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from absnormal.errors import TraceError
from absnormal.program.nodes import Source

#: Parameters that have to do with memory and speed alone: what they are makes no difference to the values.
IDLE = {
    "casting", "check_finite", "copy", "device", "driver", "kind", "lapack_driver", "optimize", "overwrite_a",
    "overwrite_ab", "overwrite_b", "overwrite_x", "plan", "stable", "subok", "workers", "writeable",
}  # fmt: skip
_FIXES = {
    "out": "assign to a new name", "where": "use np.where on the argument or the result", "dtype": "keep float64",
    "overwrite_input": "leave the argument as it is",
}

Parameter = inspect.Parameter


@dataclass(frozen=True)
class Plan:
    """How arguments go over: from a parameter of NumPy's to one of the rule's, or to its ``*args``.

    What is not in ``target`` is not read.
    """

    signature: inspect.Signature
    takes: Mapping[str, Parameter]
    target: Mapping[str, str]

    def has(self, kind: Any) -> bool:
        """Whether the rule has ``*args`` or ``**kwargs``."""
        return any(item.kind is kind for item in self.takes.values())


@functools.cache
def plan(function: Callable[..., Any], rule: Callable[..., Any]) -> Plan:
    """The plan for a function of NumPy's and its rule."""
    reads = inspect.signature(rule)
    try:
        has = inspect.signature(function)
    except ValueError:
        # Functions that NumPy wrote in C tell their signature in later versions only.
        has = reads
    own = Plan(has, reads.parameters, {})
    names = [item.name for item in own.takes.values() if item.kind is Parameter.POSITIONAL_OR_KEYWORD]
    target = {}
    for place, (name, item) in enumerate(own.signature.parameters.items()):
        if item.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
            continue
        if name in own.takes:
            target[name] = name
        elif item.default is Parameter.empty and place < len(names) and names[place] not in own.signature.parameters:
            target[name] = names[place]
        elif own.has(Parameter.VAR_KEYWORD) and name not in IDLE:
            target[name] = name
        elif own.has(Parameter.VAR_POSITIONAL) and item.kind is Parameter.POSITIONAL_ONLY:
            target[name] = ""
    return Plan(own.signature, own.takes, target)


def given(
    function: Callable[..., Any], rule: Callable[..., Any], operation: str, source: Source | None,
    args: Sequence[Any], kwargs: Mapping[str, Any],
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments for a rule, of a call that the user made of a function.

    Parameters
    ----------
    function
        NumPy's own, or the rule itself where NumPy's has no signature

    Raises
    ------
    TraceError
        for an argument that the rule does not read, off its default
    """
    own = plan(function, rule)
    try:
        known = own.signature.parameters
        bound = own.signature.bind(*args, **{
            name: value for name, value in kwargs.items() if name in known or not is_default(name, value)
        })
    except TypeError as error:
        raise TraceError(operation, str(error), "leave that argument out", source) from error
    more: list[Any] = []
    named: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        kind = known[name].kind
        if kind is Parameter.VAR_POSITIONAL:
            more.extend(value)
            continue
        for key, item in value.items() if kind is Parameter.VAR_KEYWORD else [(name, value)]:
            target = own.target.get(key)
            if target == "":
                more.append(item)
            elif item is np._NoValue:
                continue
            elif target is not None or (key not in known and own.has(Parameter.VAR_KEYWORD)):
                named[target or key] = item
            elif not is_default(key, item, known[key].default if key in known else Parameter.empty):
                fix = _FIXES.get(key, "leave that argument out")
                raise TraceError(operation, f"the argument {key}= is not supported", fix, source)
    first = []
    for name, parameter in own.takes.items():
        if parameter.kind is not Parameter.POSITIONAL_OR_KEYWORD or name not in named:
            break
        first.append(named.pop(name))
    return [*first, *more], named


@functools.cache
def _place_of_out(function: Any) -> tuple[int, tuple[str, ...]] | None:
    """Where a function of NumPy's takes out=, and the names from there on; None where it takes it by name only."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return None
    names = [name for name, item in parameters.items() if item.kind is not Parameter.KEYWORD_ONLY]
    return (names.index("out"), tuple(names[names.index("out") :])) if "out" in names else None


def with_out_by_name(function: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """Arguments in which out= is given by its name, as are those behind it."""
    found = _place_of_out(function)
    if found is None or len(args) <= found[0]:
        return args, kwargs
    place, names = found
    return args[:place], {**dict(zip(names, args[place:], strict=False)), **kwargs}


def is_default(name: str, value: Any, default: Any = Parameter.empty) -> bool:
    """Whether an argument is as good as left out."""
    if name == "where":
        return value is True or value is np._NoValue
    if name in IDLE or value is np._NoValue or value is None or value is default:
        return True
    if name == "dtype":
        try:
            return bool(np.dtype(value) == np.float64)
        except TypeError:
            return False
    if name == "order":
        # In which order entries lie in memory; rules that depend on it read it.
        return isinstance(value, str) and value in "CKA"
    plain = isinstance(value, (bool, int, float, str, tuple)) and type(value) is type(default)
    return plain and bool(value == default)
