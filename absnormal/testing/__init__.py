"""Assertions for tests, in the manner of `numpy.testing`; Hypothesis strategies in `absnormal.testing.strategies`."""

import importlib
from typing import TYPE_CHECKING, Any

from absnormal.testing.assertions import assert_abs_normal_close, assert_clarke_gradient
from absnormal.testing.gradcheck import gradcheck

if TYPE_CHECKING:
    from absnormal.testing import strategies as strategies


def __getattr__(name: str) -> Any:
    if name == "strategies":
        return importlib.import_module("absnormal.testing.strategies")
    raise AttributeError(f"module 'absnormal.testing' has no attribute {name!r}")


#: Without the strategies: a star import needs no Hypothesis.
__all__ = ["assert_abs_normal_close", "assert_clarke_gradient", "gradcheck"]
