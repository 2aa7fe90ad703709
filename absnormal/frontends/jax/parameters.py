"""How a rule accounts for its primitive: the parameters that it reads; anything else is refused by name.

A rule reads the parameters that its signature names after the star.  What an equation has beyond them must be without
effect on the real numbers, as listed here, or at a value that asks for nothing: no rule can forget a parameter that a
version of JAX adds.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from absnormal.errors import TraceError
from absnormal.program.nodes import Source

#: Where and how something is computed, or in which precision, which `precision` reads.
_IDLE_EVERYWHERE = frozenset({
    "sharding", "out_sharding", "out_dtype", "preferred_element_type", "precision", "index_dtype", "weak_type",
})  # fmt: skip

_COMPILED = frozenset({
    "in_shardings", "out_shardings", "in_layouts", "out_layouts", "donated_invars", "ctx_mesh", "keep_unused", "inline",
    "compiler_options_kvs", "prevent_cse", "policy", "differentiated",
})  # fmt: skip
#: Derivative code, which `derivatives` looks through, and the structure of its results.
_DERIVATIVES = frozenset({
    "num_consts", "symbolic_zeros", "jvp_jaxpr_fun", "fwd_jaxpr_thunk", "bwd", "out_trees",
})  # fmt: skip
#: What scatter-add and its kin do to an entry is in their names.
_UPDATES = frozenset({"update_jaxpr", "update_consts"})

#: primitive -> parameters that its rule may leave unread
IDLE: dict[str, frozenset[str]] = {
    **dict.fromkeys(("jit", "pjit", "closed_call", "core_call", "remat2", "checkpoint", "remat"), _COMPILED),
    **dict.fromkeys(("custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr"), _DERIVATIVES),
    **dict.fromkeys(("scatter-add", "scatter-sub", "scatter-mul", "scatter-max", "scatter-min"), _UPDATES),
    "scan": frozenset({"linear", "unroll", "_split_transpose"}),
    # The index of the branch has been worked out for the platform.
    "cond": frozenset({"branches_platforms"}),
    "device_put": frozenset({"devices", "srcs", "copy_semantics"}),
    # The shape of the result says it.
    "squeeze": frozenset({"dimensions"}),
    # Ties are written as they came; what is carried along at one is refused.
    "sort": frozenset({"is_stable"}),
    # Ways of rounding differ at ties, which are refused.
    "round": frozenset({"rounding_method"}),
    "name": frozenset({"name"}),
    "conj": frozenset({"input_dtype"}),
    "sharding_constraint": frozenset({"layout", "context_mesh", "unconstrained_dims"}),
}


@functools.cache
def reads(rule: Callable[..., Any]) -> tuple[frozenset[str], frozenset[str]] | None:
    """The parameters that a rule reads, and those of them that an equation may lack; None where it reads all."""
    parameters = [*inspect.signature(rule).parameters.values()]
    if any(item.kind is inspect.Parameter.VAR_KEYWORD for item in parameters):
        return None
    named = [item for item in parameters if item.kind is inspect.Parameter.KEYWORD_ONLY]
    optional = frozenset(item.name for item in named if item.default is not inspect.Parameter.empty)
    return frozenset(item.name for item in named), optional


def read(
    rule: Callable[..., Any], primitive: str, params: Mapping[str, Any], user: tuple[str, Source | None]
) -> dict[str, Any]:
    """The parameters of an equation that its rule reads, by name.

    Raises
    ------
    TraceError
        which names a parameter that the rule does not know, or that it needs and the equation has not
    """
    known = reads(rule)
    if known is None:
        return dict(params)
    names, optional = known
    idle = IDLE.get(primitive, frozenset()) | _IDLE_EVERYWHERE
    for name, value in params.items():
        if name not in names and name not in idle and not _is_neutral(value):
            raise TraceError(
                user[0], f"the parameter {name} = {_shown(value)} of {primitive} is not supported",
                "leave it out, or write the operation without it", user[1],
            )
    missing = names - optional - params.keys()
    if missing:
        raise TraceError(
            user[0], f"{primitive} of this version of JAX has no parameter {min(missing)}",
            "use a version of JAX that the package was tested with", user[1],
        )
    return {name: params[name] for name in names if name in params}


def _is_neutral(value: Any) -> bool:
    """Whether a value asks for nothing: None, False, nothing in it."""
    return value is None or value is False or (isinstance(value, tuple | list | dict) and not value)


def _shown(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else text[:57] + "..."
