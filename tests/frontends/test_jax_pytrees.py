"""Which leaves of a pytree are variables: arrays, and numbers in containers; a module's numbers are its settings."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import flax.core
import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import absnormal as an

KEY = jax.random.key(0)


class Pair(NamedTuple):
    w: Any
    b: Any


@flax.struct.dataclass
class Registered:
    w: Any
    b: Any


class Module(eqx.Module):
    w: Any
    b: Any


def _of_attributes(p: Any) -> Any:
    return jnp.sum(jnp.abs(p.w)) * p.b


@pytest.mark.parametrize(
    "x",
    [{"w": jnp.ones(2), "b": 0.5}, [0.5, jnp.ones(2)], Pair(jnp.ones(2), 0.5), (jnp.ones(2), [{"b": 0.5}]),
     flax.core.freeze({"w": jnp.ones(2), "b": 0.5})],
    ids=["dict", "list", "named tuple", "nested", "frozen dict"],
)  # fmt: skip
def test_is_a_number_in_a_container_a_variable_as_for_jax_grad(x: Any) -> None:
    def f(p: Any) -> Any:
        first, second = jax.tree.leaves(p)
        return jnp.sum(jnp.abs(first) * second)

    report = an.verify(f, x)
    assert report and not any("settings" in note for note in report.notes)
    expected = jax.grad(f)(x)
    assert jax.tree.structure(report.gradient) == jax.tree.structure(expected)
    assert all(map(np.array_equal, jax.tree.leaves(report.gradient), jax.tree.leaves(expected)))


@pytest.mark.parametrize("kind", [Module, Registered])
def test_is_a_number_in_a_module_a_setting_that_a_note_names(kind: Any) -> None:
    for x, name in ((kind(jnp.ones(2), 0.5), ".b"), ({"m": kind(jnp.ones(2), 0.5)}, "['m'].b")):
        f = _of_attributes if name == ".b" else lambda p: _of_attributes(p["m"])
        report = an.verify(f, x)
        gradient = report.gradient if name == ".b" else report.gradient["m"]
        assert report and gradient.w.tolist() == [0.5, 0.5] and gradient.b is None
        (note,) = [note for note in report.notes if "settings" in note]
        assert note.startswith(f"held constant: {name}, ")
    report = an.verify(_of_attributes, kind(jnp.ones(2), jnp.asarray(0.5)))
    assert report and float(report.gradient.b) == 2.0 and not any("settings" in note for note in report.notes)
    with pytest.raises(ValueError, match="no floating-point array"):
        an.verify(lambda p: jnp.asarray(p.b), kind(jnp.arange(2), 0.5))


@pytest.mark.slow
def test_are_layers_of_equinox_differentiated_as_by_filter_grad() -> None:
    first, second = jax.random.split(KEY)
    model = eqx.nn.Sequential([
        eqx.nn.Linear(3, 4, key=first), eqx.nn.Dropout(0.25), eqx.nn.Lambda(jax.nn.relu), eqx.nn.LayerNorm(4, eps=1e-3),
        eqx.nn.MLP(4, 2, 5, 1, key=second), eqx.nn.Dropout(0),
    ])  # fmt: skip

    def loss(m: Any) -> Any:
        return jnp.abs(m(jnp.array([1.0, -0.5, 0.25]), key=KEY)).sum()

    report, expected = an.verify(loss, model), eqx.filter_grad(loss)(model)
    assert report and report.gradient.layers[1].p is None
    assert jax.tree.structure(report.gradient) == jax.tree.structure(expected)
    for given, own in zip(jax.tree.leaves(report.gradient), jax.tree.leaves(expected), strict=True):
        assert np.array_equal(given, own)
    (note,) = [note for note in report.notes if "settings" in note]
    assert ".layers[1].p" in note
    assert an.verify(loss, model, gradient=expected)
    wrong = jax.tree.map(lambda leaf: -leaf, expected)
    assert an.verify(loss, model, gradient=wrong).verdict is an.Verdict.NOT_CLARKE


def test_is_a_gradient_taken_in_the_structure_of_x() -> None:
    def f(p: Any) -> Any:
        return jnp.sum(jnp.abs(p["w"])) * p["b"]

    x = {"w": jnp.zeros(2), "b": jnp.ones(())}
    for given in ({"w": jnp.array([0.5, -1.0]), "b": 0.0}, [np.zeros(()), np.array([0.5, -1.0])],
                  np.array([0.0, 0.5, -1.0])):  # fmt: skip
        assert an.verify(f, x, gradient=given).verdict is an.Verdict.CLARKE
    for given in ({"w": jnp.array([0.5, -1.5]), "b": 0.0}, {"w": jnp.zeros(2), "b": 1.0}):
        assert an.verify(f, x, gradient=given).verdict is an.Verdict.NOT_CLARKE
    for given in ({"w": jnp.zeros(2)}, {"w": jnp.zeros(3), "b": 0.0}, {"w": jnp.zeros(2), "b": None}):
        with pytest.raises(ValueError, match="gradient must"):
            an.verify(f, x, gradient=given)
