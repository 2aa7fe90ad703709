"""Are the functions of autograd's own tests followed, with the value and the gradient that autograd returns?

    python -m tests.foreign.autograd_tests [--all] [FOLDER]    a table, and with --all each refusal

The tests are those of autograd's source distribution, of the version that is installed: a FOLDER that holds test files,
or what pip downloads into a temporary folder.  They run under pytest as they are, with `autograd.test_util.check_grads`
replaced: each of its calls is a function and a point.  A function without real input, or one that autograd does not
differentiate, says nothing.  Results of many numbers are made one number with random weights.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from autograd import builtins, test_util
from autograd.core import vspace

import absnormal as an
from tests.frontends.outcomes import FAULTS, UNTYPED, Outcome, Wrong, collected, judged_or_refused

EQUAL, COMPLEX, NOT_RUN = "equal", "complex input", "not differentiated by autograd"
#: Functions that call autograd themselves, which takes no variables but its own; these are words of the errors.
WITHIN = "differentiates with autograd"
_INSIDE = ("Can't differentiate w.r.t. type", "an argument of type ArrayBox is not a real array")
#: Tests of functions whose derivatives are wrong on purpose.
_WRONG_ON_PURPOSE = "test_tests.py"
_RTOL = 1e-8


def leaves(value: Any) -> Iterator[Any]:
    """The arrays and numbers of nested containers, autograd's own among them."""
    if builtins.isinstance(value, dict):
        value = [value[key] for key in sorted(value)]
    if builtins.isinstance(value, (list, tuple)):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def one_number(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A real function whose value tells the entries of f's results apart."""

    def weighted(x: Any) -> Any:
        random, total = np.random.default_rng(0), 0.0
        for part in leaves(f(x)):
            paired = np.issubdtype(_dtype(part), np.complexfloating)
            for real in (anp.real(part), anp.imag(part)) if paired else (part,):
                total = total + anp.sum(random.uniform(0.5, 1.5, np.shape(real)) * real)
        return total

    weighted.__wrapped__ = f  # type: ignore[attr-defined]
    return weighted


def _dtype(part: Any) -> Any:
    return getattr(part, "dtype", None) or np.result_type(part)


def counterparts() -> dict[int, Any]:
    """What stands for what in autograd's modules, by identity: NumPy's and SciPy's modules and functions."""
    found = {}
    for name, module in list(sys.modules.items()):
        if name.startswith(("autograd.numpy", "autograd.scipy")) and not name.endswith("numpy_wrapper"):
            try:
                plain = importlib.import_module(name.removeprefix("autograd."))
            except ImportError:  # A module that is a file of autograd's own.
                plain = _of(name.removeprefix("autograd."))
            if plain is None:
                continue
            found[id(module)] = plain
            for own, value in vars(module).items():
                if callable(value) and callable(getattr(plain, own, None)):
                    found[id(value)] = getattr(plain, own)
    return found


def _of(name: str) -> Any:
    """What has a dotted name below a module: scipy.stats.norm."""
    module, _, rest = name.rpartition(".")
    return getattr(importlib.import_module(module), rest, None)


@contextmanager
def plain(folder: Path, table: dict[int, Any]) -> Iterator[None]:
    """The test files with NumPy and SciPy in the place of autograd's modules and functions."""
    held = []
    for file in folder.glob("*.py"):
        if file.stem in sys.modules:
            names = vars(sys.modules[file.stem])
            held += [(names, name, value) for name, value in names.items() if id(value) in table]
    for names, name, value in held:
        names[name] = table[id(value)]
    try:
        yield
    finally:
        for names, name, value in held:
            names[name] = value


def as_arrays(x: Any) -> Any:
    """Nested containers of numbers with every number an array: a tuple of numbers is one array elsewhere."""
    if isinstance(x, dict):
        return {key: as_arrays(item) for key, item in x.items()}
    return type(x)(as_arrays(item) for item in x) if isinstance(x, (list, tuple)) else np.asarray(x, float)


def of_check(
    f: Callable[[Any], Any], followed: Callable[[Any], Any], x: Any, words: AbstractContextManager[None]
) -> tuple[str, str]:
    """What becomes of a function at a point, which is ``followed`` in NumPy's words: its kind, and words.

    Where NumPy has no word for something of autograd's, f is followed as it is, through autograd's own functions.
    """
    if any(np.iscomplexobj(leaf) for leaf in leaves(x)):
        return COMPLEX, ""
    loss, point = one_number(f), as_arrays(x)
    try:
        with np.errstate(all="ignore"):
            value, returned = loss(x), autograd.grad(loss)(x)
        if vspace(returned) != vspace(x):
            return NOT_RUN, "a gradient of another shape"
    except Exception as error:
        return NOT_RUN, f"{type(error).__name__}: {error}"

    def judge(function: Callable[[Any], Any]) -> tuple[str, str]:
        made, gradient = an.trace(function, point)(point), an.gradient(function, point)
        if not np.allclose(made, value, rtol=_RTOL, atol=_RTOL, equal_nan=True):
            raise Wrong(f"the value is {made}, autograd's {value}")
        for ours, theirs in zip(leaves(gradient), leaves(returned), strict=True):
            scale = 1.0 + float(np.abs(theirs).max(initial=0.0))
            if not np.allclose(ours, theirs, rtol=_RTOL, atol=_RTOL * scale):
                raise Wrong(f"the gradient is {ours}, autograd's {theirs}")
        return EQUAL, ""

    with words:
        kind, text = judged_or_refused(lambda: judge(one_number(followed)))
    if kind == UNTYPED:
        kind, text = judged_or_refused(lambda: judge(loss))
    inside = kind != EQUAL and any(word in text for word in _INSIDE)
    return (WITHIN, text) if inside else (kind, text)


class Checks:
    """A plugin of pytest's that collects the outcomes of all checks, by test."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.found, self.test = folder, list[Outcome](), ""
        self.table: dict[int, Any] = {}

    def pytest_collection_finish(self) -> None:
        # All of autograd's modules that the tests use are loaded now.
        self.table = counterparts()

    def pytest_runtest_call(self, item: Any) -> None:
        self.test = item.nodeid

    def check_grads(self, f: Any, argnum: Any = 0, modes: Any = (), order: int = 2) -> Callable[..., None]:
        """What stands in the place of autograd's check_grads."""
        # A variable of its own is seen by the stand-ins for NumPy's functions, and so is what it wraps.
        numpys = self.table.get(id(f), f)

        def check(*args: Any, **kwargs: Any) -> None:
            def at(function: Any, given: Any) -> Any:
                places = [argnum] if isinstance(argnum, int) else argnum
                all_args = list(args)
                for place, value in zip(places, [given] if isinstance(argnum, int) else given, strict=True):
                    all_args[place] = value
                return function(*all_args, **kwargs)

            def followed(given: Any) -> Any:
                return at(numpys, given)

            followed.__wrapped__ = numpys  # type: ignore[attr-defined]
            x = args[argnum] if isinstance(argnum, int) else tuple(args[place] for place in argnum)
            outcome = of_check(lambda given: at(f, given), followed, x, plain(self.folder, self.table))
            self.found += collected(iter([Outcome(self.test, str(len(self.found)), *outcome)]))

        return check


def checks(folder: Path) -> list[Outcome]:
    """The outcomes of all checks of the test files in a folder."""
    plugin, genuine = Checks(folder), test_util.check_grads
    test_util.check_grads = plugin.check_grads
    try:
        pytest.main(["-q", "--no-header", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist", "-c", "/dev/null",
                     "--rootdir", str(folder), f"--ignore={folder / _WRONG_ON_PURPOSE}", str(folder)], plugins=[plugin])
    finally:
        test_util.check_grads = genuine
    return plugin.found


def downloaded(into: Path) -> Path:
    """The tests of autograd's source distribution, unpacked into a folder."""
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:",
                    f"autograd=={version('autograd')}"], cwd=into, check=True)
    with tarfile.open(next(into.glob("autograd-*.tar.gz"))) as archive:
        archive.extractall(into, filter="data")
    return next(into.glob("autograd-*/tests"))


def main() -> int:
    """0 where nothing is wrong."""
    given = [name for name in sys.argv[1:] if name != "--all"]
    with tempfile.TemporaryDirectory() as folder:
        found = checks(Path(given[0]).resolve() if given else downloaded(Path(folder).resolve()))
    kinds = Counter(outcome.kind for outcome in found)
    if "--all" in sys.argv:
        print("\n".join(str(outcome) for outcome in found if outcome.kind not in (EQUAL, COMPLEX)))
    counted = len(found) - kinds[COMPLEX] - kinds[NOT_RUN] - kinds[WITHIN]
    print(f"{counted} checks of functions of real input, {kinds[EQUAL]} with autograd's value and gradient "
          f"({100 * kinds[EQUAL] / max(1, counted):.1f} %)")
    print("\n".join(f"{count:6}  {kind}" for kind, count in kinds.most_common()))
    return int(any(kinds[kind] for kind in FAULTS) or not counted)


if __name__ == "__main__":
    sys.exit(main())
