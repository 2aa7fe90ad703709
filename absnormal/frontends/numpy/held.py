"""Arrays that f makes: plain numbers, until a variable is written into them.

What np.zeros and its kin return while f is followed is a `Held`, an array of NumPy's in value, type of number and
memory.  Where a variable is written into one of its entries, a `Memory` keeps it, and the number there becomes NaN:
what computes with the plain numbers behind our back (a routine in C) makes NaN of them, never a number that is a
constant by mistake.  Views are views of NumPy's own, and share the memory.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.errors import TraceError
from absnormal.frontends.meanings.chosen import Chosen
from absnormal.frontends.meanings.jumps import Either
from absnormal.frontends.numpy.arguments import with_out_by_name
from absnormal.frontends.numpy.chosen import chosen, tied_for
from absnormal.frontends.numpy.complex_numbers import TracedComplex
from absnormal.frontends.numpy.creation import arrayed
from absnormal.frontends.numpy.functions import LIKE_FUNCTIONS, METHODS, VIEWS, apply_function
from absnormal.frontends.numpy.masks import TracedMask, concrete
from absnormal.frontends.numpy.running import Run, root_of, running
from absnormal.frontends.numpy.sparse import Sparse
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.numpy.writes import WRITING, WRITING_METHODS, change_at, write_where
from absnormal.frontends.user_line import caller
from absnormal.frontends.writing import Writer
from absnormal.program.builder import Builder

#: Types of what cannot be a variable.
PLAIN = frozenset({bool, float, int, str, type(None), np.float64, np.int64, slice, type(...)})


def variable_in(value: Any) -> Any:
    """A variable, or a comparison of variables, in nested lists and tuples; None where there is none."""
    if isinstance(value, (TracedArray, TracedMask, Either)):
        return value
    if isinstance(value, (TracedComplex, Sparse)):
        return variable_in(value.first)
    if isinstance(value, np.ndarray):
        run = running()
        if run is not None and run.memory(value) is not None:
            return traced(run, value)
        return _first_in(value.view(np.ndarray).flat) if value.dtype == object else None
    if isinstance(value, (list, tuple)) and not set(map(type, value)) <= PLAIN:
        return _first_in(value)
    if isinstance(value, dict):
        return _first_in(value.values())
    return column_in(value)


def column_in(value: Any) -> Any:
    """The variables in a column of pandas, in a Series or a table; None where there are none."""
    if not hasattr(type(value), "__pandas_priority__") or isinstance(value, TracedArray):
        return None
    if getattr(value, "ndim", 1) == 2:
        columns = [value.iloc[:, at] for at in range(value.shape[1])]
        found = [column_in(column) for column in columns]
        if all(one is None for one in found):
            return None
        return np.stack([column.to_numpy(float) if one is None else one
                         for column, one in zip(columns, found, strict=True)], 1)
    return getattr(getattr(value, "array", value), "variables", None)


def settled(value: Any, builder: Builder) -> Any:
    """A variable of a builder as the plain numbers that it holds, in tuples, too; anything else as it is.

    It is not asked what it is.  Variables of other builders are of a run that may still go on, around this one or in
    another thread.
    """
    kind = type(value)
    if kind is tuple:
        parts = [settled(part, builder) for part in value]
        return value if all(map(operator.is_, parts, value)) else tuple(parts)
    first = value.first if kind is TracedComplex else value
    if type(first) not in (TracedArray, TracedMask, Either) or first.builder is not builder:
        return value
    if kind is TracedComplex:
        return settled(value.real, builder) + 1j * settled(value.imag, builder)
    if kind is Either:
        return settled(value.own, builder)
    if kind is TracedMask:
        return value.outcome
    return value.value[()] if value.scalar else value.value.copy()


def _first_in(items: Iterable[Any]) -> Any:
    return next((found for found in map(variable_in, items) if found is not None), None)


def traced(run: Run, array: Array) -> TracedArray:
    """What an array with variables in it holds now, apart from its memory."""
    memory = run.memory(array)
    assert memory is not None
    return TracedArray(run.builder, memory.read(run.numbers(array)), scalar=False)


def taken(value: Any) -> Any:
    """A value with variables in the place of arrays that hold them, and plain arrays in that of others."""
    if type(value) is TracedArray or type(value) in PLAIN:
        return value
    if isinstance(value, np.ndarray):
        run = running()
        if run is not None and run.memory(value) is not None:
            return traced(run, value)
        if value.dtype == object and variable_in(value) is not None:
            return arrayed(value)
        return value.plain if isinstance(value, Held) else value
    if type(value) in (list, tuple):
        return type(value)([taken(item) for item in value])
    if not hasattr(type(value), "__pandas_priority__"):
        return value
    column = column_in(value)
    if column is None and hasattr(value, "_mgr"):
        return value.to_numpy()
    return value if column is None else column


def held(result: Any, given: Iterable[Any] = ()) -> Any:
    """A new array of floats as one that variables can be written into; one that shares memory with ``given`` is not."""
    if type(result) in (list, tuple):
        return type(result)([held(item, given) for item in result])
    if type(result) is not np.ndarray or result.dtype != np.float64 or running() is None:
        return result
    root = root_of(result)
    if any(root_of(item) is root for item in _plain_arrays(given)):
        return result
    return result.view(Held)


def _plain_arrays(given: Iterable[Any]) -> Iterator[Array]:
    for item in given:
        if isinstance(item, np.ndarray) and not isinstance(item, Held):
            yield item
        elif type(item) in (list, tuple):
            yield from _plain_arrays(item)


class Held(np.ndarray):
    """An array that f made, which holds variables in its entries once they are written there."""

    holds_variables = True

    @property
    def plain(self) -> Array:
        """The same numbers as an array of NumPy's own, one object, so that a program has it once."""
        kept: Array | None = self.__dict__.get("kept")
        if kept is None or kept.shape != self.shape:
            kept = self.__dict__["kept"] = self.view(np.ndarray)
        return kept

    def __setitem__(self, key: Any, value: Any) -> None:
        run = running()
        if run is None or (not run.memories and type(value) in PLAIN and type(key) in PLAIN):
            super().__setitem__(key, value)
            return
        if isinstance(key, TracedMask) and key.touches:
            memory = run.opened(self)
            value = chosen(key, value, lambda: taken(self), run.numbers(self), memory)
            if value is None:
                super().__setitem__(..., np.nan)
                return
            key = ...
        key = concrete(key)
        if not isinstance(value, TracedMask) and variable_in(value) is not None:
            node = Writer(run.builder, "item assignment", caller()).array(taken(value)).index
            memory = run.opened(self)
            memory.write(run.numbers(self)[key], node)
            super().__setitem__(key, np.nan)
            return
        super().__setitem__(key, value)
        memory = run.memory(self)  # type: ignore[assignment]
        if memory is not None:
            memory.forget(run.numbers(self)[key])

    def __getitem__(self, key: Any) -> Any:
        run = running()
        if run is not None and tied_for(key, self.shape):
            return Chosen(key, np.array(taken(self)) if run.memory(self) is None else taken(self))
        memory = None if run is None or not run.memories else run.memory(self)
        if memory is None or run is None:
            return super().__getitem__(key if type(key) in PLAIN else concrete(key))
        key = concrete(key)
        found, where = super().__getitem__(key), run.numbers(self)[key]
        if isinstance(found, np.ndarray) and root_of(found) is root_of(self):
            return found
        if not memory.varies(where):
            return found
        return TracedArray(run.builder, memory.read(where), scalar=not np.ndim(where))

    def __iter__(self) -> Iterator[Any]:
        return (self[place] for place in range(len(self)))

    @property
    def flat(self) -> Any:
        """The entries in order; they can be written where they lie in order, too."""
        return self.reshape(-1)

    @flat.setter
    def flat(self, value: Any) -> None:
        self[...] = np.resize(value, self.shape)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        run = running()
        if out is None and (run is None or not run.memories) and all(type(item) in _NUMBERS for item in inputs):
            result = function(*[item.view(np.ndarray) if type(item) is Held else item for item in inputs], **kwargs)
            fresh = run is not None and type(result) is np.ndarray and result.dtype == np.float64
            return result.view(Held) if fresh else result
        given = [taken(item) for item in inputs]
        mixed = variable_in(given) is not None
        if method == "at" and mixed:
            return change_at(ufunc, *inputs)
        if out is None:
            result = function(*given, **kwargs)
            return result if mixed else held(result, inputs)
        if not mixed and variable_in([*out, kwargs.get("where")]) is None:
            function(*given, out=taken(out), **kwargs)
            return out[0] if len(out) == 1 else out
        if method == "__call__" and kwargs.get("where", True) is not True:
            return write_where(ufunc, given, out[0], kwargs)
        result = function(*given, **kwargs)
        for target, value in zip(out, result if isinstance(result, tuple) else (result,), strict=True):
            target[...] = value
        return out[0] if len(out) == 1 else out

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        args, kwargs = with_out_by_name(func, args, kwargs)
        first = variable_in([args, [*kwargs.values()]])
        if func in WRITING and first is not None:
            return WRITING[func](*args, **kwargs)
        if first is None:
            named = {key: taken(item) for key, item in kwargs.items()}
            return held(func(*taken(args), **named), [*args, *kwargs.values()])
        if _name(func) in VIEWS and isinstance(args[0], Held):
            view = _view(args[0], lambda array: func(array, *args[1:], **kwargs))
            if view is not None:
                return view
        given = {key: item if key == "out" else taken(item) for key, item in kwargs.items()}
        return apply_function(first, func, taken(args), given)

    def _method(self, name: str, args: Any, kwargs: Any) -> Any:
        """A method of NumPy's."""
        own = variable_in(self)
        if own is None and variable_in([args, [*kwargs.values()]]) is None:
            return held(getattr(self.view(np.ndarray), name)(*args, **kwargs), ())
        if name in WRITING_METHODS:
            return WRITING_METHODS[name](self, *args, **kwargs)
        if own is None and name in LIKE_FUNCTIONS:
            return LIKE_FUNCTIONS[name](self, *args, **kwargs)
        if f"ndarray.{name}" in VIEWS:
            view = _view(self, lambda array: getattr(array, name)(*args, **kwargs))
            if view is not None:
                return view
        if own is None or name not in METHODS:
            raise TraceError(
                f"ndarray.{name}", "is not supported on an array that holds variables", "use NumPy's functions",
                caller(),
            )
        return getattr(own, name)(*taken(args), **kwargs)

    def __float__(self) -> float:
        return float(taken(self)) if variable_in(self) is not None else super().__float__()

    def __int__(self) -> int:
        return int(taken(self)) if variable_in(self) is not None else super().__int__()

    def __bool__(self) -> bool:
        return bool(taken(self)) if variable_in(self) is not None else super().__bool__()

    def __repr__(self) -> str:
        return repr(self.view(np.ndarray) if variable_in(self) is None else taken(self))

    def __str__(self) -> str:
        return str(self.view(np.ndarray) if variable_in(self) is None else taken(self))

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    def __reduce__(self) -> Any:
        return self.view(np.ndarray).__reduce__()


def _view(array: Held, function: Callable[[Array], Any]) -> Any:
    """What NumPy makes of an array, one or several, where that shares its memory; None where it does not."""
    run = running()
    assert run is not None
    before, run.builder.user = run.builder.user, ("view", None)
    try:
        view = function(array.view(np.ndarray))
    finally:
        run.builder.user = before
    parts = view if isinstance(view, (list, tuple)) else [view]
    if not all(isinstance(part, np.ndarray) and root_of(part) is root_of(array) for part in parts):
        return None
    found = [part.view(Held) for part in parts]
    return found[0] if parts is not view else tuple(found) if isinstance(view, tuple) else found


def _name(func: Any) -> str:
    return f"{func.__module__}.{func.__name__}".replace("numpy", "np", 1)


def _method(name: str) -> Callable[..., Any]:
    def method(self: Held, *args: Any, **kwargs: Any) -> Any:
        return self._method(name, args, kwargs)

    return method


#: Types of numbers that cannot hold a variable where no array does.
_NUMBERS = frozenset({Held, bool, float, int, np.float64, np.int64})

#: Methods that do not look at the numbers.
_NUMBERLESS = {"view", "setflags", "__array__", "getfield"}
for _each in dir(np.ndarray):
    if not _each.startswith("_") and callable(getattr(np.ndarray, _each)) and _each not in _NUMBERLESS:
        setattr(Held, _each, _method(_each))
