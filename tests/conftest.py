"""Where CI=true, as in .ci/run, a skipped test is a failure, and Hypothesis draws the same examples in every run.

Three quarters of what JAX's tests take is compilation, of thousands of kernels that run once, on a few numbers.  In
tests XLA rewrites them as ever, but LLVM does not optimize them, and what was compiled is kept for the next run.  All
are written down in one context of MLIR, since to make a new one takes JAX longer than to write a kernel into it.
Commands such as ``python -m tests.record`` and ``python -m tests.frontends.jax_harness`` compile as users do.

Hypothesis takes no numbers out of our sources: what it draws would change with any number anywhere in the package, and
to read them all takes each process of a fresh clone more than a second.

While tests are collected nothing is garbage, and afterwards what they import is not looked through for it, and what
they make not as often as by default, since little of it lies in cycles.
"""

from __future__ import annotations

import functools
import gc
import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

UNOPTIMIZED = (
    "--xla_backend_optimization_level=0",
    "--xla_llvm_disable_expensive_passes=true",
    "--xla_cpu_use_fusion_emitters=false",
)
os.environ["XLA_FLAGS"] = " ".join((*UNOPTIMIZED, os.environ.get("XLA_FLAGS", "")))
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

gc.disable()

if providers := sys.modules.get("hypothesis.internal.conjecture.providers"):
    vars(providers)["is_local_module_file"] = lambda file: False
settings.register_profile("the same in every run", derandomize=True)
if os.environ.get("CI") == "true":
    settings.load_profile("the same in every run")


class NoSkips:
    """Turns skips into failures that say so."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, Any, Any]:
        return _failed((yield))

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self) -> Generator[None, Any, Any]:
        return _failed((yield))


def _failed(report: Any) -> Any:
    if report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and the full run takes that for a failure: {report.longrepr}"
    return report


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Commands and harnesses hold no examples to run: to look for some in them takes each process two seconds."""
    name = collection_path.name
    return True if name.endswith(".py") and not name.startswith(("test_", "__init__.", "conftest.")) else None


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.set_threshold(20_000)
    gc.enable()
    if mlir := sys.modules.get("jax._src.interpreters.mlir"):
        _in_one_context(vars(mlir))


def _in_one_context(mlir: dict[str, Any]) -> None:
    """One context for all kernels but those that JAX runs while it writes another one, whose clone would lie in it."""
    made = mlir["make_ir_context"]
    one = functools.cache(made)
    mlir["make_ir_context"] = lambda: made() if mlir["ir"].Context.current else one()


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("CI") == "true":
        config.pluginmanager.register(NoSkips(), "no-skips")
