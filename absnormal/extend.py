"""Operations and tools of your own, checked as they are registered.

    softsign = an.extend.smooth("softsign", value, partials)     an entrywise operation
    blur = an.extend.linear("blur", value, transpose)            a linear one
    solve = an.extend.opaque("solve", value, jvp, vjp)           any smooth one
    snap = an.extend.kink("snap", 0.5, 1.5, at=1.0)              a u + b |u - at|
    an.extend.rule(np.linalg.inv, inverse)                       NumPy's function is that operation
    an.extend.rule("jax", "warp", warp)                          a framework's operation is
    an.extend.ties("mytool", {...})                              slopes of a tool, by name: slope="mytool"

Each of the first four returns a function to be called in f: on plain arrays it computes, on variables it is followed.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, overload

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.numpy.functions import FUNCTIONS
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.numpy.ufuncs import RULES, UFUNCS
from absnormal.frontends.ties.names import checked, written_out
from absnormal.frontends.ties.slopes import TABLES
from absnormal.frontends.writing import writer_of
from absnormal.ops import TABLE
from absnormal.ops.checks import (
    check_entrywise,
    check_linear,
    check_opaque,
    check_round_numbers,
    numbers,
    smooth_entries,
    taken,
)
from absnormal.ops.opaque import linear_row, opaque_row
from absnormal.ops.smooth import entrywise_row
from absnormal.ops.table import never

__all__ = ["kink", "linear", "opaque", "rule", "smooth", "ties"]

Operation = Callable[..., Any]

#: Frameworks whose operations may be given rules.
_TOOLS = frozenset({"jax", "onnx", "torch"})


def smooth(
    name: str, value: Callable[..., Any], partials: Callable[..., Sequence[Any]],
    domain: Callable[..., Any] | None = None, *, examples: Sequence[Sequence[Any]] = (),
) -> Operation:
    """Register an entrywise operation with continuous partial derivatives.

    Parameters
    ----------
    name
        in the listing of programs; new
    value
        takes arrays that broadcast, returns an array of the common shape
    partials
        takes the same arrays; returns one array an argument, each of a shape that broadcasts to that of the value
    domain
        takes the same arrays; True where the operation is continuously differentiable; None: everywhere
    examples
        argument lists at which the rule is checked; by default random numbers of all sizes inside the domain, and round
        ones

    Returns
    -------
    callable
        the operation, for arrays and for the variables of a traced function

    Raises
    ------
    ValueError
        which says where the value is not entrywise, or where a partial derivative is not that of the value

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> softclip = an.extend.smooth("softclip", lambda u: u / np.sqrt(1 + u * u), lambda u: [(1 + u * u) ** -1.5])
    >>> an.verify(lambda x: np.abs(softclip(x[0])) - softclip(x[1]), [0.0, 2.0]).gradient
    array([ 0.        , -0.08944272])
    """
    _check_name(name)
    count = _arity(partials, examples)
    points = [tuple(np.asarray(a, dtype=float) for a in example) for example in examples] or numbers(count, domain)
    for args in points:
        check_entrywise(name, value, partials, args)
    if not examples:
        check_round_numbers(name, value, partials, domain, count)
    row = entrywise_row(
        name, value, lambda *args: [never(p) for p in partials(*args[:-1])], smooth_entries(value, domain))
    TABLE.add(row)
    return _operation(name, value)


def linear(
    name: str, value: Callable[[Array], Any], transpose: Callable[[Array, tuple[int, ...]], Any],
    *, examples: Sequence[Any] = (),
) -> Operation:
    """Register a linear operation on one array.

    Parameters
    ----------
    name
        in the listing of programs; new
    value
        takes an array, returns an array
    transpose
        takes an array like the result, and the shape of the argument; returns an array of that shape
    examples
        arrays at which the rule is checked; by default of the shapes (4,), (3, 3) and (2, 4) as far as ``value`` takes
        them

    Returns
    -------
    callable
        of arrays, or of variables that are followed

    Raises
    ------
    ValueError
        where the value is not linear, or the transpose is not its transpose

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> total = an.extend.linear("running", np.cumsum, lambda w, shape: np.cumsum(w[::-1])[::-1].reshape(shape))
    >>> an.verify(lambda x: np.abs(total(x)).sum(), [1.0, -1.0, 0.0]).gradient
    array([1., 0., 0.])
    """
    _check_name(name)
    for u in taken(name, value, [np.asarray(e, dtype=float) for e in examples]):
        check_linear(name, value, transpose, u)
    TABLE.add(linear_row(name, value))
    return _operation(name, value)


def opaque(
    name: str, value: Callable[..., Any], jvp: Callable[..., Any], vjp: Callable[..., Any],
    smooth_at: Callable[..., Any] | None = None, *, examples: Sequence[Sequence[Any]],
) -> Operation:
    """Register a smooth operation of arrays by its derivative along tangents, and its transpose.

    The matrix of its derivative is formed at the point, so that arguments of thousands of entries cost.

    Parameters
    ----------
    name
        in the listing of programs; new
    value
        takes arrays, returns an array
    jvp
        (arguments, tangents) -> the derivative, shaped like the value; both are tuples of arrays
    vjp
        (arguments, w) -> one array an argument, with w shaped like the value
    smooth_at
        takes the arguments; True where the operation is continuously differentiable; None: wherever it is finite
    examples
        argument lists at which the rule is checked, one at least

    Returns
    -------
    callable
        of arrays, or of variables that are followed

    Raises
    ------
    ValueError
        where jvp is not the derivative of the value, or vjp not its transpose

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> inverse = an.extend.opaque(
    ...     "inverse", np.linalg.inv,
    ...     lambda args, tangents: -np.linalg.inv(args[0]) @ tangents[0] @ np.linalg.inv(args[0]),
    ...     lambda args, w: [-np.linalg.inv(args[0]).T @ w @ np.linalg.inv(args[0]).T],
    ...     examples=[[np.array([[2.0, 1.0], [0.0, 3.0]])]],
    ... )
    >>> an.verify(lambda A: np.abs(inverse(A)).sum(), np.array([[1.0, 0.5], [0.0, 2.0]])).verdict.name
    'CLARKE'
    """
    _check_name(name)
    if not examples:
        raise ValueError(f"{name}: give examples=, argument lists at which the derivative is checked")
    for example in examples:
        args = tuple(np.asarray(a, dtype=float) for a in example)
        if smooth_at is not None and not np.all(smooth_at(*args)):
            raise ValueError(f"{name}: an example is where smooth_at says that the operation is not smooth")
        check_opaque(name, value, jvp, vjp, args)
    TABLE.add(opaque_row(name, value, jvp, smooth_at))
    return _operation(name, value)


def kink(name: str, a: float, b: float, at: float = 0.0, *, tie: str = "abs") -> Operation:
    """An entrywise operation with one kink: a u + b |u - at|.

    Parameters
    ----------
    name
        the user's operation in reports
    a, b
        the factors of u and of the absolute value
    at
        where the kink is
    tie
        whose slope at the kink a tool uses, a key of its table; see `ties`

    Returns
    -------
    callable
        of an array of any shape, or of a variable that is followed

    Raises
    ------
    ValueError
        for a tie that no table has, and for numbers that are not finite

    Examples
    --------
    >>> import absnormal as an
    >>> hinge = an.extend.kink("hinge", -0.5, 0.5, at=1.0)                    # max(0, 1 - u) - 1/2
    >>> float(hinge(3.0)), float(hinge(0.0)), an.verify(lambda x: hinge(x[0]), [1.0]).gradient
    (-0.5, 0.5, array([-0.5]))
    """
    if tie not in TABLES["autograd"]:
        raise ValueError(f"{name}: tie must be one of {sorted(TABLES['autograd'])}, got {tie!r}")
    for number in (a, b, at):
        if not np.isfinite(number):
            raise ValueError(f"{name}: a, b and at must be finite, got {number!r}")

    def value(u: Any) -> Any:
        return a * np.asarray(u, dtype=float) + b * np.abs(np.asarray(u, dtype=float) - at)

    def operation(u: Any) -> Any:
        if not isinstance(u, TracedArray):
            return value(u)
        write = writer_of(u, name)
        shifted = write.op("sub", u, at) if at else u
        bent = write.kink(shifted, a, b, tie)
        return write.op("add", bent, a * at) if a * at else bent

    operation.__name__ = name
    return operation


@overload
def rule(function: Any, operation: Operation, /) -> None: ...
@overload
def rule(tool: str, name: Any, operation: Operation, /) -> None: ...
def rule(*given: Any) -> None:
    """Follow a function of NumPy, or an operation of a framework, as ``operation`` whenever f calls it on a variable.

    ``rule(function, operation)`` is about a function of NumPy or SciPy, ``rule("torch", name, operation)`` about an
    operation of torch, or a function of it, ``rule("jax", primitive, operation)`` about a primitive of JAX,
    ``rule("onnx", operator, operation)`` about an operator of ONNX.

    Parameters
    ----------
    function
        a ufunc, or a function of the ``__array_function__`` protocol, without a rule so far
    tool, name
        a framework, and what it calls an operation that has no rule so far
    operation
        what is called in its place, with the same arguments; written with NumPy's functions and with operations that
        are registered here, so that it takes plain arrays, too.  By name it gets those parameters of a primitive, or
        attributes of an operator, that its signature has behind a star; others are refused.  Where it is used first
        its value is compared with that of the framework (of ONNX's reference evaluator) at the point and beside it

    Raises
    ------
    ValueError
        where there is a rule already, where NumPy does not tell when the function is called, or there is no such tool

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> from scipy import special
    >>> root = 2 / np.sqrt(np.pi)
    >>> erfi = an.extend.smooth("erfi", special.erfi, lambda u: [root * np.exp(u * u)], examples=[[np.linspace(-2, 2)]])
    >>> an.extend.rule(special.erfi, erfi)
    >>> an.gradient(lambda x: special.erfi(x[0]), [0.0])
    array([1.12837917])

    >>> import jax, jax.numpy as jnp
    >>> from jax.extend.core import Primitive
    >>> doubled = Primitive("doubled")                                    # of a library of somebody's
    >>> _ = doubled.def_impl(lambda u: 2 * u), doubled.def_abstract_eval(lambda u: u)
    >>> jax.interpreters.ad.deflinear(doubled, lambda w: [doubled.bind(w)])
    >>> an.extend.rule("jax", "doubled", lambda u: 2 * u)
    >>> an.verify(lambda x: jnp.abs(doubled.bind(x)).sum(), jnp.zeros(1)).verdict.name
    'CLARKE'

    >>> import torch
    >>> an.extend.rule("torch", "renorm", lambda u, p, dim, most: u)      # where all norms are small
    >>> an.verify(lambda x: torch.renorm(x.abs(), 2, 0, 9.0).sum(), torch.zeros(1, 2)).verdict.name
    'CLARKE'
    """
    *tools, function, operation = given
    if tools:
        if tools[0] not in _TOOLS:
            raise ValueError(f"there are no rules for {tools[0]!r}: give one of {sorted(_TOOLS)}, or a NumPy function")
        importlib.import_module(f"absnormal.frontends.{tools[0]}.own").register(function, operation)
        return
    if function in UFUNCS or function in RULES or function in FUNCTIONS:
        raise ValueError(f"{function.__name__} has a rule: give the new operation a name of its own, and call it")
    if isinstance(function, np.ufunc):
        RULES[function] = lambda write, *args: operation(*args)
    elif hasattr(function, "_implementation"):
        FUNCTIONS[function] = operation
    else:
        raise ValueError(f"NumPy does not tell when {function!r} is called on a variable: call the operation itself")


def ties(tool: str, slopes: Mapping[str, float | str]) -> None:
    """Register what a tool takes for the derivative of |u| at u = 0, operation by operation.

    Afterwards ``slope="tool"`` asks about that tool.

    Parameters
    ----------
    tool
        a name that no other table has
    slopes
        tie -> a number in [-1, 1], or "even" for ties of a reduction; the keys of `absnormal.frontends.ties.TIES`.
        What NumPy has no function for may be left out: a relu is then written with a maximum.  "root" is that of a sum
        of squares at 0: 0.0 or NaN

    Raises
    ------
    ValueError
        which names the ties that are missing, those that are unknown, and slopes outside [-1, 1]

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> one = dict.fromkeys(("abs", "maximum", "fmax", "clip.high", "max.fold", "sort"), 1.0)
    >>> other = dict.fromkeys(("minimum", "fmin", "clip.low", "min.fold"), -1.0)
    >>> an.extend.ties("upper", {**one, **other, "root": 0.0})
    >>> an.gradient(lambda x: np.maximum(x[0], 0), [0.0], slope="upper")
    array([1.])
    """
    if tool in TABLES:
        raise ValueError(f"there is a table for {tool!r}: choose another name")
    try:
        whole = written_out(dict(slopes))
    except KeyError as error:
        raise ValueError(f"the table of slopes of {tool} lacks {error.args[0]!r}") from None
    TABLES[tool] = checked({tool: {**whole, **slopes}})[tool]


# -- what a registration returns ------------------------------------------------------------------------------


def _operation(name: str, value: Callable[..., Any]) -> Operation:
    def operation(*args: Any) -> Any:
        if not any(isinstance(arg, TracedArray) for arg in args):
            return value(*args)
        return writer_of(args, name).op(name, *args)

    operation.__name__ = name
    return operation


def _check_name(name: str) -> None:
    if not isinstance(name, str) or not name:
        raise ValueError(f"name must be a word, got {name!r}")
    if name in TABLE:
        raise ValueError(f"there is an operation {name!r}: choose another name")


def _arity(partials: Callable[..., Any], examples: Sequence[Sequence[Any]]) -> int:
    if examples:
        return len(examples[0])
    code = getattr(partials, "__code__", None)
    if code is None:
        raise ValueError("the number of arguments is not known: give examples=")
    return int(code.co_argcount)
