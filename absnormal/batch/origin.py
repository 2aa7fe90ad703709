"""What a function is, in a few digests: its name, the files that its code comes from, its code and the values it holds.

Records of verdicts are continued only by the function that they were made of.  An edited function, an edited helper in
its file or in another file of the user's, other closed-over values or other data in a module give other digests.  What
is installed (the standard library, frameworks) is known by name only, but for the package of the function itself.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import os
from collections.abc import Iterator, Mapping
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from absnormal.frontends.points import arrays, framework
from absnormal.frontends.user_line import names_of
from absnormal.program.program import Program
from absnormal.report.raised import is_users

_PLAIN = (str, bytes, int, float, complex, type(None), type(Ellipsis))
#: They are met again wherever they are: whether two equal ones are one object is up to the interpreter.
_VALUES = (tuple, frozenset, CodeType)
#: Packages whose objects hold numbers of the user's.
_HOLDING = frozenset({"absnormal", "argparse", "equinox", "flax", "scipy", "sklearn", "torch", "types"})


def origin(f: Any) -> dict[str, Any]:
    """The name of a function, a digest of every file that its code comes from, and one of its code and values.

    >>> scale = 2.0
    >>> def f(x):
    ...     return scale * x[0]
    >>> before = origin(f)
    >>> origin(f) == before
    True
    >>> scale = 3.0
    >>> origin(f) == before
    False
    """
    found = _Walk(f)
    found.walk(f)
    return {"target": _name(f), "files": dict(sorted(found.files.items())), "code": found.state.hexdigest()}


def digest(point: Any) -> str:
    """A short digest of a point, the same for equal points in arrays of the same kind, shape and precision."""
    found = hashlib.blake2b(framework(point).encode(), digest_size=8)
    for leaf in arrays(point):
        found.update(f"{leaf.dtype.str}{leaf.shape}".encode())
        found.update(leaf.tobytes() if leaf.dtype.kind in "biufc" else repr(leaf.tolist()).encode())
    return found.hexdigest()


class _Walk:
    """Goes from a function through all that it uses."""

    def __init__(self, f: Any) -> None:
        self.state = hashlib.blake2b(digest_size=16)
        self.files: dict[str, str] = {}
        self._package = _module_name(f).partition(".")[0]
        #: What was met, by identity; it is kept, so that no identity is given again.
        self._met: dict[int, Any] = {}

    def walk(self, value: Any) -> None:
        """Depth first, so that nesting is not limited."""
        stack = [value]
        while stack:
            value = stack.pop()
            if isinstance(value, _PLAIN):
                self._write(type(value).__name__, repr(value))
            elif id(value) in self._met:
                self._write("met", "")
            else:
                if not isinstance(value, _VALUES):
                    self._met[id(value)] = value
                name = getattr(value, "__qualname__", getattr(value, "__name__", ""))
                self._write(type(value).__qualname__, str(name))
                stack += [*self._parts(value)][::-1]

    def _parts(self, value: Any) -> Iterator[Any]:
        """What an object consists of."""
        if hasattr(type(value), "__array__"):
            yield _contents(value)
        elif isinstance(value, FunctionType):
            yield from self._function(value)
        elif isinstance(value, CodeType):
            yield from (value.co_code, value.co_names, value.co_varnames, value.co_consts)
        elif isinstance(value, ModuleType):
            self._file(value.__name__, getattr(value, "__file__", None))
        elif isinstance(value, type):
            if self._type(value):
                yield from (getattr(part, "__func__", getattr(part, "fget", part)) for part in vars(value).values()
                            if isinstance(part, (FunctionType, staticmethod, classmethod, property)))
        elif isinstance(value, Program):
            yield from (value.nodes, value.output, value.guards)
        elif isinstance(value, MethodType):
            yield from (value.__func__, value.__self__)
        elif isinstance(value, functools.partial):
            yield from (value.func, value.args, value.keywords)
        elif isinstance(value, Mapping):
            yield from value.items()
        elif isinstance(value, (set, frozenset)):
            yield from sorted(value, key=repr)
        elif isinstance(value, (list, tuple)):
            yield from value
        elif hasattr(value, "__wrapped__"):
            yield value.__wrapped__
        else:
            yield type(value)
            if self._type(type(value)) or type(value).__module__.partition(".")[0] in _HOLDING:
                yield from _attributes(value)

    def _function(self, f: FunctionType) -> Iterator[Any]:
        code = f.__code__
        if not (code.co_filename.startswith("<") or self._file(f.__module__ or "", code.co_filename)):
            yield f.__module__
            return
        yield from (code, f.__defaults__, f.__kwdefaults__)
        yield {name: _held(cell) for name, cell in zip(code.co_freevars, f.__closure__ or (), strict=True)}
        names = set(names_of(code))
        for name in sorted(names & f.__globals__.keys()):
            value = f.__globals__[name]
            yield value
            if isinstance(value, ModuleType) and self._follows(value.__name__, getattr(value, "__file__", None)):
                yield from (vars(value)[inner] for inner in sorted(names & vars(value).keys()))

    def _type(self, kind: type) -> bool:
        """Note the file of a class; whether it is followed."""
        module = inspect.getmodule(kind)
        return module is not None and (
            module.__name__ == "__main__" or self._file(module.__name__, getattr(module, "__file__", None))
        )

    def _file(self, module: str, file: str | None) -> bool:
        """Note the contents of a file; whether it is followed."""
        if not self._follows(module, file):
            return False
        if module not in self.files and file is not None and os.path.isfile(file):
            with open(file, "rb") as opened:
                self.files[module] = hashlib.blake2b(opened.read(), digest_size=8).hexdigest()
        return True

    def _follows(self, module: str, file: str | None) -> bool:
        return file is not None and (is_users(file) or module.partition(".")[0] == self._package)

    def _write(self, kind: str, text: str) -> None:
        self.state.update(f"{kind}\0{text}\0".encode())


def _contents(value: Any) -> str:
    """A digest of an array; the type of one that has no numbers, such as a key of JAX."""
    try:
        return digest(value)
    except (TypeError, ValueError):
        return str(getattr(value, "dtype", ""))


def _attributes(value: Any) -> Iterator[Any]:
    """The attributes of an object, without what is only remembered of it."""
    kind = type(value)
    for name, member in getattr(value, "__dict__", {}).items():
        if not isinstance(inspect.getattr_static(kind, name, None), functools.cached_property):
            yield name, member
    for base in kind.__mro__:
        slots = vars(base).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                yield name, getattr(value, name)


def _held(cell: Any) -> Any:
    """The value of a closed-over variable; None where it has none yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _inner(f: Any) -> Any:
    """The function in a partial one, or behind a decorator that names it."""
    while isinstance(f, functools.partial) or hasattr(f, "__wrapped__"):
        f = f.func if isinstance(f, functools.partial) else f.__wrapped__
    return f


def _module_name(f: Any) -> str:
    return getattr(_inner(f), "__module__", None) or ""


def _name(f: Any) -> str:
    """The name by which the command takes a function, "module:function"; that of its type where it has none."""
    inner = _inner(f)
    return f"{_module_name(f)}:{getattr(inner, '__qualname__', None) or type(inner).__qualname__}"
