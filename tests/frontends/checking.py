"""Functions, of arrays of any framework, whose conditions raise or are asserted, and are branches all the same."""

from __future__ import annotations

from typing import Any


def checked(x: Any) -> None:
    if x.min() < 0:
        raise ValueError("negative")


def caught(x: Any) -> Any:
    try:
        checked(x)
    except ValueError:
        x = -x
    return x.sum()


def chosen(x: Any) -> Any:
    if x.min() < 0:
        return -x.sum()
    return x.sum()


def named(x: Any) -> Any:
    assert (low := bool(x.min() >= 0)) or True  # noqa: RUF018
    return x.sum() if low else -x.sum()


def beside(x: Any) -> Any:
    assert x.min() >= 0; return x.sum() if x.min() > 0 else 2 * x.sum()  # noqa: E702


#: What is caught, or used otherwise.
BRANCHES = (caught, chosen, named, beside)
