"""Is every public question answered at a framework's point too, in the framework's own arrays?"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import absnormal as an


def with_torch(x: Any) -> Any:
    return torch.relu(x).sum() - 2 * torch.abs(x).sum()


def with_jax(x: Any) -> Any:
    return jnp.sum(jax.nn.relu(x)) - 2 * jnp.sum(jnp.abs(x))


CASES = [(with_torch, torch.zeros(2)), (with_jax, jnp.zeros(2))]


@pytest.mark.parametrize(("f", "x"), CASES)
def test_forms_gradients_and_sets(f: Any, x: Any) -> None:
    program = an.trace(f, x)
    assert (program.n, program.s) == (2, 4) and float(program([1.0, -1.0])) == -3.0
    form = an.abs_normal_form(f, x)
    np.testing.assert_array_equal(form.Z.toarray(), [[1, 0], [0, 1], [1, 0], [0, 1]])
    modelled = an.gradient(f, x, slope=0.0)
    assert type(modelled) is type(x) and modelled.tolist() == [0.5, 0.5]
    found = an.clarke_gradient(f, x)
    assert type(found) is type(x)
    G = an.generalized_gradient(f, x)
    assert G.complete and G.exact and G.contains(found) is True and G.contains(x + 5) is False
    assert sorted(G.vertices[:, 0].tolist()) == [-1.0, -1.0, 2.0, 2.0]
    assert an.kinks_near(f, x + 1, 2.0).distance == 1.0
    assert an.verify(program, x, slope=0.0).verdict is an.verify(f, x, slope=0.0).verdict


@pytest.mark.parametrize(("f", "x"), CASES)
def test_numpy_points_are_refused_with_the_fix(f: Any, x: Any) -> None:
    with pytest.raises(an.TraceError, match="give the point as arrays of the framework"):
        an.verify(f, np.zeros(2))
