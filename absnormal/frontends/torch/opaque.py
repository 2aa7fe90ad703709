"""Smooth kernels of torch as opaque operations: their value and their Jacobian are torch's own, in double precision."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from absnormal.arrays import Array
from absnormal.frontends.meanings.smoothness import OfFramework
from absnormal.frontends.torch.values import array
from absnormal.frontends.torch.writer import Writer
from absnormal.ops.opaque import Smooth

#: Whether a kernel is continuously differentiable, from a machine epsilon and its arguments.
Where = Callable[..., bool]


@dataclass(frozen=True)
class Slot:
    """The place of an argument that may vary among those of a kernel."""

    number: int


@dataclass(frozen=True)
class Whole:
    """A constant tensor of whole numbers."""

    numbers: tuple[int, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Kernel(OfFramework):
    """One result of an operation of torch.

    Attributes
    ----------
    operation
        its name and overload, as in ``aten::linalg_inv_ex.default``
    args, named
        its arguments: a `Slot` for those that may vary, `Whole` for constant tensors, and others as they are
    """

    operation: str
    args: tuple[Any, ...]
    named: tuple[tuple[str, Any], ...]

    def value(self, *args: Array) -> Array:
        with torch.no_grad():
            return np.asarray(self._run([_tensor(arg) for arg in args]).numpy())

    def as_computed(self, *args: Array) -> Array:
        with torch.no_grad():
            dtype = torch.float64 if self.eps <= torch.finfo(torch.float64).eps else torch.float32
            return np.asarray(self._run([_tensor(arg).to(dtype) for arg in args]).double().numpy())

    def jacobian(self, args: Sequence[Array], own: int) -> Array:
        """Row by row, for all copies of the batch at once."""
        given = [_tensor(arg) for arg in args]
        with torch.enable_grad():
            variable = given[own].requires_grad_()
            out = self._run(given)
            copies, rest = out.shape[: self.batch], math.prod(out.shape[self.batch :])
            columns = math.prod(variable.shape[self.batch :])
            if not out.requires_grad or not rest:
                return np.zeros((*copies, rest, columns))
            flat = out.reshape(*copies, rest)
            rows = [_gradient(flat[..., i].sum(), variable) for i in range(rest)]
        return np.asarray(torch.stack([row.reshape(*copies, columns) for row in rows], -2).numpy())

    def _run(self, given: Sequence[Any]) -> Any:
        name, _, overload = self.operation.removeprefix("aten::").partition(".")
        func = getattr(getattr(torch.ops.aten, name), overload)
        given = [torch.view_as_complex(item) for item in given] if self.paired else given
        named = {key: _filled(value, given) for key, value in self.named}
        try:
            made = func(*(_filled(arg, given) for arg in self.args), **named)
        except torch.linalg.LinAlgError as error:
            raise np.linalg.LinAlgError(str(error)) from error
        found = made[self.place] if isinstance(made, (list, tuple)) else made
        return torch.view_as_real(found.resolve_conj()) if found.is_complex() else found


def opaque(
    w: Writer, nodes: Sequence[int], args: Sequence[Any], where: Where, place: int = 0, batch: int = 0,
    operation: str = "", kept: str = "", paired: bool = False, total: Smooth | None = None,
    signs: tuple[str, int] | None = None, **named: Any,
) -> int:
    """A result of an operation, by default of the one that is being lowered, as an opaque node on some nodes.

    ``args`` and ``named`` are those of the operation, with a `Slot` for each of the nodes.
    """
    func = w.record.func
    known = operation or f"{func._schema.name}.{func._overloadname or 'default'}"
    name = known.removeprefix("aten::").partition(".")[0].strip("_").removesuffix("_ex")
    fixed = tuple((key, _fixed(value)) for key, value in sorted(named.items()))
    kernel = Kernel(
        name=name, batch=batch, operation=known, args=tuple(map(_fixed, args)), named=fixed, place=place, where=where,
        eps=w.builder.unit, kept=kept, paired=paired, total=total,
        signs=signs)
    node = w.op("opaque", *nodes, function=kernel)
    if signs is None or not w.varied(node):
        return node
    # In double precision the kernel may return the negative of a vector.
    turned = kernel.turned(array(w.record.outs[place]), kernel.value(*map(w.here, nodes)))
    return node if (turned > 0).all() else w.mul(node, w.constant(np.broadcast_to(turned, w.shape(node))))


def _gradient(value: Any, variable: Any) -> Any:
    """The derivative, 0 where torch's formulas do not use the variable."""
    (found,) = torch.autograd.grad(value, variable, retain_graph=True, materialize_grads=True, allow_unused=True)
    return found


def _fixed(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _filled(value: Any, given: Sequence[Any]) -> Any:
    if isinstance(value, Slot):
        return given[value.number]
    if isinstance(value, Whole):
        return torch.tensor(value.numbers, dtype=torch.long).reshape(value.shape)
    return list(value) if isinstance(value, tuple) else value


def _tensor(array: Array) -> Any:
    return torch.from_numpy(np.array(array, dtype=float))
