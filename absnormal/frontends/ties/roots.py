"""What to write where a derivative is NaN: for a root of squares that is 0, and for what is masked."""

from __future__ import annotations

from collections.abc import Sequence

_UNDER = "which changes the norm by at most sqrt(eps)"
_MASKED = "q = {np}.sum(u * u); {np}.where(q > 0, {np}.sqrt({np}.where(q > 0, q, 1.0)), 0.0)"

#: By the framework whose gradient is judged: code, and what it does.
CODE = {
    "torch": {
        "torch.linalg.vector_norm(u)": "whose gradient at 0 is 0",
        "torch.sqrt((u * u).sum() + eps)": _UNDER,
    },
    "jax": {
        _MASKED.format(np="jnp"): "which masks the argument and the result",
        "jnp.sqrt((u * u).sum() + eps)": _UNDER,
    },
    "": {
        _MASKED.format(np="np"): "which masks the argument and the result, so that the gradient at 0 is 0",
        "np.sqrt((u * u).sum() + eps)": _UNDER,
    },
}

#: What selects, by framework.
_WHERE = {"torch": "torch.where", "jax": "jnp.where", "": "np.where"}
#: Operations that are named.
_NAMED = 3


def of_roots(names: Sequence[str], framework: str) -> str:
    """Why roots of squares have a derivative that is NaN, and what to write; ``framework`` is "" for NumPy."""
    code = ", or ".join(f"{code}, {why}" for code, why in CODE.get(framework, CODE[""]).items())
    return (
        f": {', '.join(names[:_NAMED])} is the root of a sum of squares that is 0, where its derivative is infinite,"
        f" and infinity times 0 is NaN.  Fix: {code}"
    )


def masked(names: Sequence[str], framework: str) -> str:
    """Why operations whose results may not be used make a gradient NaN, and what to write."""
    where = _WHERE.get(framework, _WHERE[""])
    return (
        f": the derivative of {', '.join(names[:_NAMED])} is infinite or NaN at this point, and then NaN times 0, too,"
        f" where the result is not used.  Fix: where it is not, mask the argument: {where}(ok, g({where}(ok, u, 1.0)),"
        " other), with a number in the place of 1.0 at which g is smooth"
    )
