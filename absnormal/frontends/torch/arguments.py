"""Every argument of an operation is read by its rule, or refused by name where it is off its default.

A rule says in its own signature what it reads: its parameters before the ``/``, after the writer, are the first
arguments of the operation, in order; each of the others bears the name of an argument in the operation's schema.  A
rule with ``*args`` and ``**kwargs`` hands them on to the operation itself.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from absnormal.frontends.torch.rules import RULES
from absnormal.frontends.torch.tape import Record

#: Where and how the numbers lie, their precision, and what random numbers are drawn from; they are as they were drawn.
_PLACEMENT = frozenset({
    "dtype", "out_dtype", "layout", "device", "pin_memory", "memory_format", "non_blocking", "generator",
})  # fmt: skip
_SPARSE = frozenset({"scale_grad_by_freq", "sparse"})

#: Arguments that have no part in the values, or that the shape of the result tells a rule.
ASIDE: dict[str, frozenset[str]] = {
    # The shape of the result tells them.
    **dict.fromkeys(("view", "_unsafe_view", "_reshape_copy"), frozenset({"size"})),
    "expand": frozenset({"size", "implicit"}),
    "_reshape_alias": frozenset({"size", "stride"}), "reshape": frozenset({"shape"}), "squeeze": frozenset({"dim"}),
    "unsqueeze": frozenset({"dim"}), "flatten": frozenset({"start_dim", "end_dim"}),
    "unflatten": frozenset({"dim", "sizes"}), "view_as": frozenset({"other"}),
    "split": frozenset({"split_size", "split_sizes"}), "unsafe_split": frozenset({"split_size"}),
    **dict.fromkeys(("split_with_sizes", "unsafe_split_with_sizes"), frozenset({"split_sizes"})),
    **dict.fromkeys(("chunk", "unsafe_chunk"), frozenset({"chunks"})),
    **dict.fromkeys(("_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "adaptive_avg_pool1d", "adaptive_max_pool1d",
                     "adaptive_max_pool2d", "adaptive_max_pool3d"), frozenset({"output_size"})),
    **dict.fromkeys((f"{kind}_pool{n}d{end}" for kind, end in (("max", "_with_indices"), ("avg", ""))
                     for n in (1, 2, 3)), frozenset({"ceil_mode"})),
    "topk": frozenset({"k"}), "native_group_norm": frozenset({"C", "HxW"}),
    # The result is taken as it was made.
    "new_zeros": frozenset({"size"}), "new_ones": frozenset({"size"}), "new_full": frozenset({"size", "fill_value"}),
    "new_empty": frozenset({"size"}), "new_empty_strided": frozenset({"size", "stride"}),
    "full_like": frozenset({"fill_value"}), "round": frozenset({"decimals"}), "bernoulli": frozenset({"p"}),
    "nan_to_num": frozenset({"nan", "posinf", "neginf"}), "to": frozenset({"copy", "other"}),
    # How a kernel runs, and what it keeps on the side.
    "_convolution": frozenset({"benchmark", "deterministic", "cudnn_enabled", "allow_tf32"}),
    **dict.fromkeys(("native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_functional",
                     "_native_batch_norm_legit_no_training"), frozenset({"momentum"})),
    "_batch_norm_with_update": frozenset({"momentum", "running_mean", "running_var"}),
    "mkldnn_rnn_layer": frozenset({"hidden_size", "num_layers", "bidirectional", "batch_first", "train"}),
    "_scaled_dot_product_flash_attention": frozenset({"return_debug_mask"}), "sort": frozenset({"stable"}),
    "_cdist_forward": frozenset({"compute_mode"}), "_trilinear": frozenset({"unroll_dim"}),
    **dict.fromkeys(("_softmax", "_log_softmax"), frozenset({"half_to_float"})),
    "_index_put_impl": frozenset({"unsafe"}),
    **dict.fromkeys(("linalg_inv_ex", "linalg_cholesky_ex", "_linalg_solve_ex", "linalg_lu_factor_ex"),
                    frozenset({"check_errors"})),
    "lu_unpack": frozenset({"unpack_data", "unpack_pivots"}), "_linalg_svd": frozenset({"driver"}),
    "linalg_lstsq": frozenset({"driver"}),
    "max_unpool2d": frozenset({"output_size"}), "max_unpool3d": frozenset({"output_size", "stride", "padding"}),
    "segment_reduce": frozenset({"unsafe", "indices"}),
    **dict.fromkeys(("leaky_relu_backward", "rrelu_with_noise_backward"), frozenset({"self_is_result"})),
    **dict.fromkeys(("max_pool2d_with_indices_backward", "max_pool3d_with_indices_backward"),
                    frozenset({"kernel_size", "stride", "padding", "dilation", "ceil_mode"})),
    **dict.fromkeys(("avg_pool2d_backward", "avg_pool3d_backward"), frozenset({"ceil_mode"})),
    "native_layer_norm_backward": frozenset({"bias"}),
    **dict.fromkeys(("nll_loss_backward", "nll_loss2d_backward"), frozenset({"total_weight"})),
    **dict.fromkeys(("_softmax_backward_data", "_log_softmax_backward_data"), frozenset({"input_dtype"})),
    # They are about the gradient, not about the values.
    "gather": frozenset({"sparse_grad"}), "embedding": _SPARSE, "_embedding_bag": _SPARSE,
}  # fmt: skip


class Refusing(Protocol):
    """What a rule writes to."""

    def refuse(self, problem: str, fix: str) -> Any: ...


@dataclass(frozen=True, slots=True)
class Reading:
    """How the rule of an operation reads its arguments.

    Attributes
    ----------
    rule
        the rule
    leading
        how many arguments it takes in order; None where it hands all of them on
    names
        the names of the operation's further arguments that may be given by position
    unread
        the arguments that the rule does not read, each with its default
    aside
        those of them that have no part in the values
    """

    rule: Callable[..., Any]
    leading: int | None
    names: tuple[str, ...]
    unread: Mapping[str, Any]
    aside: frozenset[str]

    def __call__(self, w: Refusing, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """What the rule makes of these arguments."""
        if self.leading is None:
            return self.rule(w, *args, **kwargs)
        if len(args) <= self.leading:
            named = kwargs
        else:
            named = dict(zip(self.names, args[self.leading :], strict=False)) | kwargs
        if self.unread:
            for name in self.unread.keys() & named.keys():
                value = named[name]
                if name not in self.aside and not _same(value, self.unread[name]):
                    w.refuse(f"has {name}={_shown(value)}, which is not followed", f"leave {name} at its default")
            named = {name: value for name, value in named.items() if name not in self.unread}
        return self.rule(w, *args[: self.leading], **named)


def rule_name(record: Record) -> str:
    """In-place operations have the rule of the operation; those on complex numbers have rules of their own."""
    name = f"complex.{record.name}" if record.pairs else record.name
    if name not in RULES and name.endswith("_"):
        return name.rstrip("_")
    return name


@functools.cache
def reading(func: Any, name: str) -> Reading:
    """How the rule ``name`` reads the arguments of an operation, by its schema."""
    rule = RULES[name]
    leading, named = parameters(rule)
    schema = func._schema.arguments
    if leading is None:
        return Reading(rule, None, (), {}, frozenset())
    further = schema[leading:]
    unread = {a.name: a.default_value if a.has_default_value() else None for a in further if a.name not in named}
    real = name.removeprefix("complex.")
    aside = frozenset(unread) & (_PLACEMENT | ASIDE.get(real, ASIDE.get(real.removesuffix("_copy"), frozenset())))
    return Reading(rule, leading, tuple(a.name for a in further if not a.kwarg_only), unread, aside)


def parameters(rule: Callable[..., Any]) -> tuple[int | None, frozenset[str]]:
    """How many arguments a rule takes in order, None where it hands all of them on, and the names of the others."""
    given = [*inspect.signature(rule).parameters.values()][1:]
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in given):
        return None, frozenset()
    ordered = sum(p.kind == p.POSITIONAL_ONLY for p in given)
    return ordered, frozenset(p.name for p in given[ordered:])


def _same(value: Any, default: Any) -> bool:
    """Whether an argument has its default; a tensor has none."""
    if isinstance(value, (bool, int, float, str, list, tuple, type(None))):
        plain = list(value) if isinstance(value, (list, tuple)) else value
        return bool(plain == (list(default) if isinstance(default, (list, tuple)) else default))
    return bool(value is default)


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, (bool, int, float, str, list, tuple)) else "a tensor"
