"""The command `absnormal check`: a verdict on a function at a point, with an exit status for scripts.

Exit status: 0 CLARKE, 1 NOT_CLARKE, 2 bad usage or a function that cannot be analysed there, 3 UNDECIDED.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import importlib.util
import json
import os
import re
import sys
import traceback
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from absnormal.errors import AbsNormalError
from absnormal.report.verdict import Verdict
from absnormal.verify import verify

STATUS = {Verdict.CLARKE: 0, Verdict.NOT_CLARKE: 1, Verdict.UNDECIDED: 3}
BAD = 2

_EPILOG = """\
examples:
  absnormal check absnormal.gallery:identity
  absnormal check package.module:loss --at "0, 0" --slope torch
  absnormal check path/to/file.py:loss --at "1/10, 0" --slope -1
  absnormal check package.module:loss --at point.npy --gradient gradient.npy

exit status: 0 CLARKE, 1 NOT_CLARKE, 2 bad usage or cannot be analysed, 3 UNDECIDED
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status.

    >>> main(["check", "absnormal.gallery:rosenbrock"])  # doctest: +ELLIPSIS
    CLARKE: proved: the gradient is an element of the Clarke generalized gradient
    ...
    0
    """
    arguments = _parser().parse_args(_joined(sys.argv[1:] if argv is None else argv))
    try:
        report = _check(arguments)
    except Exception as error:
        # The user's own function may raise anything: one line, and the traceback when asked for.
        if arguments.traceback:
            raise
        print(f"absnormal: {_line(error)}", file=sys.stderr)
        return BAD
    print(report)
    return STATUS[report.verdict]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="absnormal",
        description="Is the gradient that an AD tool returns at a kink a Clarke generalized gradient?",
    )
    parser.add_argument("--version", action="version", version=f"absnormal {_version()}")
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser(
        "check", help="a verdict on a function at a point", epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    check.add_argument("target", help="module:function, path/to/file.py:function, or path/to/model.onnx")
    check.add_argument(
        "--at", metavar="POINT",
        help='numbers or fractions "0, 1/10", JSON (a dict for named arrays), or a .npy file; a fraction is'
        " exact, and makes the check --exact; an example of absnormal.gallery brings its own point",
    )
    check.add_argument(
        "--slope",
        help="derivative of |u| at u = 0: a number, numbers (one a switch), or autograd, torch, jax, casadi",
    )
    check.add_argument("--exact", action="store_true", help="rational arithmetic (piecewise-linear f)")
    check.add_argument("--atol", type=float, default=0.0, help="switches with |z| <= ATOL count as active")
    check.add_argument("--gradient", help="a vector from any tool to be judged as it is, written like POINT")
    check.add_argument("--seed", type=int, default=0, help="of the direction of the certified gradient")
    check.add_argument("--traceback", action="store_true", help="show the traceback of an error")
    return parser


def _joined(argv: Sequence[str]) -> list[str]:
    """`--at -1,0` as `--at=-1,0`: argparse takes the value for an option otherwise."""
    result: list[str] = []
    for word in argv:
        if result and result[-1] in ("--at", "--slope", "--gradient") and re.match(r"-[\d.]", word):
            result[-1] += f"={word}"
        else:
            result.append(word)
    return result


def _check(arguments: argparse.Namespace) -> Any:
    given_point = None if arguments.at is None else numbers(arguments.at)
    target = _model(arguments.target, given_point) if arguments.target.endswith(".onnx") else load(arguments.target)
    at = getattr(target, "point", None) if given_point is None else given_point
    if at is None:
        raise ValueError('--at is missing: give the point, for example --at "0, 0"')
    slope = getattr(target, "slope", None) if arguments.slope is None else _slope(arguments.slope)
    given = None if arguments.gradient is None else numbers(arguments.gradient)
    options = {"exact": arguments.exact, "atol": arguments.atol, "seed": arguments.seed}
    return verify(target, at, gradient=given, slope=slope, **options)


def _model(path: str, at: Any) -> Any:
    """The program of an ONNX model, traced at the point."""
    from absnormal.frontends.onnx.load import load as load_onnx

    return load_onnx(path, at)


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
        return np.load(text, allow_pickle=False)
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
    return np.asarray(value, dtype=float)


def _slope(text: str) -> Any:
    if re.fullmatch(r"[A-Za-z]\w*", text) and text.lower() not in ("nan", "inf"):
        return text
    values = numbers(text)
    return values[0] if len(values) == 1 and not text.lstrip().startswith("[") else values


def _line(error: Exception) -> str:
    """An error in one line; one that the package did not raise on purpose with its name and the user's line."""
    said = " ".join(str(error).split())
    if said and isinstance(error, (AbsNormalError, ValueError, ImportError)):
        return said
    ours = str(Path(__file__).parent)
    frames = traceback.extract_tb(error.__traceback__)
    user = [frame for frame in frames if not frame.filename.startswith((ours, "<", os.path.dirname(np.__file__)))]
    where = f" at {os.path.basename(user[-1].filename)}:{user[-1].lineno}" if user else ""
    return f"{type(error).__name__}{where}: {said}"


def _version() -> str:
    try:
        return importlib.metadata.version("absnormal")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"
