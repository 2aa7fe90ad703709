"""Columns of pandas that hold variables: what Series and DataFrame keep while f is followed."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from absnormal.frontends.numpy.creation import arrayed, of_list
from absnormal.frontends.numpy.held import taken, variable_in
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import first_traced, writer_of

#: NumPy's functions for reductions and accumulations by pandas' names.
_REDUCED: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    **{name: (getattr(np, name), {}) for name in ("sum", "prod", "mean", "median", "max", "min", "all", "any")},
    "var": (np.var, {"ddof": 1}), "std": (np.std, {"ddof": 1}),
}  # fmt: skip
_ACCUMULATED = {"cumsum": np.add, "cumprod": np.multiply, "cummax": np.maximum, "cummin": np.minimum}


def _missing(u: Any) -> Any:
    """Where entries are NaN, which stands for what is missing."""
    return np.isnan(np.asarray(u.value if isinstance(u, TracedArray) else u, dtype=float))


def _filled(u: TracedArray, value: Any) -> Any:
    """What is missing filled in."""
    return np.where(_missing(u), value, u) if _missing(u).any() else u


@functools.cache
def column_kind() -> Any:
    """The class of columns, which pandas knows as one of its extensions."""
    extensions: Any = importlib.import_module("pandas.api.extensions")
    mixin: Any = importlib.import_module("pandas.core.arraylike").OpsMixin

    class Kind(extensions.ExtensionDtype):  # type: ignore[misc]
        name, type, kind, na_value, _is_numeric = "variable", float, "f", np.nan, True

        @classmethod
        def construct_array_type(cls) -> Any:
            return Column

    class Column(mixin, extensions.ExtensionArray):  # type: ignore[misc]
        holds_columns = True

        def __init__(self, variables: Any) -> None:
            self.variables = variables

        @classmethod
        def _from_sequence(cls, scalars: Any, *, dtype: Any = None, copy: bool = False) -> Any:
            if isinstance(scalars, Column):
                return scalars
            items = [np.nan if item is None else item for item in scalars]
            first = next(item for item in items if isinstance(item, TracedArray)) if first_traced(items) else None
            return np.array(items, float) if first is None else cls(arrayed(items))

        @classmethod
        def _concat_same_type(cls, to_concat: Sequence[Any]) -> Any:
            return cls(np.concatenate([item.variables for item in to_concat]))  # type: ignore[arg-type]

        dtype = property(lambda self: Kind())
        nbytes = property(lambda self: self.variables.nbytes)

        def __len__(self) -> int:
            return len(self.variables)

        def __getitem__(self, key: Any) -> Any:
            found = self.variables[key]
            return Column(found) if isinstance(found, TracedArray) and found.ndim else found

        def __setitem__(self, key: Any, value: Any) -> None:
            self.variables[key] = value.variables if isinstance(value, Column) else value

        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            made = np.empty(len(self), object)
            for place, entry in enumerate(self.variables):
                made[place] = entry
            return made

        def isna(self) -> Any:
            return _missing(self.variables)

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_") or name == "variables":
                raise AttributeError(name)
            return getattr(self.variables, name)

        def copy(self) -> Any:
            return Column(self.variables.copy())

        def take(self, indices: Any, *, allow_fill: bool = False, fill_value: Any = None) -> Any:
            places = np.asarray(indices, int)
            found = self.variables[places]
            return Column(np.where(places < 0, np.nan, found) if allow_fill and (places < 0).any() else found)

        def shift(self, periods: int = 1, fill_value: Any = None) -> Any:
            return self.take(_shifted(len(self), periods), allow_fill=True)

        def fillna(self, value: Any = None, limit: Any = None, copy: bool = True) -> Any:
            return Column(_filled(self.variables, value))

        def to_numpy(self, dtype: Any = None, copy: bool = False, na_value: Any = None) -> Any:
            return self.__array__() if dtype in (object, np.dtype(object)) else self.variables

        def astype(self, dtype: Any, copy: bool = True) -> Any:
            return self.copy() if dtype in (float, "float", "float64") else super().astype(dtype, copy)

        def map(self, mapper: Callable[[Any], Any], na_action: Any = None) -> Any:
            return Column._from_sequence([mapper(entry) for entry in self.variables])

        def argsort(self, *, ascending: bool = True, kind: str = "quicksort", na_position: str = "last",
                    **kwargs: Any) -> Any:
            return np.asarray(np.argsort(self.variables if ascending else -self.variables))

        def argmax(self, skipna: bool = True) -> int:
            return int(np.argmax(self.variables))

        def argmin(self, skipna: bool = True) -> int:
            return int(np.argmin(self.variables))

        def _arith_method(self, other: Any, op: Callable[..., Any]) -> Any:
            given = other.variables if isinstance(other, Column) else of_list(other)
            return _column(op(self.variables, given))

        def _cmp_method(self, other: Any, op: Callable[..., Any]) -> Any:
            return np.asarray(op(self.variables, other.variables if isinstance(other, Column) else other))

        _logical_method = _arith_method

        def __abs__(self) -> Any:
            return Column(np.abs(self.variables))

        def __neg__(self) -> Any:
            return Column(-self.variables)

        def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
            inputs = tuple(item.variables if isinstance(item, Column) else item for item in inputs)
            return _column(getattr(ufunc, method)(*inputs, **kwargs))

        def _reduce(self, name: str, *, skipna: bool = True, keepdims: bool = False, **kwargs: Any) -> Any:
            if name not in _REDUCED:
                writer_of(self.variables, f"pandas.Series.{name}").refuse(
                    "is not supported", "use NumPy's function of s.to_numpy()")
            function, options = _REDUCED[name]
            options = {key: kwargs.get(key, value) for key, value in options.items()}
            result: Any = function(self.variables[~self.isna()] if skipna else self.variables, **options)
            return Column(result.reshape(1)) if keepdims else result

        def _accumulate(self, name: str, *, skipna: bool = True, **kwargs: Any) -> Any:
            gone = self.isna()
            start = {"cumsum": 0.0, "cumprod": 1.0, "cummax": -np.inf, "cummin": np.inf}[name]
            found = _ACCUMULATED[name].accumulate(_filled(self.variables, start))
            return Column(np.where(gone, np.nan, found) if gone.any() else found)

    def _column(result: Any) -> Any:
        return Column(result) if isinstance(result, TracedArray) and result.ndim else result

    return Column


def _shifted(size: int, periods: int) -> Any:
    places = np.arange(size) - periods
    return np.where((places >= 0) & (places < size), places, -1)


# -- what pandas' functions are of variables ---------------------------------------------------------------


def _loaded() -> Any:
    return sys.modules["pandas"]


def _column_of(value: Any) -> Any:
    """Variables as a column, anything else as it is."""
    found = of_list(taken(value)) if variable_in(value) is not None else value
    return column_kind()(found) if isinstance(found, TracedArray) else found


def _again(series: Any, variables: Any) -> Any:
    return _loaded().Series(_column_of(variables), index=series.index, name=series.name)


def series(data: Any = None, index: Any = None, dtype: Any = None, name: Any = None, copy: Any = None) -> Any:
    """pandas.Series."""
    if isinstance(data, dict):
        index, data = [*data] if index is None else index, [*data.values()]
    return _loaded().Series(_column_of(data), index=index, name=name)


def frame(data: Any = None, index: Any = None, columns: Any = None, dtype: Any = None, copy: Any = None) -> Any:
    """pandas.DataFrame."""
    if not isinstance(data, dict):
        table: Any = np.asarray(of_list(data)) if not isinstance(of_list(data), TracedArray) else of_list(data)
        names = range(table.shape[1]) if columns is None else columns
        return _loaded().DataFrame({name: _column_of(table[:, at]) for at, name in enumerate(names)}, index=index)
    return _loaded().DataFrame({name: _column_of(item) for name, item in data.items()}, index=index, columns=columns)


def set_item(self: Any, key: Any, value: Any) -> None:
    """pandas.DataFrame.__setitem__."""
    _loaded().DataFrame.__setitem__(self, key, _column_of(value))


def assign(self: Any, **kwargs: Any) -> Any:
    """pandas.DataFrame.assign."""
    made = self.copy()
    for name, value in kwargs.items():
        set_item(made, name, value(made) if callable(value) else value)
    return made


def dot(self: Any, other: Any) -> Any:
    """Products of a table, or a Series, with variables."""
    result = np.matmul(taken(self), taken(other))
    if not isinstance(result, TracedArray) or result.ndim != 1 or self.ndim != 2:
        return result
    return _loaded().Series(_column_of(result), index=self.index)


class Windows:
    """pandas.Series.rolling and expanding: what is computed of the entries in each window."""

    def __init__(self, own: Any, made: Callable[[Any], Any]) -> None:
        self.own, self.variables = own, own.array.variables
        plain = _loaded().Series(self.variables.value.astype(float))
        self._windows = made(plain)
        self._places = [window.index.to_numpy() for window in self._windows]

    def _each(self, name: str, function: Callable[[Any], Any], **kwargs: Any) -> Any:
        known = ~np.isnan(getattr(self._windows, name)(**kwargs).to_numpy())
        gone = _missing(self.variables)
        parts = [function(self.variables[where[~gone[where]]]) if here else np.nan
                 for where, here in zip(self._places, known, strict=True)]
        return _again(self.own, parts)

    def var(self, ddof: int = 1) -> Any:
        return self._each("var", functools.partial(np.var, ddof=ddof), ddof=ddof)

    def std(self, ddof: int = 1) -> Any:
        return self._each("std", functools.partial(np.std, ddof=ddof), ddof=ddof)

    sum = functools.partialmethod(_each, "sum", np.sum)
    mean = functools.partialmethod(_each, "mean", np.mean)
    median = functools.partialmethod(_each, "median", np.median)
    max = functools.partialmethod(_each, "max", np.max)
    min = functools.partialmethod(_each, "min", np.min)

    def apply(self, func: Callable[[Any], Any], raw: bool = False) -> Any:
        return self._each("sum", func)


def rolling(self: Any, window: Any, min_periods: Any = None, center: bool = False) -> Windows:
    """pandas.Series.rolling."""
    return Windows(self, lambda plain: plain.rolling(window, min_periods=min_periods, center=center))


def expanding(self: Any, min_periods: int = 1) -> Windows:
    """pandas.Series.expanding."""
    return Windows(self, lambda plain: plain.expanding(min_periods))


class Weighted:
    """pandas.Series.ewm: means that forget."""

    def __init__(self, own: Any, options: dict[str, Any]) -> None:
        self.own, self.options = own, options

    def mean(self) -> Any:
        from absnormal.frontends.numpy.library import affine_map

        u = self.own.array.variables
        write = writer_of(u, "pandas.Series.ewm")
        if _missing(u).any():
            write.refuse("is followed where nothing is missing", "call dropna before it")
        return _again(self.own, affine_map(
            write, lambda plain: _loaded().Series(plain).ewm(**self.options).mean().to_numpy(), u))


def weighted(
    self: Any, com: Any = None, span: Any = None, halflife: Any = None, alpha: Any = None, min_periods: Any = 0,
    adjust: bool = True,
) -> Weighted:
    """pandas.Series.ewm."""
    return Weighted(self, {"com": com, "span": span, "halflife": halflife, "alpha": alpha, "adjust": adjust})


#: Classes that are called for variables, and methods of those that hold some.
COLUMNS: dict[str, Callable[..., Any]] = {"Series": series, "DataFrame": frame}
COLUMN_METHODS: tuple[tuple[str, str, dict[str, Callable[..., Any]]], ...] = (
    ("pandas.core.generic", "NDFrame", {
        "clip": lambda self, lower=None, upper=None: _again(self, np.clip(self.array.variables, lower, upper)),
        "rolling": rolling, "expanding": expanding, "ewm": weighted}),
    ("pandas", "Series", {
        # Of two columns in one order.
        "corr": lambda self, other: np.corrcoef(taken(self), taken(other))[0, 1],
        "cov": lambda self, other: np.cov(taken(self), taken(other))[0, 1],
        "quantile": lambda self, q=0.5: np.quantile(self.array.variables[~self.array.isna()], q),
        "nlargest": lambda self, n=5: self.sort_values(ascending=False).head(n),
        "nsmallest": lambda self, n=5: self.sort_values().head(n), "dot": dot, "__matmul__": dot}),
    ("pandas", "DataFrame", {"__setitem__": set_item, "assign": assign, "dot": dot, "__matmul__": dot}),
)
