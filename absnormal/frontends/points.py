"""Points in the kind of array that the user's function takes: NumPy's, or a framework's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.arrays import Array
from absnormal.program.tree import Tree, of_kind, taken_apart


def _torch(leaf: Any, value: Array) -> Any:
    return leaf.new_tensor(value)


def _jax(leaf: Any, value: Array) -> Any:
    return require("jax.numpy", "jax").asarray(value, dtype=leaf.dtype)


#: The package that an array comes from -> how another of its kind is made.
KINDS: dict[str, Callable[[Any, Array], Any]] = {"torch": _torch, "jax": _jax, "jaxlib": _jax}


def _new_tensor(value: Any) -> Any:
    torch = require("torch", "torch")
    return torch.tensor(np.asarray(value, dtype=float), dtype=torch.get_default_dtype())


#: Framework -> what makes its array, in its default precision, from numbers.
MAKERS: dict[str, Callable[[Any], Any]] = {
    "torch": _new_tensor,
    "jax": lambda value: require("jax.numpy", "jax").asarray(np.asarray(value, dtype=float)),
}


#: Framework -> what makes one array of arrays of one shape.
STACKS: dict[str, Callable[[list[Any]], Any]] = {
    "torch": lambda arrays: require("torch", "torch").stack(arrays),
    "jax": lambda arrays: require("jax.numpy", "jax").stack(arrays),
    "jaxlib": lambda arrays: require("jax.numpy", "jax").stack(arrays),
}


def stack(arrays: list[Any]) -> Any:
    """Arrays of one shape, and of one framework, as one array.

    >>> stack([np.zeros(2), np.ones(2)]).tolist()
    [[0.0, 0.0], [1.0, 1.0]]
    """
    return STACKS.get(_kind(arrays[0]), np.stack)(arrays)


def map_modules(change: Callable[..., Any], first: Any, *others: Any) -> Any:
    """A module of flax or equinox, or another pytree, with its arrays changed, each together with those of others."""
    jax = require("jax", "jax")
    leaves, structure = jax.tree.flatten(first)
    rows = zip(leaves, *(structure.flatten_up_to(other) for other in others), strict=True)
    return structure.unflatten([change(*row) if hasattr(row[0], "shape") else row[0] for row in rows])


def made(name: str, x: Any) -> Any:
    """A point of NumPy arrays as one of a framework's arrays; as it is where there is no name.

    >>> made("", [0.0])
    [0.0]
    """
    return _map(x, MAKERS[name]) if name else x


def framework(x: Any) -> str:
    """The framework whose arrays a point holds; "" for NumPy's and Python's numbers.

    >>> framework([0.0, 1.0])
    ''
    """
    return next((name for name in map(_kind, _leaves(x)) if name in KINDS), "")


def like(template: Any, tree: Tree, flat: Array) -> Any:
    """A flat float64 point in the structure of x, and in the kind of its arrays."""
    if not framework(template):
        return tree.unflatten(flat)
    kinds = [KINDS.get(_kind(leaf)) for leaf in _leaves(template)]
    parts = zip(_leaves(template), kinds, tree.split(flat), strict=True)
    return tree.rebuild([part if kind is None else kind(leaf, part) for leaf, kind, part in parts])


def tree_of(x: Any) -> Tree:
    """The structure of a point; of a framework's, that of the same point as NumPy arrays."""
    return Tree.of(_map(x, _plain) if framework(x) else x)[0]


def flat(tree: Tree, x: Any, name: str) -> Array:
    """A point as one flat vector, after a check of its structure."""
    return tree.flatten(_map(x, _plain) if framework(x) else x, name)


def arrays(x: Any) -> list[Array]:
    """The leaves of a point as NumPy arrays; arrays of several shapes in a list or tuple are leaves of their own."""
    found = []
    for leaf in _leaves(x):
        try:
            found.append(_plain(leaf))
        except ValueError:
            found += [_plain(part) for part in taken_apart(leaf)[1]]
    return found


def _plain(leaf: Any) -> Array:
    """A framework's array without its tape, on this machine."""
    if hasattr(leaf, "detach"):
        leaf = leaf.detach().cpu()
        leaf = leaf.float() if "bfloat16" in str(leaf.dtype) else leaf
    return np.asarray(leaf)


def _map(x: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(x, dict):
        return {key: _map(item, change) for key, item in x.items()}
    if isinstance(x, (list, tuple)) and framework(x):
        return of_kind(x, [_map(item, change) for item in x])
    return change(x)


def _kind(leaf: Any) -> str:
    return type(leaf).__module__.partition(".")[0]


def _leaves(x: Any) -> list[Any]:
    if isinstance(x, dict):
        return [leaf for item in x.values() for leaf in _leaves(item)]
    if isinstance(x, (list, tuple)):
        inner = [leaf for item in x for leaf in _leaves(item)]
        return inner if any(_kind(leaf) in KINDS for leaf in inner) or not inner else [inner]
    return [x]
