"""What a function can reach, where that is seen from its code: the names that it reads, and where it reads them.

Most functions read a few functions of NumPy, numbers, and other functions of this kind.  No more than these names need
stand-ins while such a function runs (`absnormal.frontends.numpy.standing_in`), instead of all names in all modules.
Whatever is of another kind (another module, an object of a library, ``import``, ``getattr``) may reach anything.
"""

from __future__ import annotations

import builtins
import dis
import functools
import itertools
import math
from collections.abc import Iterable
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

Namespace = dict[str, Any]

#: So many objects are looked into.
_MOST = 100
#: Python's own functions that lead nowhere else.
_BUILTINS = frozenset({
    "abs", "all", "any", "bool", "bytes", "callable", "complex", "dict", "divmod", "enumerate", "filter", "float",
    "format", "frozenset", "hash", "id", "int", "isinstance", "issubclass", "iter", "len", "list", "map", "max", "min",
    "next", "object", "pow", "print", "range", "repr", "reversed", "round", "set", "slice", "sorted", "str", "sum",
    "tuple", "type", "zip",
})  # fmt: skip
_VALUES = frozenset({bool, int, float, complex, str, bytes, type(None), slice, type(...), range})
_TYPES = frozenset({
    np.ndarray, object, functools.partial, *(kind for kind in vars(itertools).values() if isinstance(kind, type)),
})  # fmt: skip
_MODULES = (np, math)
#: NumPy's functions whose code runs on what functions of the user's return.
_CALLING = frozenset({np.apply_along_axis, np.apply_over_axes, np.piecewise})
_IMPORT = dis.opmap["IMPORT_NAME"]


def reached(f: Any, known: dict[int, Any]) -> tuple[list[Namespace], frozenset[str]] | None:
    """The namespaces that f and what it calls read, and the names; None where they may be others, too.

    ``known`` has the functions of NumPy and of Python's math that f may read, by their identity.
    """
    search = _Search(known)
    if not isinstance(f, (FunctionType, MethodType)) or not search.look_into(f):
        return None
    return [*search.spaces.values()], frozenset(search.names)


class _Search:
    """What has been looked into."""

    def __init__(self, known: dict[int, Any]) -> None:
        self.known = known
        self.spaces: dict[int, Namespace] = {}
        self.names: set[str] = set()
        self._seen: dict[int, Any] = {}

    def look_into(self, value: Any) -> bool:
        """Whether a value leads to nothing but what is known."""
        kind = type(value)
        if kind in _VALUES or id(value) in self._seen:
            return True
        if id(value) in self.known:
            return value not in _CALLING and any(getattr(module, value.__name__, None) is value for module in _MODULES)
        if kind is np.ndarray or issubclass(kind, np.generic):
            return bool(value.dtype != object)
        if kind is np.ufunc:
            return getattr(np, value.__name__, None) is value
        if kind is ModuleType:
            self.spaces[id(value)] = value.__dict__
            return value in _MODULES
        if kind is type and (issubclass(value, (np.generic, BaseException)) or value in _TYPES):
            return True
        name = value.__name__ if kind in (type, BuiltinFunctionType) else ""
        if getattr(builtins, name, None) is value and name:
            return name in _BUILTINS
        self._seen[id(value)] = value
        return len(self._seen) <= _MOST and self._into(value, kind)

    def _into(self, value: Any, kind: Any) -> bool:
        if kind is FunctionType:
            return self._function(value)
        if kind is MethodType:
            return self._all([value.__func__, value.__self__])
        if kind in (tuple, list, set, frozenset):
            return len(value) <= _MOST and self._all(value)
        if kind is dict:
            return len(value) <= _MOST and self._all(value) and self._all(value.values())
        if kind is functools.partial:
            return self._all([value.func, *value.args, *value.keywords.values()])
        if kind in (staticmethod, classmethod):
            return self.look_into(value.__func__)
        if kind is property:
            return self._all([value.fget, value.fset, value.fdel])
        if kind is type:
            own = [item for name, item in vars(value).items() if name not in ("__dict__", "__weakref__")]
            return value.__mro__ == (value, object) and self._all(own)
        if type(kind) is not type or kind.__mro__ != (kind, object) or not kind.__dictoffset__:
            return False
        # An object may answer otherwise when it is asked.
        return self._all([kind, *object.__getattribute__(value, "__dict__").values()])

    def _all(self, values: Iterable[Any]) -> bool:
        return all(map(self.look_into, values))

    def _function(self, function: FunctionType) -> bool:
        names, space = _names(function.__code__), function.__globals__
        if names is None:
            return False
        self.spaces[id(space)] = space
        self.names |= names
        for name in names:
            if name in space:
                if not self.look_into(space[name]):
                    return False
            elif hasattr(builtins, name) and name not in _BUILTINS and not _is_error(getattr(builtins, name)):
                return False
            for module in _MODULES:
                if name in module.__dict__ and not self.look_into(module.__dict__[name]):
                    return False
        try:
            cells = [cell.cell_contents for cell in function.__closure__ or ()]
        except ValueError:  # A variable without a value yet.
            return False
        return self._all([*cells, *(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()])


def _is_error(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseException)


@functools.lru_cache(maxsize=1000)
def _names(code: CodeType) -> frozenset[str] | None:
    """The names that code reads, attributes too; None where it imports something or asks Python for its own."""
    names = frozenset(code.co_names)
    if _IMPORT in code.co_code[::2] or any(name.startswith("__") for name in names):
        return None
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            more = _names(inner)
            if more is None:
                return None
            names |= more
    return names
