"""Tracing NumPy through its array protocols (NEP 13, NEP 18).

The user's function runs once, at the point, on `TracedArray` objects.  Each NumPy operation is looked up in a table and
appended to the program; its value is computed at the same time, so that ordinary Python control flow works: a comparison
whose sides are not tied is followed and kept as a guard.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from absnormal.arrays import Array
from absnormal.errors import TraceError
from absnormal.program.builder import Builder
from absnormal.program.nodes import Source
from absnormal.program.program import RELATIONS, Program
from absnormal.program.tree import Tree

_OURS = __file__.rsplit("frontends", 1)[0]
_USER_INSIDE = _OURS + "gallery"
_NUMPY = np.__file__.rsplit("__init__", 1)[0]


def trace(f: Callable[[Any], Any], x: Any) -> Program:
    """The program that f computes at x."""
    tree, leaves = Tree.of(x)
    builder = Builder(tree, [np.asarray(leaf) for leaf in leaves])
    traced = [TracedArray(builder, index) for index in range(len(leaves))]
    result = f(tree.rebuild(traced))
    return builder.program(_output(builder, result))


def _output(builder: Builder, result: Any) -> int:
    if isinstance(result, TracedArray):
        return result.index
    if isinstance(result, (list, tuple)) and any(isinstance(item, TracedArray) for item in result):
        return np.stack([item if isinstance(item, TracedArray) else np.asarray(item) for item in result]).index
    if isinstance(result, TracedMask):
        result.refuse("f returns a comparison", "return a number")
    try:
        value = np.asarray(result, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"f must return a number or an array, got {type(result).__name__}") from error
    return builder.constant(value)


def caller() -> Source | None:
    """The innermost line outside this package and NumPy."""
    frame = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        ours = file.startswith(_OURS) and not file.startswith(_USER_INSIDE)
        if not ours and not file.startswith(_NUMPY) and not file.startswith("<__array_function__"):
            return Source(file, frame.f_lineno)
        frame = frame.f_back  # type: ignore[assignment]
    return None


class TracedArray(NDArrayOperatorsMixin):
    """What the user's function gets in place of an array."""

    __slots__ = ("builder", "index", "shared")
    __array_priority__ = 1000

    def __init__(self, builder: Builder, index: int, shared: list[bool] | None = None) -> None:
        self.builder = builder
        self.index = index
        self.shared = [False] if shared is None else shared

    # -- what an array has ---------------------------------------------------------------------------------------

    @property
    def value(self) -> Array:
        return self.builder.values[self.index]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.builder.nodes[self.index].shape

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=int))

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(float)

    @property
    def T(self) -> TracedArray:
        return self.transpose()

    @property
    def flat(self) -> Iterator[TracedArray]:
        return iter(self.ravel())

    @property
    def real(self) -> TracedArray:
        return self

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Iterator[TracedArray]:
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(self.shape[0]))

    def __getitem__(self, key: Any) -> TracedArray:
        from absnormal.frontends import numpy_functions

        return numpy_functions.getitem(self, key)

    def __repr__(self) -> str:
        return f"TracedArray(v{self.index}, shape={self.shape})"

    def __hash__(self) -> int:
        return id(self)

    def __getattr__(self, name: str) -> Any:
        from absnormal.frontends import numpy_functions

        method = numpy_functions.METHODS.get(name)
        if method is None:
            if name.startswith("__"):
                raise AttributeError(name)
            self.refuse(f"ndarray.{name}", "is not supported on a traced array", "use the functions of NumPy")
        return lambda *args, **kwargs: method(self, *args, **kwargs)

    # -- what a traced array cannot become -----------------------------------------------------------------------

    def refuse(self, operation: str, problem: str, mend: str) -> NoReturn:
        raise TraceError(operation, problem, mend, caller())

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        self.refuse(
            "np.array",
            "a variable is converted to a plain array, or written into one, which would lose its derivative",
            "build arrays with np.stack([...]) or np.concatenate([...]), and leave out np.asarray(x)",
        )

    def __float__(self) -> NoReturn:
        self.refuse(
            "float()",
            "a variable is converted to a Python number (float(), math.*, or a write into a plain array)",
            "use NumPy's functions (np.exp for math.exp), and np.stack([...]) for an array filled entry by entry",
        )

    def __int__(self) -> NoReturn:
        self.refuse("int()", "a variable is converted to an integer, a jump", "keep the real number")

    def __index__(self) -> NoReturn:
        self.refuse("indexing", "a variable is used as an index, a discontinuous selection", "use np.max or np.sort")

    def __complex__(self) -> NoReturn:
        self.refuse("complex()", "complex numbers are not supported", "split real and imaginary parts")

    def __round__(self, ndigits: Any = None) -> Any:
        return np.round(self, ndigits or 0)  # type: ignore[call-overload]

    def __bool__(self) -> bool:
        return bool(self != 0)

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        self.refuse(
            "item assignment", "an entry of a variable is overwritten", "use np.where, np.concatenate or np.stack"
        )

    # -- the protocols -------------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        from absnormal.frontends import numpy_functions

        result = numpy_functions.apply_ufunc(self, ufunc, method, inputs, kwargs)
        if out is None:
            return result
        target = out[0] if isinstance(out, tuple) else out
        if not isinstance(target, TracedArray):
            self.refuse(
                f"np.{ufunc.__name__}", "the result is written into a plain array", "assign it to a new name"
            )
        if target.shared[0]:
            self.refuse(
                f"in-place np.{ufunc.__name__}", "other arrays are views of the one that is changed",
                "write a = a + b in place of a += b",
            )
        target.index = result.index
        return target

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        from absnormal.frontends import numpy_functions

        return numpy_functions.apply_function(self, func, args, kwargs)


class TracedMask:
    """A comparison of traced arrays, not yet decided where it is tied."""

    __slots__ = ("builder", "left", "relation", "right", "source")
    __array_priority__ = 1001

    def __init__(self, builder: Builder, left: int, relation: str, right: int, source: Source | None) -> None:
        self.builder, self.left, self.relation, self.right, self.source = builder, left, relation, right, source

    @property
    def tied(self) -> Any:
        return self._rule(1)

    @property
    def outcome(self) -> Any:
        return self._rule(0)

    def _rule(self, which: int) -> Any:
        left, right = self.builder.values[self.left], self.builder.values[self.right]
        return RELATIONS[self.relation][which](left, right)

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self.outcome)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(bool)

    def refuse(self, problem: str, mend: str) -> NoReturn:
        raise TraceError(f"comparison {self.relation}", problem, mend, caller())

    def concrete(self) -> Any:
        """The outcome as a constant; kept as a guard.  A tie is an error."""
        if np.any(self.tied):
            self.refuse(
                "the two sides are equal at this point, so the branch is not constant near it",
                "write the kink with np.maximum, np.minimum, np.abs or np.where(u > 0, a, b) with a = b at u = 0",
            )
        outcome = self.outcome
        self.builder.guard(self.left, self.right, self.relation, outcome, f"comparison {self.relation}", self.source)
        return outcome

    def __bool__(self) -> bool:
        return bool(self.concrete())

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        return np.asarray(self.concrete(), dtype=dtype)

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Any:
        return iter(self.concrete())

    def __getitem__(self, key: Any) -> Any:
        return self.concrete()[key]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.concrete(), name)

    def __invert__(self) -> TracedMask:
        opposite = {">": "<=", ">=": "<", "<": ">=", "<=": ">", "==": "!=", "!=": "=="}[self.relation]
        return TracedMask(self.builder, self.left, opposite, self.right, self.source)

    def __and__(self, other: Any) -> Any:
        return self.concrete() & np.asarray(other)

    def __or__(self, other: Any) -> Any:
        return self.concrete() | np.asarray(other)

    __rand__, __ror__ = __and__, __or__

    def __mul__(self, other: Any) -> Any:
        return np.where(self, other, 0.0)  # type: ignore[call-overload]

    __rmul__ = __mul__

    def __add__(self, other: Any) -> Any:
        return self.concrete() + np.asarray(other) if not isinstance(other, TracedArray) else other + self.concrete()

    __radd__ = __add__

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if ufunc is np.multiply and method == "__call__":
            mask, other = inputs if isinstance(inputs[0], TracedMask) else inputs[::-1]
            return np.where(mask, other, 0.0)
        if ufunc in (np.logical_not, np.invert):
            return ~self
        plain = [item.concrete() if isinstance(item, TracedMask) else item for item in inputs]
        return getattr(ufunc, method)(*plain, **kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        from absnormal.frontends import numpy_functions

        if func is np.where:
            return numpy_functions.where(*args, **kwargs)
        plain = [item.concrete() if isinstance(item, TracedMask) else item for item in args]
        return func(*plain, **kwargs)
