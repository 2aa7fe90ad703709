"""The differentiable primitives of JAX and their state; `test_jax_primitives` keeps the table true."""

from __future__ import annotations

#: Written by a rule, with the operations of the table.
FOLLOWED = [
    "abs", "acos", "acosh", "add", "add_any", "and", "argmax", "argmin", "asin", "asinh", "atan", "atan2", "atanh",
    "bessel_i0e", "bessel_i1e", "broadcast_in_dim", "cbrt", "ceil", "clamp", "complex", "concatenate", "conj",
    "conv_general_dilated", "convert_element_type", "copy", "cos", "cosh", "cumlogsumexp", "cummax", "cummin",
    "cumprod", "cumsum", "device_put", "digamma", "div", "dot_general", "dynamic_slice", "dynamic_update_slice",
    "eq", "eq_to", "erf",
    "erf_inv", "erfc", "exp", "exp2", "expm1", "fft", "floor", "gather", "ge", "gt", "igamma", "igammac", "imag",
    "integer_pow", "is_finite", "le", "le_to", "lgamma", "log", "log1p", "logistic", "lt", "lt_to", "max", "min", "mul",
    "name", "ne", "neg", "not", "or", "pad", "polygamma", "pow", "real", "reduce_max", "reduce_min", "reduce_precision",
    "reduce_prod", "reduce_sum", "reduce_window_max", "reduce_window_min", "reduce_window_sum",
    "regularized_incomplete_beta", "rem", "reshape", "rev", "round", "rsqrt", "scatter", "scatter-add",
    "scatter-max", "scatter-min", "scatter-mul", "scatter-sub", "select_and_gather_add", "select_and_scatter_add",
    "select_n", "sharding_constraint", "sign", "sin", "sinh", "slice", "sort", "split", "sqrt", "square", "squeeze",
    "stack", "stop_gradient", "sub", "tan", "tanh", "tile", "top_k", "transpose", "unstack", "xor",
]

#: Smooth as a whole where they are smooth, with JAX's own derivative, and refused elsewhere.
OPAQUE = [
    "cholesky", "custom_linear_solve", "eigh", "lu", "qr", "svd", "triangular_solve", "tridiagonal_solve",
]

#: What holds other functions: they are followed.
CONTROL = [
    "composite", "cond", "custom_vmap_call", "jit", "linear_call", "optimization_barrier", "reduce",
    "reduce_window", "remat2", "scan", "shard_map", "while",
]

#: What devices collect from each other, on one device.
ONE_DEVICE = [
    "all_gather", "all_gather_invariant", "all_gather_reduced", "all_to_all", "pbroadcast", "ppermute", "preduced",
    "psum", "psum_invariant", "pvary", "reduce_scatter", "reduced_vary_cast_p", "unreduced_psum",
    "unreduced_reduce_scatter", "vary_unreduced_cast_p",
]

#: Followed through what they are written in.
IMPLEMENTED = [
    "bcoo_dot_general", "bcoo_dot_general_sampled", "bcoo_extract", "bcoo_fromdense", "bcoo_sort_indices",
    "bcoo_spdot_general", "bcoo_sum_duplicates", "bcoo_todense", "bcoo_transpose", "bcsr_dot_general",
    "bcsr_extract", "bcsr_fromdense", "bcsr_todense", "coo_fromdense", "coo_matmat", "coo_matvec", "coo_todense",
    "csr_fromdense", "csr_matmat", "csr_matvec", "csr_todense", "ragged_dot_general",
]

#: Refused by name, with a reason and a fix.
REFUSED = [
    "accum_grad_in_ref", "addupdate", "approx_top_k", "bitcast_convert_type", "box_get", "box_set",
    "call_hi_primitive", "check", "custom_lin", "dce_sink", "debug_callback", "debug_print",
    "eig", "empty_ref", "eval_jaxpr", "ffi_call", "free_ref", "freeze", "from_edtype", "get",
    "global_array_to_host_local_array", "host_local_array_to_global_array", "inspect_sharding",
    "io_callback", "layout_constraint", "log_extend", "log_read", "mulhi", "new_box", "new_log", "new_ref",
    "pure_callback", "ragged_all_to_all", "random_bits", "random_fold_in", "random_gamma", "random_seed",
    "random_split", "random_unwrap", "random_wrap", "remat_opt", "reshard", "run_state", "shift_left",
    "shift_right_arithmetic", "shift_right_logical", "spsolve", "stage", "swap", "tie", "to_edtype", "todense",
]
