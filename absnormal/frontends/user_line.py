"""The line of the user's code that an operation comes from."""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from types import CodeType, FrameType

import numpy as np
import scipy

from absnormal.program.nodes import Source

_OURS = __file__.rsplit("frontends", 1)[0]
#: The examples of the package stand for a user's code.
_USER_INSIDE = _OURS + "gallery"
_LIBRARIES = (
    np.__file__.rsplit("__init__", 1)[0],
    scipy.__file__.rsplit("__init__", 1)[0],
    "<__array_function__",
    "<stringsource>",
)
_SPARSE = os.path.join(_LIBRARIES[1], "sparse") + os.sep
#: Solvers for sparse matrices, which are written with NumPy's functions.
_SOLVERS = os.path.join(_SPARSE, "linalg") + os.sep
#: Functions that are put around others.
_WRAPPERS = {"wrapper", "wrapped", "inner", "_wrapper"}
_PYTHON = ("<", *{sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib")})


def caller() -> Source | None:
    """The innermost line outside this package, NumPy and SciPy."""
    frame = sys._getframe(1)
    while frame is not None:
        if is_user(frame.f_code.co_filename):
            return Source(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back  # type: ignore[assignment]
    return None


@functools.cache
def is_user(file: str) -> bool:
    """Whether a file lies outside this package, NumPy, SciPy and pandas."""
    theirs = file.startswith(_LIBRARIES) or file.endswith(".pyx") or package_of(file) == "pandas"
    return not is_ours(file) and not theirs


@functools.cache
def is_ours(file: str) -> bool:
    """Whether a file belongs to this package, and stands for no user's code."""
    return file.startswith(_OURS) and not file.startswith(_USER_INSIDE)


@functools.cache
def stands_alone(file: str) -> bool:
    """Whether a file has NumPy's own functions also while a function is followed: this package's, sparse
    matrices', and pandas', whose columns are extensions of it."""
    sparse = file.startswith(_SPARSE) and not file.startswith(_SOLVERS)
    return is_ours(file) or sparse or package_of(file) == "pandas"


@functools.cache
def of_python(file: str) -> bool:
    """Whether a file belongs to Python itself, or is none.

    >>> of_python(os.__file__), of_python(np.__file__)
    (True, False)
    """
    return file.startswith(_PYTHON) and f"{os.sep}site-packages{os.sep}" not in file


@functools.lru_cache(maxsize=1000)
def names_of(code: CodeType) -> tuple[str, ...]:
    """The global names and attributes that some code uses, in its inner functions too."""
    inner = [name for item in code.co_consts if isinstance(item, CodeType) for name in names_of(item)]
    return (*code.co_names, *inner)


def library_name(frame: FrameType | None) -> str | None:
    """The public name of the function of NumPy or SciPy that the user's line calls, of the frames from one outwards."""
    name = None
    while frame is not None and not is_user(frame.f_code.co_filename):
        function = frame.f_code.co_name
        if function == "__call__" and "self" in frame.f_locals:
            function = type(frame.f_locals["self"]).__name__
        if frame.f_code.co_filename.startswith(_LIBRARIES[:2]) and function not in _WRAPPERS:
            module = str(frame.f_globals.get("__name__", "")).partition("._")[0]
            name = f"{module}.{function}".replace("numpy.", "np.", 1)
        frame = frame.f_back
    return name


def package_of(file: str) -> str:
    """The installed package that a file belongs to; empty for files that lie elsewhere."""
    _, found, rest = file.rpartition(f"{os.sep}site-packages{os.sep}")
    return rest.split(os.sep)[0] if found else ""


def library_call() -> tuple[str, ...]:
    """The functions of NumPy and SciPy between the user's line and this package, outermost first."""
    names: list[str] = []
    frame = sys._getframe(1)
    while frame is not None and not is_user(frame.f_code.co_filename):
        file = frame.f_code.co_filename
        if file.startswith(_LIBRARIES):
            names.append(file.rsplit("site-packages", 1)[-1].strip("/\\").split(os.sep)[0] + "." + frame.f_code.co_name)
        frame = frame.f_back  # type: ignore[assignment]
    return tuple(reversed(names))
