"""Differentiable primitives of JAX that are refused: what is wrong with them, and the fix."""

from __future__ import annotations

from collections.abc import Mapping

from absnormal.errors import TraceError
from absnormal.frontends.writing import without_rules
from absnormal.program.nodes import Source

_CALLS = ("calls back into Python", "write it with operations of JAX")
_STATE = ("keeps a state that is written in place", "return the values instead")
_SPARSE = ("works on a sparse matrix", "use A.todense()")
_BITS = ("works on the bits of numbers", "leave it out, or hold its argument with stop_gradient")
_INNER = ("belongs to a transformation that is not finished", "call f itself, not one of its transforms")

REFUSED: dict[str, tuple[str, str]] = {
    "eig": ("decomposes a matrix that need not be symmetric", "use jnp.linalg.eigh"),
    **dict.fromkeys(("pure_callback", "io_callback", "debug_callback", "debug_print", "ffi_call", "inspect_sharding"),
                    _CALLS),
    **dict.fromkeys((
        "get", "swap", "addupdate", "run_state", "new_ref", "empty_ref", "free_ref", "freeze", "accum_grad_in_ref",
        "new_box", "box_get", "box_set", "new_log", "log_extend", "log_read"), _STATE),
    **dict.fromkeys(("spsolve", "todense"), _SPARSE),
    **dict.fromkeys(("bitcast_convert_type", "mulhi", "shift_left", "shift_right_arithmetic", "shift_right_logical"),
                    _BITS),
    **dict.fromkeys((
        "call_hi_primitive", "custom_lin", "dce_sink", "eval_jaxpr", "from_edtype", "to_edtype", "remat_opt", "stage",
        "tie"), _INNER),
    **dict.fromkeys((
        "ragged_all_to_all", "reshard", "global_array_to_host_local_array", "host_local_array_to_global_array"),
        ("spreads the function over devices", "judge it on one device")),
    "check": ("raises an error of checkify's", "call f without checkify.check"),
    "layout_constraint": ("asks for a layout in memory", "leave it out"),
    "approx_top_k": ("takes entries that are nearly the largest", "use lax.top_k"),
    **dict.fromkeys((
        "random_bits", "random_fold_in", "random_seed", "random_split", "random_unwrap", "random_wrap"),
        ("draws numbers", "draw them outside of f")),
    "random_gamma": ("draws numbers that move with their parameter", "hold the parameter with stop_gradient"),
}


def refusal(missing: Mapping[str, Source | None], called: Mapping[str, str]) -> TraceError:
    """The error for primitives without a rule, with the line of their first use."""
    fix = "write them with supported operations, or judge the vector on a NumPy version of f with gradient="
    return without_rules("jax", "primitive", missing, REFUSED, str, lambda name: called.get(name, f"lax.{name}"), fix)
