"""A function of torch tensors, several inputs and several outputs, with torch's own reverse and forward mode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.autograd import forward_ad

from absnormal.arrays import Array
from absnormal.frontends.maps import Layout, Map, as_tuple, numbered
from absnormal.frontends.torch.values import array
from absnormal.program.tree import Tree, named, taken_apart


class TorchMap(Map):
    """f(*inputs), with respect to the inputs that require a gradient."""

    def __init__(self, f: Callable[..., Any], inputs: tuple[Any, ...]) -> None:
        self._f = f
        structure, self._given = taken_apart(inputs)
        self._tree = Tree(structure, ())
        self._places = [i for i, leaf in enumerate(self._given) if _is_variable(leaf)]
        if not self._places:
            raise ValueError("no input requires a gradient: give a tensor with requires_grad=True")
        self._variables = [self._given[i].detach().clone() for i in self._places]
        names = [name for name, _ in named(structure)]
        self.inputs = Layout(numbered("input", [names[i] for i in self._places]),
                             tuple(tuple(v.shape) for v in self._variables))
        self.point = np.concatenate([array(v).astype(float).reshape(-1) for v in self._variables])
        found = [*named(as_tuple(self._call(self._fresh())))]
        self._results = [i for i, (_, leaf) in enumerate(found) if _is_result(leaf)]
        if not self._results:
            raise ValueError("no output requires a gradient")
        results = [found[i][1] for i in self._results]
        self.outputs = Layout(numbered("output", [found[i][0] for i in self._results]),
                              tuple(tuple(_real(result).shape) for result in results))
        self.eps = max(torch.finfo(tensor.dtype).eps for tensor in (*self._variables, *results))

    def at(self, x: Array) -> Array:
        """The results at a flat point, shape (m,)."""
        fresh = [part.requires_grad_() for part in self._like(self._variables, self.inputs, x)]
        return np.concatenate([array(out.double()).reshape(-1) for out in self.results(fresh)])

    def pull(self, weights: Array, batched: bool = False) -> Array:
        """Reverse mode, a call of backward for each row of the weights, or one for all.

        Outputs without weights have no gradient in a call of their own, as in a loss that does not use them.
        """
        fresh = self._fresh()
        outs = self.results(fresh)
        if not batched:
            return np.stack([self._pulled(outs, fresh, row) for row in weights])
        parts = self._stacked(outs, self.outputs, weights)
        found = torch.autograd.grad(outs, fresh, parts, allow_unused=True, is_grads_batched=True)
        return np.concatenate([
            np.zeros((len(weights), v.numel())) if g is None else array(g.double()).reshape(len(weights), -1)
            for g, v in zip(found, fresh, strict=True)
        ], axis=1)

    def push(self, directions: Array, batched: bool = False) -> Array:
        """Forward mode, a call of f for each direction, or one for all."""

        if batched:
            given = tuple(self._variables)
            rows = self._stacked(given, self.inputs, directions)
            of = lambda *x: tuple(self.results([*x]))  # noqa: E731
            results = torch.vmap(lambda *row: torch.func.jvp(of, given, row)[1])(*rows)
            return np.concatenate([array(t.double()).reshape(len(directions), -1) for t in results], axis=1)
        found = []
        for row in directions:
            with forward_ad.dual_level():
                tangents = self._like(self._variables, self.inputs, row)
                duals = [forward_ad.make_dual(v, t) for v, t in zip(self._fresh(), tangents, strict=True)]
                parts = [forward_ad.unpack_dual(out).tangent for out in self.results(duals)]
            found.append(np.concatenate([
                np.zeros(size) if t is None else array(t.double()).reshape(-1)
                for t, size in zip(parts, self.outputs.sizes, strict=True)
            ]))
        return np.stack(found)

    def like(self, numbers: Array, dtype: Any = None) -> Any:
        tensor = torch.from_numpy(numbers)
        return tensor if dtype is None else tensor.to(dtype)

    @property
    def variables(self) -> list[Any]:
        return list(self._variables)

    def _pulled(self, outs: list[Any], fresh: list[Any], row: Array) -> Array:
        parts = self._like(outs, self.outputs, row)
        outs = [out if part.any() else _Undefined.apply(out) for out, part in zip(outs, parts, strict=True)]
        found = torch.autograd.grad(outs, fresh, parts, retain_graph=True, allow_unused=True)
        return np.concatenate([
            np.zeros(v.numel()) if g is None else array(g.to_dense().double()).reshape(-1)
            for g, v in zip(found, fresh, strict=True)
        ])

    @staticmethod
    def _like(tensors: Sequence[Any], layout: Layout, flat: Array) -> list[Any]:
        """The parts of a flat vector as tensors like some."""
        return [
            torch.from_numpy(part.copy()).to(like.dtype).to(like.device)
            for part, like in zip(layout.split(flat), tensors, strict=True)
        ]

    def _stacked(self, tensors: Sequence[Any], layout: Layout, rows: Array) -> list[Any]:
        """The parts of flat vectors, stacked for vmap."""
        return [torch.stack(parts) for parts in zip(*(self._like(tensors, layout, row) for row in rows), strict=True)]

    def _fresh(self) -> list[Any]:
        return [v.clone().requires_grad_() for v in self._variables]

    def _call(self, variables: list[Any]) -> Any:
        leaves = list(self._given)
        for place, variable in zip(self._places, variables, strict=True):
            leaves[place] = variable
        with torch.enable_grad():
            return self._f(*self._tree.rebuild(leaves))

    def results(self, variables: Any) -> list[Any]:
        """Real and imaginary parts of complex ones are results of their own."""
        found = [leaf for _, leaf in named(as_tuple(self._call(variables)))]
        return [_real(found[i]) for i in self._results]


class _Undefined(torch.autograd.Function):  # type: ignore[misc]
    """The identity, behind which there is no gradient."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return None


def map_of(f: Callable[..., Any], inputs: tuple[Any, ...]) -> Map:
    """f at its inputs."""
    return TorchMap(f, inputs)


def _is_variable(leaf: Any) -> bool:
    if not isinstance(leaf, torch.Tensor) or not leaf.requires_grad:
        return False
    if leaf.is_complex() or leaf.layout != torch.strided:
        raise ValueError(f"inputs must be dense and real, got {leaf.dtype} in the layout {leaf.layout}: make the parts"
                         " that are varied inputs of their own")
    return True


def _is_result(leaf: Any) -> bool:
    return isinstance(leaf, torch.Tensor) and leaf.requires_grad


def _real(tensor: Any) -> Any:
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor
