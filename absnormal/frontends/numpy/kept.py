"""Where f keeps functions under other names than a module's.

A function of NumPy or SciPy that f calls may be in a variable around f, in a default argument, in a list, in a
dictionary, in an attribute of an object or of its class, or in a partial.  Each such place is a `Slot`, which can be
read and written.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import operator
import sys
from collections import deque
from collections.abc import Callable, Iterable
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from absnormal.frontends.user_line import is_user, names_of, of_python

#: So many objects, of so many items each, are looked into.
_MOST = 100
_LEADING_NOWHERE = (int, float, complex, str, bytes, type(None), np.ndarray, np.generic, np.ufunc, ModuleType,
                    BuiltinFunctionType)


class Slot(NamedTuple):
    """A place that holds an object: what it is a place of, its name or number there, and how it is read and written."""

    holder: Any
    key: Any
    get: Callable[[Any, Any], Any] = operator.getitem
    put: Callable[[Any, Any, Any], None] = operator.setitem

    def read(self) -> Any:
        return self.get(self.holder, self.key)

    def write(self, item: Any) -> None:
        self.put(self.holder, self.key, item)


class Kept(dict[str, Any]):
    """The places that f, and the functions and objects that it names, keep functions in.

    They are written as the names of a module are.
    """

    def __init__(self, f: Any) -> None:
        super().__init__()
        self.slots: dict[str, Slot] = {}
        seen: dict[int, Any] = {}
        # What is called itself has its rule (`standing_in.stood_in`).
        left = deque([f.func, *f.args, *f.keywords.values()] if type(f) is functools.partial else [f])
        while left and len(seen) < _MOST:
            one = left.popleft()
            if id(one) in seen or issubclass(type(one), _LEADING_NOWHERE):
                continue
            seen[id(one)] = one
            around = []
            for slot in _slots(one):
                try:
                    around.append(slot.get(slot.holder, slot.key))
                except ValueError:  # A variable without a value yet.
                    continue
                self.slots[str(len(self.slots))] = slot
            left += [*around, *_named(one, around)]
        self._seen = seen  # No other object gets the identity of one of these.

    def get(self, name: str, default: Any = None) -> Any:
        return self.slots[name].read() if name in self.slots else default

    def __getitem__(self, name: str) -> Any:
        return self.slots[name].read()

    def __setitem__(self, name: str, item: Any) -> None:
        self.slots[name].write(item)

    @property
    def modules(self) -> list[dict[str, Any]]:
        """The names of the modules in which a person wrote f, and the functions that it leads to."""
        functions = [one for one in self._seen.values() if type(one) is FunctionType]
        found = [one.__globals__ for one in functions if is_user(one.__code__.co_filename)]
        return [*{id(space): space for space in found}.values()]

    @property
    def lists(self) -> list[Any]:
        """The lists and dictionaries among what f keeps."""
        return [one for one in self._seen.values() if type(one) in (list, dict)]

    @property
    def large(self) -> dict[int, int]:
        """How many items those have by now that are too large to be looked through, by their identity."""
        return {id(one): len(one) for one in self.lists if len(one) > _MOST}

    def settle(self, plain: Callable[[Any], Any], others: dict[str, Any], large: dict[int, int]) -> None:
        """Put what ``plain`` makes of it in the place of all that is kept, and of what ``others`` have.

        Of lists and dictionaries that were ``large`` before, what was added since is looked at.
        """
        for space, key in (
            *((others, name) for name in [*others]), *((self, name) for name in self.slots),
            *((one, key) for one in self.lists for key in _added(one, large.get(id(one), 0))),
        ):
            try:
                item = space[key]
            except LookupError:  # Another thread has taken it away.
                continue
            if (settled := plain(item)) is not item:
                space[key] = settled


def globals_of(f: Any) -> dict[str, Any] | None:
    """The module in which what is called was written: a function, a method, an object, a function with arguments."""
    while isinstance(f, functools.partial):
        f = f.func
    f = inspect.unwrap(f)
    found: Any = f if hasattr(f, "__globals__") else vars(type(f)).get("__call__")
    return getattr(found, "__globals__", None)


def keeps(f: Any, array: Any) -> bool:
    """Whether the module of f has an array under some name, or f keeps it."""
    kept, given = Kept(f), [*f.args, *f.keywords.values()] if type(f) is functools.partial else []
    return any(item is array for item in (*given, *(globals_of(f) or {}).values(), *map(kept.get, kept.slots)))


def _slots(one: Any) -> Iterable[Slot]:
    """The places of one object, which is not asked what it is: an object may answer anything."""
    kind = type(one)
    if kind is FunctionType:
        if not is_user(one.__code__.co_filename):
            return ()
        cells = [Slot(cell, "cell_contents", getattr, setattr) for cell in one.__closure__ or ()]
        places = [Slot(one, place, _default, _set_default) for place in range(len(one.__defaults__ or ()))]
        named = one.__kwdefaults__
        return [*cells, *places, *_items(named, named)] if named else [*cells, *places]
    if kind is dict:
        return _items(one, one)
    if kind is list:
        return _items(one, range(len(one)))
    if kind is functools.partial:
        return [Slot(one, "func", getattr, _set_function)]
    if issubclass(kind, type):
        methods = vars(one).items() if _is_theirs(one) else ()
        return [Slot(one, name, _static, _set_static) for name, item in methods if type(item) is staticmethod]
    if _is_theirs(kind):
        own = object.__getattribute__(one, "__dict__")
        return _items(own, own)
    return ()


def _items(container: Any, keys: Any) -> list[Slot]:
    return [Slot(container, key) for key in keys] if len(keys) <= _MOST else []


def _added(container: Any, size: int) -> Iterable[Any]:
    """The places of a list, or the keys of a dictionary, behind the first ones."""
    if type(container) is list:
        return range(size, len(container))
    return [*itertools.islice(reversed(container), max(0, len(container) - size))]


def _named(one: Any, around: list[Any]) -> Iterable[Any]:
    """What else something leads to: the objects that a function names, in modules ``around`` it too, the class of an
    object."""
    kind = type(one)
    if kind is MethodType:
        return one.__func__, one.__self__
    if kind is FunctionType:
        if not is_user(one.__code__.co_filename):
            return ()
        names, space = names_of(one.__code__), one.__globals__
        found = [space[name] for name in names if name in space]
        modules = [item for item in (*found, *around) if type(item) is ModuleType and _is_written(item)]
        return found + [vars(module)[name] for module in modules for name in names if name in vars(module)]
    if kind is tuple:
        return one if len(one) <= _MOST else ()
    if issubclass(kind, type) and _is_theirs(one):
        return [item for item in vars(one).values() if type(item) is FunctionType]
    return (kind,) if _is_theirs(kind) else ()


def _is_theirs(kind: type) -> bool:
    """Whether a class is one that a person wrote in Python, whose objects have attributes of their own."""
    if type(kind) is not type or not kind.__dictoffset__:
        return False
    return kind.__module__ == "__main__" or _is_written(sys.modules.get(kind.__module__))


def _is_written(module: ModuleType | None) -> bool:
    """Whether a module is one that a person wrote: neither Python's, NumPy's nor SciPy's."""
    file = getattr(module, "__file__", None) or ""
    return module is not None and is_user(file) and not of_python(file)


def _default(function: Any, place: int) -> Any:
    return function.__defaults__[place]


def _set_default(function: Any, place: int, item: Any) -> None:
    kept = function.__defaults__
    function.__defaults__ = (*kept[:place], item, *kept[place + 1 :])


def _set_function(one: Any, name: str, item: Any) -> None:
    one.__setstate__((item, one.args, one.keywords, one.__dict__ or None))


def _static(kind: type, name: str) -> Any:
    return vars(kind)[name].__func__


def _set_static(kind: type, name: str, item: Any) -> None:
    setattr(kind, name, staticmethod(item))
