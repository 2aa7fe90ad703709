"""What to write in place of a root of squares that is 0, whose derivative a tool returns as NaN."""

from __future__ import annotations

_UNDER = "which changes the norm by at most sqrt(eps)"

#: By the framework whose gradient is judged.
_INSTEAD = {
    "torch": f"torch.linalg.vector_norm(u), whose gradient at 0 is 0, or torch.sqrt((u * u).sum() + eps), {_UNDER}",
    "jax": "zero = jnp.all(u == 0); jnp.where(zero, 0.0, jnp.linalg.norm(jnp.where(zero, 1.0, u))), which masks the"
           f" argument and the result, or jnp.sqrt((u * u).sum() + eps), {_UNDER}",
}


def instead(framework: str) -> str:
    """Code, and what it changes; ``framework`` is "" for a function of NumPy."""
    plain = f"a root with + eps under it, {_UNDER}, or a norm whose gradient at 0 is defined as 0"
    return _INSTEAD.get(framework, plain)
