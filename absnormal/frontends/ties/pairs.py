"""What to write in place of kinks on one set, to which a tool gives slopes that contradict each other."""

from __future__ import annotations

from absnormal.program.program import Program

_ONE_MAXIMUM = (
    "take them from one operation, such as t = max(z, 0), with max(-z, 0) = t - z, min(z, 0) = z - t and |z| = 2 t - z"
)
#: What computes log(1 + exp(z)) without a kink, by the framework whose gradient is judged.
_LOGISTIC = {
    "torch": "F.softplus(z), or F.binary_cross_entropy_with_logits(z, y) for the whole loss",
    "jax": "jax.nn.softplus(z) or jnp.logaddexp(0, z), or optax.sigmoid_binary_cross_entropy(z, y) for the whole loss",
}
_EXPONENTIALS, _LOGARITHMS = {"exp", "exp2", "expm1", "logaddexp"}, {"log", "log1p", "log2", "logaddexp"}


def one_kink(program: Program, framework: str) -> str:
    """A sentence; ``framework`` is "" for a function of NumPy."""
    used = {node.op for node in program.nodes if node.varied}
    if not (used & _EXPONENTIALS and used & _LOGARITHMS):
        return f"Fix: {_ONE_MAXIMUM}"
    instead = _LOGISTIC.get(framework, "np.logaddexp(0, z)")
    smooth = f"max(z, 0) + log1p(exp(-|z|)) is log(1 + exp(z)), which has no kink: write {instead}"
    return f"Fix: {smooth}; or {_ONE_MAXIMUM}"
