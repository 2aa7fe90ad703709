"""Which front end a point belongs to, by the types of its leaves; nothing is imported to find out."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from absnormal.errors import TraceError
from absnormal.frontends.many import ManyCalls
from absnormal.frontends.maps import Map
from absnormal.frontends.numpy import traced as numpy_front_end
from absnormal.frontends.numpy.maps import NumpyMap
from absnormal.frontends.numpy.tools import with_gradient_of_a_tool
from absnormal.frontends.traced_call import TracedCall
from absnormal.program.free_signs import check_signs
from absnormal.program.program import Program
from absnormal.program.tree import of_kind

#: From the package that a leaf's type comes from to the front end.  Its module `capture` has `followed(f, x)`, which
#: traces f at x, and `capture(f, x, stopped)`, which asks the framework for its own gradient, too; its module `maps`
#: has `map_of(f, inputs)` for functions of several inputs with several outputs, and `many` has `many_calls(f, x)` for
#: many points.
FRONT_ENDS = {
    "torch": "absnormal.frontends.torch",
    "jax": "absnormal.frontends.jax",
    "jaxlib": "absnormal.frontends.jax",
}


def traced_call(f: Any, x: Any, copy: bool = True) -> TracedCall:
    """A function, or a `Program`, at x; ``copy`` keeps the values of a NumPy function apart from x.

    Raises
    ------
    TraceError, DomainError, ValueError
        where f cannot be followed at x
    """
    front_end = _front_end(x)
    if isinstance(f, Program):
        program, values = f.followed(f.tree.leaves(x if front_end is None else plain(x)))
        check_signs(program, values)
        return TracedCall(program, values)
    if not callable(f):
        raise ValueError(f"f must be a function or a Program, got {type(f).__name__}")
    if front_end is not None:
        found: TracedCall = front_end.followed(f, x)
        return found
    try:
        return numpy_front_end.traced(f, x, copy)
    except TypeError as error:
        if "TracedArray" not in str(error):
            raise
        raise TraceError(
            "f", f"calls a function that takes no NumPy arrays: {str(error).splitlines()[0]}",
            "give the point as arrays of the framework that f uses, torch.zeros(3) or jax.numpy.zeros(3); on the"
            " command line with --framework",
        ) from error


def traced_with_gradient(f: Any, x: Any, stopped: str = "constant", slope: Any = None) -> TracedCall:
    """The same with the framework's own gradient, where x belongs to a framework and f is a function; for a function of
    NumPy's with that of a tool, where this is not the gradient of the program.

    Parameters
    ----------
    stopped
        whether what is detached or stopped is held "constant" or "followed"
    slope
        what the tool takes at ties, for a function of NumPy's
    """
    front_end = None if isinstance(f, Program) else _front_end(x)
    if front_end is None:
        return with_gradient_of_a_tool(f, x, traced_call(f, x), slope)
    found: TracedCall = front_end.capture(f, x, stopped)
    return found


def map_of(f: Any, inputs: tuple[Any, ...], jacobian: Any = None) -> Map:
    """f(*inputs) with the derivatives that the framework of the inputs gives; for NumPy with ``jacobian``.

    Raises
    ------
    ValueError
        for inputs that do not fit, and for a jacobian where the framework has its own
    """
    front_end = _front_end(inputs, "maps")
    if front_end is None:
        return NumpyMap(f, inputs, jacobian)
    if jacobian is not None:
        raise ValueError("jacobian is for NumPy functions: a framework's own derivatives are checked")
    found: Map = front_end.map_of(f, inputs)
    return found


def many_calls(f: Any, x: Any) -> ManyCalls | None:
    """f as its framework ran it at x, for many points; None where x is a framework's in another way than its leaves.

    Raises
    ------
    TraceError, DomainError, ValueError
        where f cannot be followed at x
    """
    kinds = {type(leaf).__module__.split(".")[0] for leaf in _leaves(x)}
    if not kinds & FRONT_ENDS.keys():
        return None
    found: ManyCalls = _front_end(x, "many").many_calls(f, x)
    return found


def is_of_a_framework(x: Any) -> bool:
    """Whether a point holds arrays of a framework, also in a module of JAX's kind."""
    return _front_end(x) is not None


def _front_end(x: Any, module: str = "capture") -> Any:
    """A module of the front end of the framework that the leaves of x belong to; None for NumPy."""
    for leaf in _leaves(x):
        for kind in type(leaf).__mro__[:-1]:
            name = FRONT_ENDS.get(kind.__module__.split(".")[0])
            if name is not None:
                return importlib.import_module(f"{name}.{module}")
    return importlib.import_module(f"{FRONT_ENDS['jax']}.{module}") if _holds_jax_arrays(x) else None


def _holds_jax_arrays(x: Any) -> bool:
    """Whether x is a pytree of another kind, such as a module of flax or equinox, with JAX arrays in it."""
    jax = sys.modules.get("jax")
    if jax is None or all(isinstance(leaf, (np.ndarray, np.generic, int, float)) for leaf in _leaves(x)):
        return False
    return any(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(x))


def _leaves(x: Any) -> Iterator[Any]:
    if isinstance(x, dict):
        for item in x.values():
            yield from _leaves(item)
    elif isinstance(x, (list, tuple)):
        for item in x:
            yield from _leaves(item)
    else:
        yield x


def precisions(value: Any) -> set[str]:
    """The names of the floating-point types of the arrays in a gradient, NumPy's and those of frameworks."""
    names = {str(getattr(leaf, "dtype", "")).rpartition(".")[2] for leaf in _leaves(value)}
    return {name for name in names if name.startswith(("float", "bfloat"))}


def plain(value: Any) -> Any:
    """A gradient, in the structure of x, with NumPy arrays for the arrays of a framework."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return of_kind(value, [plain(item) for item in value])
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.double() if "bfloat16" in str(value.dtype) else value
    # A list of NumPy's numbers is a vector, as one of Python's is.
    return np.asarray(value) if hasattr(value, "__array__") and not isinstance(value, np.generic) else value
