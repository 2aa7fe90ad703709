"""The models of torch and of JAX as the campaign sees them."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import torch

import absnormal as an
from absnormal.report.report import Report
from tests.planted import jax_models, models
from tests.planted.campaign import Leaves, Subject
from tests.planted.plants import JAX_WAYS, WAYS, Fault, gradients, layers, planted


class OfTorch:
    """Weights of a precision; faults are planted in the module itself."""

    ways = WAYS

    def __init__(self, name: str, precision: str, seed: int) -> None:
        self.name, self.precision = name, precision
        self.model = models.build(name, getattr(torch, precision), seed)

    @property
    def places(self) -> int:
        return len(layers(self.model))

    def gradients(self) -> Leaves:
        return gradients(self.model)

    def exact(self) -> Leaves:
        model = self.model
        return gradients(models.Model(copy.deepcopy(model.module).double(), model.x.double(), model.labels))

    def verify(self, gradient: Leaves | None = None) -> tuple[Report, Leaves]:
        report = an.torch.verify(self.model.module, self.model.loss, gradient=gradient)
        return report, report.clarke_gradient

    @contextlib.contextmanager
    def planted(self, way: str, place: int, fault: Fault) -> Iterator[Subject]:
        with planted(self.model, way, layers(self.model)[place], fault):
            yield self


class OfJax:
    """Layers that compute in a precision; a fault is planted in a copy of the model."""

    ways = (*JAX_WAYS,)
    places = jax_models.LAYERS

    def __init__(self, name: str, precision: str, seed: int, wrap: jax_models.Wrap = lambda number, x: x) -> None:
        self.name, self.precision, self.seed = name, precision, seed
        outer = jnp.float64 if precision == "float64" else jnp.float32
        with self._precision():
            self.model = jax_models.MODELS[name](seed, jax_models.Setting(getattr(jnp, precision), outer, wrap))

    def _precision(self) -> Any:
        return jax.enable_x64(self.precision == "float64")

    def gradients(self) -> Leaves:
        with self._precision():
            return _by_name(eqx.filter_grad(self.model.loss)(self.model.x))

    def exact(self) -> Leaves:
        return OfJax(self.name, "float64", self.seed).gradients()

    def verify(self, gradient: Leaves | None = None) -> tuple[Report, Leaves]:
        with self._precision():
            given = None if gradient is None else jax.tree_util.tree_map_with_path(
                lambda path, leaf: gradient[jax.tree_util.keystr(path)], eqx.filter(self.model.x, eqx.is_inexact_array)
            )
            report = an.verify(self.model.loss, self.model.x, gradient=given)
            return report, _by_name(report.clarke_gradient)

    @contextlib.contextmanager
    def planted(self, way: str, place: int, fault: Fault) -> Iterator[Subject]:
        wrong = JAX_WAYS[way](fault)
        yield OfJax(self.name, self.precision, self.seed, lambda number, x: wrong(x) if number == place else x)


def _by_name(tree: Any) -> Leaves:
    leaves, _ = jax.tree_util.tree_flatten_with_path(eqx.filter(tree, eqx.is_inexact_array))
    return {jax.tree_util.keystr(path): leaf for path, leaf in leaves}


#: All models by name: those of torch, then those of JAX.
SUBJECTS: dict[str, Callable[[str, str, int], Subject]] = {
    **dict.fromkeys([*models.SHALLOW, *models.DEEP], OfTorch), **dict.fromkeys(jax_models.MODELS, OfJax)
}


def subject(name: str, precision: str, seed: int) -> Subject:
    """A model of a name, with weights and data of a seed."""
    return SUBJECTS[name](name, precision, seed)
