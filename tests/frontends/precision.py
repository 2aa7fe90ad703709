"""JAX in float64 for the length of a test."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import pytest


@pytest.fixture
def double() -> Iterator[None]:
    """float64 arrays; what was set before is set again."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)
