"""Rules that a user registers for operations of torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from absnormal.arrays import Array
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.own_rules import OwnRule
from absnormal.frontends.torch.arguments import reading
from absnormal.frontends.torch.rules import RULES
from absnormal.frontends.torch.steps import unit_of
from absnormal.frontends.torch.values import array
from absnormal.frontends.torch.writer import Arg, Writer, here


def register(operation: Any, f: Callable[..., Any]) -> None:
    """Follow an operation as f, which takes all of its arguments, by position and by name as torch passes them.

    Raises
    ------
    ValueError
        where the operation has a rule, or torch has no such operation
    """
    name = _name(operation)
    if name in RULES:
        raise ValueError(f"the operation {name} has a rule")
    own = OwnRule("torch", f)

    def rule(w: Writer, *args: Any, **kwargs: Any) -> int:
        if any(isinstance(value, Arg) and value.varied for value in kwargs.values()):
            w.refuse("is given a variable by name", "give it by position")
        write = w.entrywise
        held = [_held(write.builder, arg) for arg in args]
        named = {key: _held(write.builder, value) for key, value in kwargs.items()}

        def compute(values: Sequence[Any]) -> Array:
            given = [torch.as_tensor(value).to(arg.here) if isinstance(arg, Arg) else arg
                     for value, arg in zip(values, args, strict=True)]
            with torch.no_grad():
                return array(w.record.func(*given, **here(kwargs))).astype(float)

        return own(write, held, named, compute, unit_of(w.record) or float(np.finfo(float).eps)).index

    RULES[name] = rule
    reading.cache_clear()


def _held(builder: Any, arg: Any) -> Any:
    """An argument as f gets it."""
    if isinstance(arg, Arg):
        return TracedArray(builder, arg.node) if arg.varied else arg.array
    return arg


def _name(operation: Any) -> str:
    """What an operation is called on the tape.

    ``operation`` is its name, "aten::erfinv" or "mine::warp", a function of torch, or one of `torch.library.custom_op`.
    """
    given = operation if isinstance(operation, str) else getattr(operation, "_qualname", None) or operation.__name__
    library, _, name = given.rpartition("::")
    library = library or "aten"
    if not hasattr(getattr(torch.ops, library), name):
        raise ValueError(f"torch has no operation {library}::{name}")
    if library != "aten":
        return f"{library}::{name}"
    # torch.special.erfinv is erfinv under another name, torch.special.i1 is an operation of its own.
    alias = torch._C._dispatch_has_kernel_for_dispatch_key(f"aten::{name}", "CompositeImplicitAutograd")
    return name.removeprefix("special_") if alias else name
