"""JAX as its users write it: a verdict on ``jax.grad(f)(...)``, and transforms that return certified Clarke gradients.

    an.jax.verify(f, *arguments, argnums=0)    a report on the gradient that jax.grad(f, argnums)(*arguments) returns
    an.jax.grad(f, argnums=0)                  in the place of jax.grad: a certified Clarke gradient
    an.jax.value_and_grad(f, argnums=0)        in the place of jax.value_and_grad

Functions of one argument go to `absnormal.verify` and `absnormal.clarke_gradient` as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.errors import TraceError
from absnormal.report.report import Report
from absnormal.verify import clarke_gradient
from absnormal.verify import verify as verify_function

__all__ = ["grad", "value_and_grad", "verify"]

_FIX = "call it outside of jax.jit, vmap and scan, and compile the rest of the step: absnormal/docs/jax.md has a loop"


def verify(
    f: Callable[..., Any], *arguments: Any, argnums: int | Sequence[int] = 0, has_aux: bool = False, **options: Any
) -> Report:
    """Prove whether the gradient that ``jax.grad(f, argnums)(*arguments)`` returns is a Clarke generalized gradient.

    Parameters
    ----------
    f
        a function of JAX arrays, or pytrees of them, that returns one number; with ``has_aux`` a pair of it and of
        anything else
    *arguments
        of f, in their places
    argnums
        which of them are variables: one, or several, in which case gradients are tuples
    has_aux
        as for jax.grad
    **options
        of `absnormal.verify`: gradient, slope, exact, atol, rtol, atol_gradient, stopped, budget, seed

    Returns
    -------
    Report
        its gradients have the structure of the variables

    Raises
    ------
    ImportError
        without JAX
    TraceError, DomainError, ValueError
        as `absnormal.verify` does; a TraceError under a transform of JAX, where arguments have no values

    Examples
    --------
    >>> import jax, jax.numpy as jnp, absnormal as an
    >>> def loss(w, x):
    ...     return jnp.sum(jax.nn.relu(w * x) - jax.nn.relu(-w * x))            # this is the sum of w * x
    >>> an.jax.verify(loss, jnp.zeros(2), jnp.ones(2))
    <Report NOT_CLARKE by separation, 4 of 4 switches active>
    """
    call = _Call(f, argnums, has_aux, arguments, {})
    return verify_function(call.function, call.point, **options)


def grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False, *, seed: int = 0
) -> Callable[..., Any]:
    """A function that returns a certified Clarke gradient of f, called as ``jax.grad(f, argnums, has_aux)`` is.

    Parameters
    ----------
    f, argnums, has_aux
        as for `verify`; keyword arguments of f are held constant, as in jax.grad
    seed
        of the random direction of the gradient

    Returns
    -------
    callable
        it takes what f takes and returns the gradient in the structure of the variables, a tuple for several
        ``argnums``; with ``has_aux`` the pair of it and of what f returned beside the number.  Where f is smooth this
        is what jax.grad returns, up to rounding

    Raises
    ------
    ImportError
        without JAX
    BudgetError, TraceError, DomainError, ValueError
        as `absnormal.clarke_gradient` does, when it is called

    Notes
    -----
    It asks for values, so that it runs outside of jax.jit.  f is traced anew in each call.

    Examples
    --------
    >>> import jax, jax.numpy as jnp, absnormal as an
    >>> def loss(x):
    ...     return jnp.sum(jax.nn.relu(x) - jax.nn.relu(-x))                   # this is the sum of x
    >>> jax.grad(loss)(jnp.zeros(2)), an.jax.grad(loss)(jnp.zeros(2))
    (Array([0., 0.], dtype=float32), Array([1., 1.], dtype=float32))
    """
    both = value_and_grad(f, argnums, has_aux, seed=seed)

    @wraps(f)
    def gradient(*arguments: Any, **keywords: Any) -> Any:
        value, found = both(*arguments, **keywords)
        return (found, value[1]) if has_aux else found

    return gradient


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False, *, seed: int = 0
) -> Callable[..., Any]:
    """A function that returns the value of f and a certified Clarke gradient, as ``jax.value_and_grad`` is called.

    Parameters
    ----------
    f, argnums, has_aux, seed
        as for `grad`

    Returns
    -------
    callable
        it returns the pair of what f returns and of the gradient

    Raises
    ------
    ImportError
        without JAX
    BudgetError, TraceError, DomainError, ValueError
        as `absnormal.clarke_gradient` does, when it is called

    Examples
    --------
    >>> import jax.numpy as jnp, absnormal as an
    >>> value, gradient = an.jax.value_and_grad(lambda x, y: jnp.abs(x) * y, argnums=(0, 1))(1.0, 2.0)
    >>> float(value), [float(part) for part in gradient]
    (2.0, [2.0, 1.0])
    """
    require("jax", "jax")

    @wraps(f)
    def value_and_gradient(*arguments: Any, **keywords: Any) -> Any:
        call = _Call(f, argnums, has_aux, arguments, keywords)
        found = f(*arguments, **keywords)
        shape = np.shape(found[0] if has_aux else found)
        if shape:
            raise ValueError(f"f must return one number, as for jax.grad, got an array of shape {shape}")
        return found, clarke_gradient(call.function, call.point, seed=seed)

    return value_and_gradient


class _Call:
    """A call of f as a function of its variables alone, and their values."""

    def __init__(
        self, f: Callable[..., Any], argnums: int | Sequence[int], has_aux: bool, arguments: tuple[Any, ...],
        keywords: dict[str, Any],
    ) -> None:
        jax, jnp = require("jax", "jax"), require("jax.numpy", "jax")
        self.f, self.has_aux, self.arguments, self.keywords = f, has_aux, arguments, keywords
        self.single = isinstance(argnums, int)
        given = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        count = len(arguments)
        if not given or not all(isinstance(number, int) and -count <= number < count for number in given):
            raise ValueError(f"argnums must name some of the {count} positional arguments, got {argnums!r}")
        self.places = [number % count for number in given]
        variables = [arguments[place] for place in self.places]
        if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves((arguments, keywords))):
            raise TraceError("absnormal.jax", "is called under a transform of JAX, where nothing has a value", _FIX)
        # As jax.grad, which takes floats and NumPy arrays.
        self.point = jax.tree.map(
            lambda leaf: jnp.asarray(leaf) if isinstance(leaf, (float, np.ndarray, np.generic)) else leaf,
            variables[0] if self.single else tuple(variables),
        )

    def function(self, variables: Any) -> Any:
        """f of its variables."""
        arguments = list(self.arguments)
        for place, value in zip(self.places, (variables,) if self.single else variables, strict=True):
            arguments[place] = value
        found = self.f(*arguments, **self.keywords)
        return found[0] if self.has_aux else found
