"""What a command names: the function, its point, many points, slopes."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import re
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from absnormal.frontends.points import made


def load_at(target: str, at: str | None, framework: str = "") -> tuple[Any, Any]:
    """The function that a target names, or the program of an ONNX model, and the point: ``at``, or an example's own."""
    point = None if at is None else numbers(at)
    if target.endswith(".onnx"):
        from absnormal.frontends.onnx.load import load as load_onnx

        found = load_onnx(target, point)
    else:
        found = load(target)
    point = getattr(found, "point", None) if point is None else made(framework, point)
    if point is None:
        raise ValueError('--at is missing: give the point, for example --at "0, 0"')
    return found, point


def load(target: str) -> Any:
    """The function that "module:function" or "path/to/file.py:function" names.

    >>> load("absnormal.gallery:identity").name
    'identity'

    Raises
    ------
    ValueError
        when there is no colon, or no such name in the module
    ImportError
        when the module cannot be imported
    """
    place, colon, name = target.rpartition(":")
    if target.endswith(".onnx"):
        raise ValueError(
            f"{target} is a model, which check --at and trace --at take; for many points call"
            " absnormal.sweep(absnormal.onnx.load(path, inputs), points)"
        )
    if not (colon and place and name):
        raise ValueError(f"TARGET must be module:function or path/to/file.py:function, got {target!r}")
    found: Any = _module(place)
    for part in name.split("."):
        if not hasattr(found, part):
            raise ValueError(f"{place} has no {name!r}")
        found = getattr(found, part)
    return found


def _module(place: str) -> ModuleType:
    if not place.endswith(".py"):
        directory = os.getcwd()
        if directory not in sys.path:
            sys.path.insert(0, directory)
        return importlib.import_module(place)
    path = Path(place).resolve()
    if not path.is_file():
        raise ValueError(f"there is no file {place}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{place} cannot be imported")
    # As when Python runs a file: its own directory comes first.
    sys.path.insert(0, str(path.parent))
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    spec.loader.exec_module(module)
    return module


def numbers(text: str) -> Any:
    """A point: a .npy file, JSON, or numbers and fractions with commas; one number is a vector of one.

    >>> numbers("0, -1.5"), numbers('{"b": [1, 2]}')
    (array([ 0. , -1.5]), {'b': array([1., 2.])})
    >>> numbers("1/10, 0")
    array([Fraction(1, 10), Fraction(0, 1)], dtype=object)
    """
    if text.endswith(".npy"):
        return _loaded(text)
    if text.lstrip().startswith(("{", "[")):
        try:
            return _arrays(json.loads(text))
        except json.JSONDecodeError as error:
            raise ValueError(f"{text!r} is not JSON: {error}") from error
    entries = [part.strip() for part in text.strip().rstrip(",").split(",")]
    try:
        if any("/" in entry for entry in entries):
            return np.array([Fraction(entry) for entry in entries], dtype=object)
        return np.array([float(entry) for entry in entries])
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError(f"{text!r} must be numbers, JSON or a .npy file: {error}") from error


def _arrays(value: Any) -> Any:
    """JSON with its lists of numbers as arrays."""
    if isinstance(value, dict):
        return {key: _arrays(item) for key, item in value.items()}
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return [_arrays(item) for item in value]
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{json.dumps(value)} is neither a number nor lists of numbers of equal lengths") from error


def slope(text: str) -> Any:
    """A slope: a number, numbers, or a tool's name.

    >>> slope("torch"), slope("1, 0.5")
    ('torch', array([1. , 0.5]))
    """
    if re.fullmatch(r"[A-Za-z]\w*", text) and text.lower() not in ("nan", "inf"):
        return text
    values = numbers(text)
    return values[0] if len(values) == 1 and not text.lstrip().startswith("[") else values


class Rows:
    """The points of a file, one a row, read as they are asked for.

    A .npy file holds an array (points, ...), a .npz file one such array for each name of a dict.  With a framework's
    name the points are arrays of it.

    Raises
    ------
    ValueError
        for another kind of file, or arrays whose numbers of rows differ
    """

    def __init__(self, path: str, framework: str = "") -> None:
        self.framework = framework
        if not path.endswith((".npy", ".npz")):
            raise ValueError(f"POINTS must be a .npy or .npz file, got {path!r}")
        found = _loaded(path)
        self.arrays: Any = {name: found[name] for name in found.files} if path.endswith(".npz") else found
        columns = list(self.arrays.values()) if isinstance(self.arrays, dict) else [self.arrays]
        lengths = {array.shape[0] if array.ndim else -1 for array in columns}
        if len(lengths) != 1 or -1 in lengths:
            raise ValueError(f"{path} must hold one point a row, got arrays with {sorted(lengths)} rows")
        self.length = lengths.pop()

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[Any]:
        for row in range(self.length):
            if isinstance(self.arrays, dict):
                point: Any = {name: np.array(array[row]) for name, array in self.arrays.items()}
            else:
                point = np.array(self.arrays[row])
            yield made(self.framework, point)


def _loaded(path: str) -> Any:
    try:
        return np.load(path, mmap_mode="r" if path.endswith(".npy") else None, allow_pickle=False)
    except ValueError as error:
        raise ValueError(f"{path} is not a file of numbers: {error}") from error
