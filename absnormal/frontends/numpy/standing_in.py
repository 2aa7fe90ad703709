"""What stands in for functions of NumPy, SciPy and Python while f runs.

NumPy asks arrays what its functions do (NEP 13 and NEP 18), not lists, and not where it makes an array: np.array([x[0],
1.0]) and y = np.zeros(3); y[0] = x[0] would lose the variable.  While a function is followed each function in the
tables below has a stand-in, wherever a module has the original under some name: in NumPy, SciPy and math, in the module
of f, in all that are loaded, so that ``from numpy import zeros`` makes no difference, and where f keeps functions
(`absnormal.frontends.numpy.kept`).  Where it is seen from f's code which names it can reach, these are all that need
one (`absnormal.frontends.numpy.reached`).  A stand-in does what the original does, but in the thread in which f runs,
and there not for this package.  When f has returned or raised, and no other thread follows a function, the originals
are back.

Not seen are: functions kept elsewhere (in a tuple, in an object of a library), the constructors np.float64 and float,
methods of arrays that were made before f was called (``a.copy()``), and code in C that makes arrays.  There a variable
is refused by `TracedArray.__array__` or `TracedArray.__float__`, as it is everywhere in a thread that f starts.
"""

from __future__ import annotations

import functools
import operator
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from absnormal.frontends.numpy import creation
from absnormal.frontends.numpy.functions import FUNCTIONS, SEQUENCES
from absnormal.frontends.numpy.held import Held, column_in, held, settled, taken, variable_in
from absnormal.frontends.numpy.kept import Kept, globals_of
from absnormal.frontends.numpy.library import library
from absnormal.frontends.numpy.library_methods import classes, namespace_of
from absnormal.frontends.numpy.numbers import BUILTINS, MATH, TESTS
from absnormal.frontends.numpy.reached import Namespace, reached
from absnormal.frontends.numpy.running import root_of, run_of, running
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.numpy.visiting import VISITING
from absnormal.frontends.user_line import stands_alone
from absnormal.frontends.writing import writer_of
from absnormal.program.builder import Builder

#: NumPy's functions that make arrays of numbers alone.
MAKERS = (
    np.zeros, np.ones, np.empty, np.eye, np.identity, np.arange, np.linspace, np.logspace, np.geomspace, np.tri,
)  # fmt: skip

#: Functions that convert to arrays, with what they are of variables.
CONVERTERS: dict[Any, Callable[..., Any]] = {
    np.array: creation.array,
    **{
        function: functools.partial(creation.array, copy=None)
        for function in (np.asarray, np.asanyarray, np.ascontiguousarray, np.asfortranarray, np.asarray_chkfinite)
    },
    np.full: creation.full,
}


def _maker(original: Any) -> Callable[..., Any]:
    """What makes numbers that variables can be written over."""

    def make(*args: Any, **kwargs: Any) -> Any:
        return held(original(*args, **kwargs), [*args, *kwargs.values()])

    return make


def _converter(original: Any, rule: Callable[..., Any]) -> Callable[..., Any]:
    """What converts to arrays, lists of variables too; an array that holds variables is itself where it need not be one
    of its own."""

    def convert(*args: Any, **kwargs: Any) -> Any:
        given = [*args, *kwargs.values()]
        if not isinstance(variable_in(given), TracedArray):
            return held(original(*args, **kwargs), given)
        if isinstance(args[0], np.ndarray) and args[0].dtype == np.float64 and rule is not creation.array:
            creation.check_dtype(kwargs.get("dtype", args[1] if len(args) > 1 else None))
            if not _copies(original, args, kwargs):
                return args[0].view(Held)
        return rule(*taken(args), **{key: taken(item) for key, item in kwargs.items()})

    return convert


def _copies(original: Any, args: Any, kwargs: Any) -> bool:
    """Whether a conversion makes another array, as one to another order of its entries does."""
    if original is np.asarray_chkfinite:
        return False
    made = original(args[0].view(np.ndarray), *args[1:], **kwargs)
    return root_of(made) is not root_of(args[0])


def _of_lists(original: Any) -> Callable[..., Any]:
    """A function of arrays, which may be given as lists with variables in them."""
    within = original in SEQUENCES
    apart = original is np.block

    def function(*args: Any, **kwargs: Any) -> Any:
        if not apart and any(_has_variables(item) for item in (*args, *kwargs.values())):
            args = tuple(_listed(item, within) for item in args)
            kwargs = {key: _listed(item, within) for key, item in kwargs.items()}
        return held(original(*args, **kwargs), [*args, *kwargs.values()])

    return function


def _has_variables(item: Any) -> bool:
    return (type(item) in (list, tuple) and isinstance(variable_in(item), TracedArray)) or column_in(item) is not None


def _listed(item: Any, within: bool) -> Any:
    """A list with variables as an array; where a function takes a list of arrays, each of them."""
    if not _has_variables(item) or type(item) not in (list, tuple):
        return taken(item) if _has_variables(item) else item
    return type(item)([_listed(part, False) for part in item]) if within else creation.arrayed(taken(item))


def _from_iterable(iter: Any, *args: Any, **kwargs: Any) -> Any:
    """np.fromiter."""
    items = list(iter)
    if not isinstance(variable_in(items), TracedArray):
        return held(_FROM_ITERABLE(items, *args, **kwargs))
    creation.check_dtype(kwargs.get("dtype", args[0] if args else None))
    return creation.arrayed(taken(items), "np.fromiter")


_FROM_ITERABLE = np.fromiter


def _strided(x: Any, *args: Any, **kwargs: Any) -> Any:
    writer_of(x, "np.lib.stride_tricks.as_strided").refuse(
        "looks at memory, and a variable has none",
        "use np.lib.stride_tricks.sliding_window_view, or an index: x[np.arange(2)[:, None] + np.arange(2)]")


def _of_numbers(original: Any, rule: Callable[..., Any]) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        given = taken(args)
        return original(*args, **kwargs) if variable_in(given) is None else rule(*given, **kwargs)

    return function


def _stand_in(original: Any, rule: Callable[..., Any]) -> Callable[..., Any]:
    """The rule in the thread in which f runs, for the user's code; the original everywhere else."""

    def chosen() -> Callable[..., Any]:
        run = running()
        caller = sys._getframe(2).f_code.co_filename
        return original if run is None or run.builder.user is not None or stands_alone(caller) else rule

    if isinstance(original, type):
        # What asks whether an object is of the class is answered as by the class.
        answers = {"__instancecheck__": lambda cls, one: isinstance(one, original),
                   "__subclasscheck__": lambda cls, kind: issubclass(kind, original),
                   "__getattr__": lambda cls, name: getattr(original, name),
                   "__call__": lambda cls, *args, **kwargs: chosen()(*args, **kwargs)}
        kind: Callable[..., Any] = type("StandIn", (type,), answers)(
            original.__name__, (), {"__module__": original.__module__})
        return kind

    @functools.wraps(original)
    def stand_in(*args: Any, **kwargs: Any) -> Any:
        return chosen()(*args, **kwargs)

    return stand_in


@functools.cache
def stand_ins() -> dict[int, tuple[Any, Any, Callable[..., Any]]]:
    """The originals, what stands in for them, and by which rule, by the identity of the originals."""
    rules: dict[Any, Callable[..., Any]] = {function: _maker(function) for function in MAKERS}
    rules |= {function: _of_lists(function) for function in FUNCTIONS}
    rules |= {function: _converter(function, rule) for function, rule in CONVERTERS.items()}
    rules |= {function: _of_numbers(function, rule) for function, rule in (MATH | TESTS).items()}
    rules[np.lib.stride_tricks.as_strided] = _of_numbers(np.lib.stride_tricks.as_strided, _strided)
    rules |= {np.fromiter: _from_iterable, **VISITING, **library()}
    return {id(original): (original, _stand_in(original, rule), rule) for original, rule in rules.items()}


#: Packages that have no use for arrays of variables.
_APART = frozenset({"absnormal", *sys.stdlib_module_names}) - {"math", "__main__"}


class _Found:
    """A namespace that has originals, these by their names, and what stands in for them."""

    __slots__ = ("_items", "_read", "namespace", "originals", "stand_ins")

    def __init__(self, namespace: Namespace, names: Iterable[str]) -> None:
        """What a namespace has now under some names."""
        known = stand_ins()
        self.namespace = namespace
        self.originals = {name: item for name in names if id(item := namespace.get(name)) in known}
        self.stand_ins = {name: known[id(item)][1] for name, item in self.originals.items()}
        self._read = operator.itemgetter(*self.originals) if self.originals else tuple
        self._items = self._read(self.originals)

    def is_there(self) -> bool:
        """Whether the namespace has the originals still."""
        try:
            # What is the same is not asked whether it is equal: half of the time of looking one by one.
            return bool(self._read(self.namespace) == self._items)
        except (KeyError, ValueError):  # There is no such name any more, or an array under it.
            return False


def _write(namespace: Namespace, items: Namespace) -> None:
    if type(namespace) is dict:
        namespace.update(items)
    else:
        for name, item in items.items():
            namespace[name] = item


class _Replaced:
    """How many runs there are, what is replaced, whether that is all there is, and where originals were found."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.runs = 0
        self.everywhere = False
        self.replaced: list[_Found] = []
        self.added: list[tuple[Namespace, list[str]]] = []
        self._modules = 0
        self._found: list[_Found] = []

    def enter(self, f: Any, kept: Kept) -> None:
        """One run more, of a function and of what it keeps."""
        own = globals_of(f)
        with self.lock:
            self.runs += 1  # First, so that what raises here is undone by `leave`.
            seen = None if self.everywhere else reached(f, stand_ins())
            if seen is not None:
                for space in seen[0]:
                    self._replace(_Found(space, seen[1]))
            elif not self.everywhere:
                self.everywhere = True
                for found in self._namespaces():
                    self._replace(found if found.is_there() else _Found(found.namespace, found.originals))
            self._replace(_Found(kept, kept.slots))
            for space in kept.modules if own is None else [own, *kept.modules]:
                added = {name: item for name, item in BUILTINS.items() if name not in space}
                self.added.append((space, [*added]))
                space.update(added)
            if seen is None and own is not None:
                self._replace(_Found(own, [*own]))

    def leave(self) -> None:
        """One run less; after the last one everything is as it was."""
        with self.lock:
            self.runs -= 1
            self.everywhere = self.everywhere and self.runs > 0
            while not self.runs and self.replaced:
                found = self.replaced.pop()
                _write(found.namespace, found.originals)
            while not self.runs and self.added:
                namespace, names = self.added.pop()
                for name in names:
                    namespace.pop(name, None)

    def _namespaces(self) -> list[_Found]:
        """Where modules have originals, and under which names; searched anew when there are other modules."""
        if self._modules != len(sys.modules):
            stand_ins.cache_clear()
            spaces: list[tuple[Namespace, Iterable[str]]] = [
                (module.__dict__, [*module.__dict__]) for name, module in list(sys.modules.items())
                if isinstance(module, ModuleType) and not name.startswith("pandas.")
                and (name.partition(".")[0] not in _APART or name.startswith("absnormal.gallery"))
            ]
            spaces += [(namespace_of(kind), rules) for kind, _, rules in classes()]
            self._found = [found for space, names in spaces if (found := _Found(space, names)).originals]
            self._modules = len(sys.modules)
        return self._found

    def _replace(self, found: _Found) -> None:
        if found.originals:
            self.replaced.append(found)
            _write(found.namespace, found.stand_ins)


def stood_in(f: Any) -> Any:
    """The rule of f itself, where f is a function of NumPy or SciPy that has a stand-in, maybe with arguments."""
    if type(f) is functools.partial:
        return functools.partial(stood_in(f.func), *f.args, **f.keywords)
    known = stand_ins().get(id(f))
    return f if known is None else known[2]


_REPLACED = _Replaced()


@contextmanager
def following(builder: Builder, f: Any) -> Iterator[None]:
    """Stand-ins for NumPy's functions, while f runs in this thread; what f has kept holds plain numbers afterwards."""
    kept = Kept(f)
    large = kept.large
    try:
        _REPLACED.enter(f, kept)
        with run_of(builder, f):
            yield
    finally:
        _REPLACED.leave()
        Kept(f).settle(lambda item: settled(item, builder), globals_of(f) or {}, large)
