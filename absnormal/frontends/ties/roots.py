"""What to write in place of a root of squares that is 0, whose derivative a tool returns as NaN."""

from __future__ import annotations

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


def instead(framework: str) -> str:
    """Code, and what it changes; ``framework`` is "" for a function of NumPy."""
    return ", or ".join(f"{code}, {why}" for code, why in CODE.get(framework, CODE[""]).items())
