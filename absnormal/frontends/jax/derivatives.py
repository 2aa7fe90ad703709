"""Whose derivative a custom rule is: JAX's own, or one that somebody else wrote.

The rules of JAX's own functions (jax.nn.relu, jnp.logaddexp) are formulas of the framework like those of its
primitives, and their slopes at kinks are probed.  A rule is JAX's own when the function and every Python function that
its rule is made of lie in JAX's package.  Rules in other libraries, flax, optax and equinox included, are written by
users of ``custom_jvp`` and ``custom_vjp`` as anybody's are: nothing but their own tests speaks for them, so they count
as foreign.  So does what cannot be classified.
"""

from __future__ import annotations

import functools
import importlib.util
import os
from collections.abc import Iterator
from types import CodeType, FunctionType, MethodType
from typing import Any

from absnormal._optional import require
from absnormal.frontends.user_line import is_user
from absnormal.program.nodes import Source

#: The parameters of custom_jvp_call and custom_vjp_call that hold derivative code.
_RULES = ("jvp_jaxpr_fun", "fwd_jaxpr_thunk", "bwd")


def foreign(eqn: Any, source: Source | None) -> str | None:
    """What names the derivative code of a custom rule, None where it is JAX's own."""
    closed = eqn.params.get("call_jaxpr")
    info = None if closed is None else closed.jaxpr.debug_info
    file = getattr(info, "func_filename", None)
    rules = [eqn.params[name] for name in _RULES if name in eqn.params]
    found = [code for rule in rules for code in codes(rule)]
    if file and of_jax(file) and rules and all(of_jax(code.co_filename) for code in found):
        return None
    name = getattr(info, "func_name", None) or "a function"
    kind = "custom_vjp" if "bwd" in eqn.params else "custom_jvp"
    return f"a {kind} rule of its own: {name}" + (f" at {source}" if source is not None else "")


def codes(rule: Any) -> Iterator[CodeType]:
    """The code of every Python function that a rule is made of: through closures, partials and JAX's wrappers."""
    WrappedFun = require("jax.extend.linear_util", "jax").WrappedFun
    seen: set[int] = set()
    stack = [rule]
    while stack:
        item = stack.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, FunctionType):
            yield item.__code__
            stack += [cell.cell_contents for cell in item.__closure__ or () if _is_filled(cell)]
            stack += [item.__defaults__, getattr(item, "__wrapped__", None)]
        elif isinstance(item, MethodType):
            stack += [item.__func__, item.__self__]
        elif isinstance(item, functools.partial):
            stack += [item.func, item.args, tuple(item.keywords.values())]
        elif isinstance(item, WrappedFun):
            stack += [item.f, item.transforms]
        elif isinstance(item, tuple | list):
            stack += item
        elif callable(item) and not isinstance(item, type):
            stack += [getattr(item, name, None) for name in ("fun", "jvp", "fwd", "bwd", "func", "__wrapped__")]
            stack.append(type(item).__call__)


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


@functools.cache
def of_jax(file: str) -> bool:
    """Whether a file belongs to JAX itself."""
    return file.startswith(_roots(("jax", "jaxlib")))


def of_a_branch(info: Any) -> bool:
    """Whether vmap wrote an equation as it made selections of lax.cond: there each branch gets the entries that do not
    take it as constants, and its results for these are not taken."""
    for frame in [] if info is None else info.frames:
        if not of_jax(frame.file_name):
            return False
        if frame.file_name.endswith("conditionals.py"):
            return True
    return False


#: Functions of JAX's that choose by a comparison between two formulas for the same number: (file, function, relation).
_ONE_FUNCTION = {("special.py", "_ndtr", "<")}


def of_one_function(info: Any, mask: Any) -> bool:
    """Whether JAX wrote a selection between formulas that are the same function on both sides of its condition."""
    relation = getattr(mask, "relation", "")
    for frame in [] if info is None else info.frames:
        if not of_jax(frame.file_name):
            return False
        if (os.path.basename(frame.file_name), frame.function_name.rpartition(".")[2], relation) in _ONE_FUNCTION:
            return True
    return False


@functools.cache
def in_library(file: str) -> bool:
    """Whether a file belongs to JAX or to a library of layers."""
    return file.startswith(_roots(("jax", "jaxlib", "flax", "equinox", "optax")))


@functools.cache
def _roots(names: tuple[str, ...]) -> tuple[str, ...]:
    specs = [importlib.util.find_spec(name) for name in names]
    return tuple(
        os.path.dirname(spec.origin) + os.sep for spec in specs if spec is not None and spec.origin is not None
    )


def user_line(info: Any) -> Source | None:
    """The innermost line of the user's in a traceback of JAX's."""
    frames = [] if info is None else info.frames
    for frame in frames:
        if is_user(frame.file_name) and not in_library(frame.file_name):
            return Source(frame.file_name, frame.line_num)
    return None
