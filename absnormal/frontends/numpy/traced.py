"""Tracing NumPy through its array protocols (NEP 13, NEP 18).

The user's function runs once, at the point, on `TracedArray` objects.  Each NumPy operation is looked up in a
table and appended to the program; its value is computed at the same time, so that ordinary Python control
flow works: a comparison whose sides are not tied is followed and kept as a guard.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from absnormal.arrays import Array
from absnormal.errors import AbsNormalError, TraceError
from absnormal.frontends.numpy.masks import TracedMask
from absnormal.frontends.numpy.running import running
from absnormal.frontends.numpy.stored import Stored
from absnormal.frontends.traced_call import TracedCall
from absnormal.frontends.user_line import caller, library_call, library_name
from absnormal.program.builder import Builder
from absnormal.program.program import Program
from absnormal.program.tree import Tree


def trace(f: Callable[[Any], Any], x: Any) -> Program:
    """The program that f computes at x."""
    return traced(f, x).program


def traced(f: Callable[[Any], Any], x: Any, copy: bool = True, as_tool: bool = False) -> TracedCall:
    """The program that f computes at x, the values of its nodes there, the jumps that a tool takes for constants, and
    the operations that it leaves out where they have no derivative.

    ``copy`` keeps the values apart from x; ``as_tool`` takes every jump for a constant, and leaves nothing out.

    Raises
    ------
    TraceError
        where f returns something else when it is called with plain arrays, too; see
        `absnormal.frontends.plain_call`
    """
    from absnormal.frontends.plain_call import hold_against_plain_calls, refuse_while_traced

    tree, leaves = Tree.of(x)
    builder = Builder(tree, leaves, copy)
    scalars = [not isinstance(leaf, np.ndarray) for leaf in _leaves(x, tree.structure)]
    arrays = [TracedArray(builder, i, scalar=scalar) for i, scalar in enumerate(scalars)]
    builder.forced, builder.as_tool = {}, as_tool
    try:
        result = run_followed(f, tree, builder, arrays)
    except Exception as error:
        # NumPy hides the reason when a variable is written into an entry of a plain array.
        reason = error.__cause__
        if isinstance(reason, TraceError):
            # Each would hold the other: what pickles whole chains of errors would never end.
            error.__cause__ = error.__context__ = None
            raise reason from None
        if not isinstance(error, AbsNormalError):
            refuse_while_traced(f, lambda: _plain(tree, leaves, scalars), error)
        raise
    found = builder.finished(_output(builder, result))
    program, values = found.program, list(found.values)
    if not as_tool:
        hold_against_plain_calls(f, program, values, scalars, builder.cancels)
    flat, left_out, notes = map(tuple, (builder.taken_flat, builder.left_out, builder.checks))
    return TracedCall(program, values, flat=flat, left_out=left_out, notes=notes, here_only=builder.here_only)


def _plain(tree: Tree, leaves: list[Array], scalars: list[bool]) -> Any:
    """x of plain arrays."""
    return tree.rebuild([leaf[()] if scalar else leaf.copy() for leaf, scalar in zip(leaves, scalars, strict=True)])


def run_followed(f: Callable[[Any], Any], tree: Tree, builder: Builder, arrays: list[TracedArray]) -> Any:
    """What f returns.  Where Python asks for a number that jumps at the point, it runs on both sides of the jump."""
    from absnormal.frontends.meanings.jumps import SIDES, Asked, Either, joined
    from absnormal.frontends.numpy.standing_in import following, stood_in

    builder.jumps.clear()
    try:
        with following(builder, f):
            x = tree.rebuild([TracedArray(builder, u.index, scalar=u.scalar) for u in arrays])
            return _as_variable(f, stood_in(f)(x))
    except Asked as asked:
        jump, known = asked.jump, builder.forced or {}
        number = builder.jumps.index(jump)
    if number in known:
        jump.refuse()
    entries = jump.entry_by_entry()

    def sides(chosen: tuple[str, ...]) -> Any:
        if len(chosen) == len(entries):
            builder.forced = {**known, number: chosen}
            return run_followed(f, tree, builder, arrays)
        own = entries[len(chosen)]
        parts = [sides((*chosen, side)) for side in SIDES]
        return joined(own, parts, [Either(own, parts[0], parts[1], parts[2], False, "")], False)

    result = sides(())
    builder.forced = known
    return result


def _as_variable(f: Any, result: Any) -> Any:
    """What f returns, with the variables that its arrays hold."""
    from absnormal.frontends.numpy.complex_numbers import TracedComplex
    from absnormal.frontends.numpy.creation import arrayed
    from absnormal.frontends.numpy.held import taken, variable_in
    from absnormal.frontends.plain_call import line_of

    result = taken(result)
    if isinstance(result, TracedComplex):
        raise TraceError("f", "returns complex numbers", "return real ones: absolute values, or parts", line_of(f))
    nested = isinstance(result, (list, tuple)) or (isinstance(result, np.ndarray) and result.dtype == object)
    return arrayed(result) if nested and isinstance(variable_in(result), TracedArray) else result


def _leaves(x: Any, structure: Any) -> Iterator[Any]:
    """The leaves of x as they were given."""
    if isinstance(structure, int):
        yield x
    else:
        for key in structure if isinstance(structure, dict) else range(len(structure)):
            yield from _leaves(x[key], structure[key])


def _output(builder: Builder, result: Any) -> int:
    from absnormal.frontends.meanings.jumps import Either

    if isinstance(result, (list, tuple)) and any(isinstance(item, (TracedArray, Either)) for item in result):
        result = np.stack([item if isinstance(item, (TracedArray, Either)) else np.asarray(item) for item in result])
    if isinstance(result, TracedArray):
        if result.builder is not builder:
            result.refuse("f returns a variable of another trace", "return what is computed from the argument of f")
        return result.index
    if isinstance(result, Either):
        result.refuse()
    if isinstance(result, TracedMask):
        name = f"comparison {result.relation}"
        raise TraceError(name, "f returns a comparison, which jumps", "return a real number", result.source)
    try:
        value = np.asarray(result)
    except (TypeError, ValueError):
        value = np.asarray(None)
    if value.dtype.kind not in "fiub":
        problem = f"must return a number or an array of real numbers, got {type(result).__name__}"
        raise TraceError("f", problem, "return what f computes from x, such as a sum")
    return builder.constant(value.astype(float))


class TracedArray(Stored, NDArrayOperatorsMixin):
    """What the user's function gets in place of an array."""

    __slots__ = ()
    __array_priority__ = 1000
    #: Series and tables of pandas leave operators to what has more than they have.
    __pandas_priority__ = 5000

    # -- what an array has -------------------------------------------------------------------------------

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(float)

    @property
    def device(self) -> str:
        return "cpu"

    @property
    def T(self) -> TracedArray:
        transposed: TracedArray = self.transpose()
        return transposed

    @property
    def mT(self) -> TracedArray:
        swapped: TracedArray = self.swapaxes(-1, -2)
        return swapped

    @property
    def flat(self) -> TracedArray:
        entries: TracedArray = self.ravel()
        return entries

    @property
    def real(self) -> TracedArray:
        return self

    @property
    def imag(self) -> Array:
        return np.zeros(self.shape)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Iterator[TracedArray]:
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(self.shape[0]))

    def __getitem__(self, key: Any) -> Any:
        from absnormal.frontends.numpy.chosen import entries

        return entries(self, key)

    def __repr__(self) -> str:
        return f"TracedArray(v{self.index}, shape={self.shape})"

    def __format__(self, spec: str) -> str:
        return format(self.value.item(), spec) if spec and not self.shape else repr(self)

    def __hash__(self) -> int:
        return id(self)

    def __copy__(self) -> TracedArray:
        return TracedArray(self.builder, self.index, scalar=self.scalar)

    def __deepcopy__(self, memo: Any) -> TracedArray:
        return self.__copy__()

    def __getattr__(self, name: str) -> Any:
        from absnormal.frontends.numpy.functions import METHODS, apply_rule

        if name.startswith("__"):
            raise AttributeError(name)
        method = METHODS.get(name)
        if method is None:
            theirs = library_name(sys._getframe(1))
            if theirs is not None:
                raise MissingAttribute(
                    theirs, f"takes no variables: it asks for .{name}",
                    f"write it with NumPy's functions, or call it in f by the name {theirs}", caller())
            raise MissingAttribute(
                f"ndarray.{name}",
                "is not supported on a variable",
                f"use NumPy's functions, such as np.{name if callable(getattr(np, name, None)) else 'sort'}(x)",
                caller(),
            )

        def called(*args: Any, **kwargs: Any) -> Any:
            from absnormal.frontends.numpy.held import held, taken

            given = {key: taken(item) for key, item in kwargs.items()}
            return held(apply_rule(self, f"ndarray.{name}", method, (self, *taken(args)), given), args)

        return called

    # -- what a traced array cannot become ---------------------------------------------------------------

    def refuse(self, problem: str, fix: str, operation: str = "f") -> NoReturn:
        name, source = self.builder.user or (operation, caller())
        raise TraceError(name, problem, fix, source)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        names = library_call()
        if names and names[-1] in ASKING and dtype is None:
            # What is no array for a sparse matrix is asked for its own product.
            return np.array(Opaque(), dtype=object)
        self.refuse(
            "a variable is converted to a plain array, or written into one, which would lose its derivative",
            "make that array in f, of float64, with np.zeros or np.array, and write A @ x for A.dot(x)", "np.array")

    def __float__(self) -> NoReturn:
        self.refuse(
            "a variable is converted to a Python number, or written into an array that f did not make",
            "leave float() out, and make the array in f, with np.zeros, or a copy of it with np.array",
            "float()",
        )

    def __int__(self) -> int:
        return int(self._whole("trunc", "int()"))

    def __trunc__(self) -> int:
        return int(self._whole("trunc", "math.trunc"))

    def __floor__(self) -> int:
        return int(self._whole("floor", "math.floor"))

    def __ceil__(self) -> int:
        return int(self._whole("ceil", "math.ceil"))

    def _whole(self, relation: str, operation: str) -> Any:
        """A whole number next to this one, which is constant near the point or jumps there."""
        from absnormal.frontends.writing import writer_of

        return writer_of(self, operation).constant_piece(relation, self)

    def __index__(self) -> NoReturn:
        self.refuse(
            "a variable is used as an index, a discontinuous selection",
            "use np.max, np.min or np.sort",
            "indexing",
        )

    def __complex__(self) -> NoReturn:
        self.refuse("complex numbers are not supported", "split real and imaginary parts", "complex()")

    def __round__(self, ndigits: Any = None) -> Any:
        rounded: Any = np.round  # NumPy's stub knows plain arrays only
        return rounded(self, ndigits or 0)

    def __bool__(self) -> bool:
        return bool(self != 0)

    def __setitem__(self, key: Any, value: Any) -> None:
        from absnormal.frontends.numpy.chosen import chosen
        from absnormal.frontends.numpy.held import taken
        from absnormal.frontends.numpy.shapes import constant_key
        from absnormal.frontends.writing import writer_of

        value = taken(value)
        write = writer_of(self, "item assignment")
        if isinstance(key, TracedMask) and key.touches:
            found = chosen(key, value, lambda: self, self.where, self.opened())
            if found is not None:
                self.change(write.array(found))
        else:
            self.write(self.where[constant_key(write, key)], write.array(value))

    # -- the protocols -----------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        from absnormal.frontends.numpy.ufuncs import NUMBERS, apply_ufunc, name_of

        if out is None and method == "__call__" and NUMBERS.issuperset(map(type, inputs)):
            return apply_ufunc(self, ufunc, method, inputs, kwargs)
        from absnormal.frontends.numpy.held import Held, taken
        from absnormal.frontends.numpy.writes import change_at, is_given, write_where
        from absnormal.frontends.writing import first_traced

        if method == "at":
            return change_at(ufunc, *inputs)
        if running() is not None:
            inputs = taken(inputs)
        if out is not None and method == "__call__" and kwargs.get("where", True) is not True:
            return write_where(ufunc, inputs, out[0] if isinstance(out, tuple) else out, kwargs)
        if out is not None and len(out) == 1 and first_traced(inputs) is None:
            out[0][...] = (ufunc if method == "__call__" else getattr(ufunc, method))(*inputs, **kwargs)
            return out[0]
        result = apply_ufunc(self, ufunc, method, inputs, kwargs)
        if out is None:
            return result
        operation, target = name_of(ufunc), out[0] if isinstance(out, tuple) else out
        if isinstance(target, Held):
            target[...] = result
            return target
        if not isinstance(target, TracedArray):
            if target is inputs[0] and not is_given(target):  # u *= x: the name u stands for the result
                return result
            self.refuse("the result is written into a plain array", "assign it to a new name: a = a + b", operation)
        if target.scalar:
            return result
        if not isinstance(result, TracedArray):
            self.refuse("the result is not a real array", "assign it to a new name", f"in-place {operation}")
        if result.shape != target.shape:
            if np.broadcast_shapes(result.shape, target.shape) != target.shape:
                raise ValueError(f"{operation} of shape {result.shape} does not fit its output {target.shape}")
            result = np.broadcast_to(result, target.shape)
        target.change(result)
        return target

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        from absnormal.frontends.numpy.arguments import with_out_by_name
        from absnormal.frontends.numpy.functions import apply_function
        from absnormal.frontends.numpy.held import held, taken

        args, kwargs = with_out_by_name(func, args, kwargs)
        if running() is None:
            return apply_function(self, func, args, kwargs)
        given = {key: item if key == "out" else taken(item) for key, item in kwargs.items()}
        return held(apply_function(self, func, taken(args), given), args)


#: Functions of SciPy's sparse matrices that ask whether the other factor is an array.
ASKING = {"scipy._matmul_dispatch", "scipy._rmatmul_dispatch", "scipy._mul_dispatch", "scipy._divide"}


class Opaque:
    """What is no array."""


class MissingAttribute(TraceError, AttributeError):
    """Absent for ``hasattr``, and a TraceError for a person."""
