"""The argument of a JAX function: its variables, and what is held fixed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal._optional import require
from absnormal.arrays import Array
from absnormal.errors import TraceError
from absnormal.frontends.frameworks import plain
from absnormal.frontends.plain_call import line_of
from absnormal.frontends.traced_call import check_fits

if TYPE_CHECKING:
    from absnormal.frontends.jax.kept import Trace
    from absnormal.program.nodes import Source

#: What jax.grad and everybody opens; every other node of a pytree is somebody's module, whose floats are settings.
_CONTAINERS = (Mapping, list, tuple)
_SETTINGS = (
    "held constant: {names}, Python numbers that are settings of a module; jnp.asarray(...) in its place makes a"
    " variable of one"
)


class Point:
    """The argument of f: its variables, and f as a function of their list."""

    def __init__(self, f: Callable[[Any], Any], x: Any) -> None:
        jax, jnp = require("jax", "jax"), require("jax.numpy", "jax")
        self.f = f
        self.leaves, self.treedef = jax.tree.flatten(x)
        settings = list(_settings(x))
        self.places = [i for i, leaf in enumerate(self.leaves) if not settings[i] and _is_variable(leaf)]
        if not self.places:
            raise ValueError("x has no floating-point array: give jnp.array(..., dtype=float)")
        self.single = len(self.leaves) == 1 and bool(jax.tree.structure(0) == self.treedef)
        given = (self.leaves[i] for i in self.places)
        self.variables = [leaf if isinstance(leaf, jax.Array) else jnp.asarray(leaf) for leaf in given]
        #: The type of what f returned, and the slopes of kinks inside rules of their own, by node of the program.
        self.result: Any = None
        self.slopes: dict[int, Array] = {}
        #: What names derivative code that is not JAX's own, and the precision of every node of the program.
        self.foreign: tuple[str, ...] = ()
        self.notes: tuple[str, ...] = (_SETTINGS.format(names=_names(x, settings)),) if any(settings) else ()
        self.units: list[float] = []
        #: Whether f does more than compute, and what is known of its trace from earlier calls.
        self.effects = False
        #: Whether f has branches of Python's that look at its variables, and the line of one that is tied.
        self.branches = False
        self.tied: Source | None = None
        #: Whether an operation overflows in the precision of JAX, so that values are those of float64.
        self.overflows = False
        self.trace: Trace | None = None

    def function(self, variables: Sequence[Any]) -> Any:
        """f of the list of its variables.

        Raises
        ------
        TraceError
            where f returns no arrays
        """
        result = self.f(self.rebuilt(variables))
        for item in result if isinstance(result, (list, tuple)) else [result]:
            if not hasattr(item, "dtype") and not isinstance(item, (int, float, complex)):
                raise TraceError(
                    "f", f"must return a number or an array, got {type(item).__name__}",
                    "return what f computes from x, such as a sum", line_of(self.f))
        return result

    def rebuilt(self, variables: Sequence[Any]) -> Any:
        """x with other values of its variables."""
        whole = list(self.leaves)
        for place, variable in zip(self.places, variables, strict=True):
            whole[place] = variable
        return self.treedef.unflatten(whole)

    def fixed(self) -> list[Any]:
        """The leaves that are held fixed."""
        variables = set(self.places)
        return [leaf for place, leaf in enumerate(self.leaves) if place not in variables]

    def copies(self) -> list[Any]:
        """The variables for a call that may write into them or take their memory (``donate_argnums``)."""
        copied: list[Any] = _copier()(self.variables)
        return copied

    def arrays(self) -> Any:
        """The variables in float64: an array, or a list of them."""
        arrays = [np.asarray(leaf).astype(float) for leaf in self.variables]
        return arrays[0] if self.single else arrays

    def wrap(self, flat: Array) -> Any:
        """A flat gradient in the structure of x, as JAX arrays; None where x holds no variable."""
        jnp = require("jax.numpy", "jax")
        leaves: list[Any] = [None] * self.treedef.num_leaves
        start = 0
        for place, like in zip(self.places, self.variables, strict=True):
            given = flat[start : start + like.size].reshape(like.shape)
            with np.errstate(over="ignore"):
                leaves[place] = jnp.asarray(given, dtype=like.dtype)
            check_fits(given, bool(np.isfinite(np.asarray(leaves[place])).all()), like.dtype)
            start += like.size
        return self.treedef.unflatten(leaves)

    def unwrap(self, gradient: Any) -> Any:
        """A gradient in the structure of x as NumPy arrays, without what it holds where x holds no variable.

        A list of the variables' gradients, or one flat vector, is taken as it is.
        """
        try:
            leaves = self.treedef.flatten_up_to(gradient)
        except ValueError:
            return plain(gradient)
        found = [plain(leaves[place]) for place in self.places]
        return found[0] if self.single else found


@functools.cache
def _copier() -> Any:
    """Copies arrays, all at once."""
    jax, jnp = require("jax", "jax"), require("jax.numpy", "jax")
    return jax.jit(lambda leaves: [jnp.copy(leaf) for leaf in leaves])


def _settings(x: Any) -> Iterator[bool]:
    """For each leaf, whether it is a Python float inside a module."""
    jax = require("jax", "jax")
    number = jax.tree.structure(0)
    for item in jax.tree.leaves(x, is_leaf=lambda node: not isinstance(node, _CONTAINERS)):
        inner = jax.tree.leaves(item)
        inside = jax.tree.structure(item) != number
        yield from (inside and isinstance(leaf, float) and not hasattr(leaf, "dtype") for leaf in inner)


def _names(x: Any, settings: Sequence[bool]) -> str:
    jax = require("jax", "jax")
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_flatten_with_path(x)[0]]
    return ", ".join(path for path, setting in zip(paths, settings, strict=True) if setting)


def _is_variable(leaf: Any) -> bool:
    jnp = require("jax.numpy", "jax")
    if isinstance(leaf, (bool, int, str)) or not (hasattr(leaf, "dtype") or isinstance(leaf, float)):
        return False
    dtype = leaf.dtype if hasattr(leaf, "dtype") else float
    if isinstance(dtype, np.dtype) and dtype.kind in "fiub":
        return dtype.kind == "f"
    if jnp.issubdtype(jnp.result_type(leaf), jnp.complexfloating):
        raise ValueError("x holds complex numbers: split real and imaginary parts")
    return bool(jnp.issubdtype(jnp.result_type(leaf), jnp.floating))
