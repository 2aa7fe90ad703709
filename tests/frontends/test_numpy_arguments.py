"""Does every rule for a function of NumPy's read each argument, or refuse it by name?"""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.frontends.numpy.arguments import IDLE, given, is_default, plan
from absnormal.frontends.numpy.functions import FUNCTIONS, LIKE_FUNCTIONS, METHODS

Parameter = inspect.Parameter

#: What a rule takes and does not need: NumPy asks for it, and any value is right.
UNREAD = {
    ("partition", "kth"),  # All is sorted.
    ("real_if_close", "tol"),  # A real array has no imaginary part.
    ("iscomplexobj", "x"), ("isrealobj", "x"), ("astype", "copy"),
}  # fmt: skip


def name_of(function: Any) -> str:
    return f"{function.__module__}.{function.__name__}"


def codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for item in code.co_consts:
        if isinstance(item, CodeType):
            yield from codes(item)


def loaded(rule: Callable[..., Any]) -> set[str]:
    """The names that a function's code loads; Python 3.13 loads two at once."""
    steps = [
        item for code in codes(inspect.unwrap(rule).__code__) for item in dis.get_instructions(code)
        if item.opname.startswith("LOAD")
    ]
    return {str(name) for item in steps for name in (item.argval if type(item.argval) is tuple else (item.argval,))}


ROWS = [*FUNCTIONS.items(), *((LIKE_FUNCTIONS[name], METHODS[name]) for name in LIKE_FUNCTIONS)]


@pytest.mark.parametrize(("function", "rule"), ROWS, ids=lambda item: getattr(item, "__name__", ""))
def test_a_rule_reads_what_it_takes_and_refuses_the_rest_by_name(function: Any, rule: Any) -> None:
    own = plan(function, rule)
    leading = [name for name, item in own.signature.parameters.items() if item.default is Parameter.empty
               and item.kind not in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)]
    assert set(leading) <= set(own.target), "what NumPy requires goes over"
    for theirs, name in own.target.items():
        assert name == "" or name in loaded(rule) or name not in own.takes or (function.__name__, theirs) in UNREAD
        here, there = own.takes.get(name), own.signature.parameters[theirs]
        if here is not None and there.default is not Parameter.empty:
            absent = there.default is np._NoValue and (not here.default or name == "where")
            same = absent or here.default == there.default
            assert same or there.default is None or here.default is None
    for name, item in own.signature.parameters.items():
        if name in own.target or name in IDLE or item.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
            continue
        another = {"dtype": np.float32, "order": "F"}.get(name, np.zeros(3))
        call = {one: another if one == name else None for one in (*leading, name)}
        first = [call.pop(one) for one, parameter in own.signature.parameters.items()
                 if one in leading and parameter.kind is Parameter.POSITIONAL_ONLY]
        with pytest.raises(an.TraceError, match=f"the argument {name}= is not supported"):
            given(function, rule, "f", None, first, call)
        assert is_default(name, item.default, item.default)


@pytest.mark.parametrize("name", sorted(set(METHODS) - set(LIKE_FUNCTIONS)))
def test_a_method_reads_what_it_takes(name: str) -> None:
    for parameter in inspect.signature(METHODS[name]).parameters:
        assert parameter in loaded(METHODS[name]) or (name, parameter) in UNREAD


X = np.array([[0.5, -1.5, 2.0], [1.25, 0.75, -0.25], [3.0, 1.0, -2.0]])
U = np.array([0.25, 1.5, -2.0])

#: Calls with arguments by NumPy's names, and in its places, which have to mean the same.
CALLS: list[tuple[str, Callable[[Any], Any]]] = [
    ("names of the first argument", lambda x: np.sum(a=x, axis=0) + np.take(a=x, indices=[1], axis=0)[0]),
    ("append by name", lambda x: np.append(arr=x, values=U[None], axis=0)),
    ("tile, repeat, roll by name", lambda x: np.tile(A=x, reps=2)[:, :3] + np.repeat(a=x, repeats=1, axis=0)),
    ("full_like by name", lambda x: x * np.full_like(x, fill_value=2.0)),
    ("full_like of an entry", lambda x: x * np.full_like(x, x[0, 1])),
    ("full_like by place", lambda x: x * np.full_like(x, 2.0, float)),
    ("zeros_like by place", lambda x: x + np.zeros_like(x, float)),
    ("masks of zeros", lambda x: np.where(np.zeros_like(x, dtype=bool), 0.0, x)),
    ("sum by place", lambda x: np.sum(x, 0, None, None, True)),
    ("sum of a method by place", lambda x: x.sum(0, None, None, True)),
    ("std by name", lambda x: np.std(x, axis=1, ddof=1, keepdims=True)),
    ("std with a correction", lambda x: np.std(x, axis=1, correction=1)),
    ("var by place", lambda x: np.var(x, 0, None, None, 1)),
    ("percentile by name", lambda x: np.percentile(x, q=30, axis=1, keepdims=True)),
    ("a cross product along axes of its own", lambda x: np.cross(x, X.T, 0, 1, 0)),
    ("a cross product along one axis", lambda x: np.cross(x, X.T, axis=0)),
    ("a trapezoid with places along an axis", lambda x: np.trapezoid(x, X.cumsum(0) ** 2, axis=0)),
    ("a clip by place", lambda x: np.clip(x, -1.0, 1.0) + x.clip(-2.0, 0.5) + x.clip(max=0.25)),
    ("a sort of a kind", lambda x: np.sort(x, 0, kind="stable") + np.sort(x, axis=1, stable=True)),
    ("a median by name", lambda x: np.median(a=x, axis=0, keepdims=True)),
    ("shapes by name", lambda x: np.reshape(x, shape=(9,), order="F") + np.reshape(x, (9,), copy=True)),
    ("shapes of a method", lambda x: x.reshape(9, order="F") + x.reshape((9,)) + x.flatten("F") + x.ravel(order="C")),
    ("a copy in some order", lambda x: np.copy(x, order="K") + x.copy("K") + x.astype(float, copy=False)),
    ("axes by name", lambda x: np.transpose(x, axes=(1, 0)) + x.transpose((1, 0)) + x.transpose(1, 0)),
    ("a choice by place", lambda x: np.where(X > 0, x, 0.0)),
    ("a difference by name", lambda x: np.diff(a=x, n=2, axis=0, prepend=0.0)),
    ("closeness by place", lambda x: x * np.isclose(x, X, 1e-3, 1e-3)),
    ("padding by name", lambda x: np.pad(array=x, pad_width=1, constant_values=2.0)),
    ("an average by name", lambda x: np.average(x, axis=0, weights=[1.0, 2.0, 3.0], keepdims=True)),
    ("a dot by name", lambda x: np.dot(a=x, b=U)),
    ("a contraction by name", lambda x: np.tensordot(x, X, axes=1) + np.einsum("ij,jk->ik", x, X, optimize=True)),
    ("an any of comparisons", lambda x: x * np.any(x > 10, axis=0, keepdims=True) + x.any()),
    ("a trace by name", lambda x: np.trace(x, offset=1, axis1=1, axis2=0)),
    ("a norm by place", lambda x: np.linalg.norm(x, 1, 0, True)),
    ("an extremum by name", lambda x: np.max(x, axis=0, initial=0.3) + np.min(a=x, axis=0, keepdims=True)),
    ("entries one by one", lambda x: x.flat[4] + x.flat[1:3].sum() + len(x.flat) + sum(x.flat)),
    ("a mask of a reduction", lambda x: np.sum(x, where=X > 0) + x.sum(where=X > 0) + np.mean(x, 0, where=X < 3)
     + np.max(x, initial=0.0, where=X > 0) + np.min(x, 1, None, False, 9.0, X > 0) + np.std(x, where=X > 0)
     + np.var(x, where=X > 0, ddof=1) + np.prod(x, 0, where=X > 0) + np.add.reduce(x, where=X > 0)),
    ("results written into new arrays", lambda x: np.sum(x, 0, out=np.zeros(3)) + np.cumsum(x, 1, out=x * 1)
     + np.clip(x, 0, 1, out=np.ones((3, 3))) + np.dot(x, X, out=np.empty((3, 3)))),
    ("rounding by name", lambda x: x + np.round(a=x, decimals=1)),
]  # fmt: skip


@pytest.mark.parametrize("f", [call for _, call in CALLS], ids=[name for name, _ in CALLS])
def test_arguments_mean_what_they_mean_to_numpy(f: Callable[[Any], Any]) -> None:
    x = X + 0.013
    np.testing.assert_allclose(an.trace(f, x)(x), f(x), rtol=1e-14, atol=1e-15)


#: Arguments that change the result and that no rule reads.
MASK = X > 0
BUFFER = np.zeros(3)
REFUSED: list[tuple[str, Callable[[Any], Any]]] = [
    ("where", lambda x: np.exp(x, where=MASK)), ("where", lambda x: np.logaddexp.reduce(x, where=MASK)),
    ("out", lambda x: np.std(x, out=BUFFER[0])),
    ("out", lambda x: np.percentile(x, 30, out=BUFFER[0])), ("out", lambda x: np.sum(x, 0, out=BUFFER)),
    ("dtype", lambda x: np.std(x, dtype=np.float32)), ("dtype", lambda x: np.mean(x, dtype="float32")),
    ("dtype", lambda x: np.concatenate([x, x], dtype=np.float32)), ("mean", lambda x: np.var(x, mean=X)),
    ("returned", lambda x: np.average(x, 0, None, True)), ("weights", lambda x: np.quantile(x, 0.5, weights=X)),
    ("equal_nan", lambda x: x * np.isclose(x, X, equal_nan=True)), ("keepdims", lambda x: np.argmax(x, keepdims=True)),
    ("overwrite_input", lambda x: np.median(x, overwrite_input=True)),
    ("axes", lambda x: np.vecdot(x, X, axes=[(0,), (0,), ()])),
    ("axes", lambda x: np.matmul(x, X, axes=[(0, 1)] * 3)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "f"), REFUSED)
def test_other_arguments_are_refused_by_name(name: str, f: Callable[[Any], Any]) -> None:
    with pytest.raises(an.TraceError, match=rf"at test_numpy_arguments.py:\d+: .*{name}") as caught:
        an.trace(f, X)
    assert caught.value.fix


def test_a_function_of_numpy_that_does_not_tell_its_signature_has_that_of_its_rule() -> None:
    """np.where and np.concatenate tell theirs in later versions of NumPy only; Python's max never does."""
    with pytest.raises(ValueError, match="no signature"):
        inspect.signature(max)

    def rule(first: Any, second: Any = 0, *, key: Any = None) -> Any:
        return first, second, key

    args, kwargs = given(max, rule, "max", None, (1, 2), {"key": 3})
    assert rule(*args, **kwargs) == (1, 2, 3)
    with pytest.raises(an.TraceError, match="leave that argument out"):
        given(max, rule, "max", None, (1,), {"default": 3})
