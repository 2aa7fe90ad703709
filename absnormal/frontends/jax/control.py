"""Primitives that hold jaxprs: calls are inlined, loops unrolled, branches followed, custom rules probed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.frontends.jax.algebra import linear_solve
from absnormal.frontends.jax.complex_numbers import Pair, apart, part
from absnormal.frontends.jax.custom import called, library_rule, probe
from absnormal.frontends.jax.derivatives import foreign, in_library
from absnormal.frontends.jax.devices import sharded
from absnormal.frontends.jax.jumps import version_of
from absnormal.frontends.jax.reducers import reduced, windows_reduced
from absnormal.frontends.jax.run import Run, Seen, is_key, jump_of
from absnormal.frontends.meanings.jumps import Either
from absnormal.frontends.meanings.places import Places
from absnormal.frontends.numpy.masks import TracedMask
from absnormal.frontends.numpy.traced import TracedArray

Inputs = list[Seen]


def inlined(
    run: Run, eqn: Any, inputs: Inputs, *, jaxpr: Any = None, call_jaxpr: Any = None, fun_jaxpr: Any = None,
    name: str | None = None,
) -> list[Seen]:
    """jit, checkpoint and their kin."""
    inner = next(given for given in (jaxpr, call_jaxpr, fun_jaxpr) if given is not None)
    jaxpr = getattr(inner, "jaxpr", inner)
    with _Naming(run, name, jaxpr) as own:
        rule = library_rule(jaxpr) if own else None
        known = None if rule is None else rule(run, eqn, inputs)
        if known is not None:
            return known
        return run.closed(inner, inputs) if jaxpr is not inner else run.open(inner, [], inputs)


def custom(run: Run, eqn: Any, inputs: Inputs, *, call_jaxpr: Any = None, fun_jaxpr: Any = None) -> list[Seen]:
    """custom_jvp and custom_vjp: what they compute is followed, the slopes at kinks are those of their own rule."""
    start = len(run.builder.nodes)
    run.distrust(foreign(eqn, run.around))
    (closed,) = called(eqn)
    name = closed.jaxpr.debug_info.func_name
    results = inlined(run, eqn, inputs, call_jaxpr=call_jaxpr, fun_jaxpr=fun_jaxpr, name=name)
    probe(run, eqn, inputs, results, start)
    return results


class _Naming:
    """What one of JAX's own functions is written in keeps the name of that function, and the line that called it."""

    def __init__(self, run: Run, name: str | None, jaxpr: Any) -> None:
        self.run, self.outer = run, run.builder.user
        file = getattr(jaxpr.debug_info, "func_filename", None) or ""
        self.own = bool(name) and in_library(file)
        self.name = _called(_module(file), name or "")

    def __enter__(self) -> bool:
        if self.own and (self.outer is None or self.outer[0].startswith("lax.")):
            self.run.builder.user = (self.name, self.run.around)
        elif not self.own:
            self.run.builder.user = None
        return self.own

    def __exit__(self, *error: object) -> None:
        self.run.builder.user = self.outer


def _module(file: str) -> str:
    """Where a person finds a function of JAX's."""
    if f"{'nn'}/functions" in file.replace("\\", "/"):
        return "jax.nn"
    return "jnp" if "numpy" in file.rpartition("_src")[2] else "jax"


def _called(module: str, name: str) -> str:
    """What a person calls a function of JAX's: the public one behind jnp._where is jnp.where."""
    public = name.lstrip("_")
    known = hasattr(require("jax.numpy", "jax"), public)
    if module == "jax" and known and not hasattr(require("jax", "jax"), public):
        module = "jnp"
    return f"{module}.{public if known or module != 'jnp' else name}"


def scanned(
    run: Run, eqn: Any, inputs: Inputs, *, jaxpr: Any, length: int, reverse: bool, num_consts: int, num_carry: int
) -> list[Seen]:
    """lax.scan, step by step."""
    first = num_consts + num_carry
    fixed, carry, rows = inputs[:num_consts], inputs[num_consts:first], inputs[first:]
    order = range(length - 1, -1, -1) if reverse else range(length)
    collected: list[list[Seen]] = []
    for step in order:
        current = [_entry(row, step) for row in rows]
        results = run.closed(jaxpr, [*fixed, *carry, *current])
        carry = results[:num_carry]
        collected.append(results[num_carry:])
    if reverse:
        collected.reverse()
    outs = [
        _stacked(run, [step[place] for step in collected], aval.aval)
        for place, aval in enumerate(eqn.outvars[num_carry:])
    ]
    return [*carry, *outs]


def _entry(row: Seen, step: int) -> Seen:
    traced = row.traced
    if isinstance(traced, TracedMask | Places):
        traced = traced.moved(lambda u: u[step])
    elif isinstance(traced, TracedArray):
        traced = traced[step]
    elif isinstance(traced, Pair):
        traced = Pair(_entry(traced.real, step), _entry(traced.imag, step))
    return Seen(row.value[step], traced)


def _stacked(run: Run, rows: list[Seen], aval: Any) -> Seen:
    jnp = require("jax.numpy", "jax")
    value = jnp.stack([row.value for row in rows]) if rows else jnp.zeros(aval.shape, aval.dtype)
    if any(isinstance(row.traced, Pair) for row in rows):
        return apart(value, lambda side: _stacked(run, [part(row, side) for row in rows], aval))
    jump = jump_of(rows)
    if jump is not None:
        return Seen(value, jump)
    if not any(isinstance(row.traced, TracedArray) for row in rows):
        run.decide(rows)
        return Seen(value)
    stacked: Any = np.stack([run.operand(row) for row in rows])
    return Seen(value, stacked)


def repeated(
    run: Run, eqn: Any, inputs: Inputs, *, cond_jaxpr: Any, body_jaxpr: Any, cond_nconsts: int, body_nconsts: int
) -> list[Seen]:
    """lax.while_loop: the condition is kept as a guard at every step."""
    first = cond_nconsts + body_nconsts
    for_cond, for_body, carry = inputs[:cond_nconsts], inputs[cond_nconsts:first], inputs[first:]
    while True:
        (goes_on,) = run.closed(cond_jaxpr, [*for_cond, *carry])
        if not _decided(run, goes_on):
            return carry
        carry = run.closed(body_jaxpr, [*for_body, *carry])


def _decided(run: Run, seen: Seen) -> Any:
    """A condition as it came out; one that depends on the variables is kept as a guard, and must not be tied."""
    run.decide([seen])
    return np.asarray(seen.value).item()


def branched(run: Run, eqn: Any, inputs: Inputs, *, branches: Any) -> list[Seen]:
    """lax.cond and lax.switch: the branch that is taken; at a tie both, and a kink between their results."""
    which, operands = inputs[0], inputs[1:]
    mask = which.traced
    if isinstance(mask, Either):
        return run.on_all_sides([mask], lambda side: branched(
            run, eqn, [version_of(which, mask.jump, side), *operands], branches=branches), False)
    if not (isinstance(mask, TracedMask) and np.any(mask.tied) and len(branches) == 2):
        return run.closed(branches[min(max(int(_decided(run, which)), 0), len(branches) - 1)], operands)
    sides = [run.closed(branch, operands) for branch in branches]
    taken = sides[int(np.asarray(which.value).item())]
    if any(is_key(out.value) for out in taken):
        run.decide([which])
    return [_between(run, mask, *results) for results in zip(taken, *sides, strict=True)]


def _between(run: Run, mask: TracedMask, out: Seen, no: Seen, yes: Seen) -> Seen:
    """A result of a branch that is tied."""
    if isinstance(no.traced, Pair) or isinstance(yes.traced, Pair):
        return apart(out.value, lambda side: _between(run, mask, *(part(seen, side) for seen in (out, no, yes))))
    return Seen(out.value, jump_of((no, yes)) or np.where(mask, run.operand(yes), run.operand(no)))  # type: ignore[call-overload]


def passed(run: Run, eqn: Any, inputs: Inputs) -> list[Seen]:
    """Constraints on compilation, which compute nothing."""
    return inputs


def composed(run: Run, eqn: Any, inputs: Inputs, *, jaxpr: Any, name: str, version: int, attributes: Any) -> list[Seen]:
    """lax.composite: a function with a name for a compiler."""
    return run.closed(jaxpr, inputs)


def batched_by_itself(run: Run, eqn: Any, inputs: Inputs, *, call: Any, rule: Any, in_tree: Any, out_tree: Any) -> Any:
    """custom_vmap, of which nothing is batched here."""
    return run.closed(call, inputs)


def linear(
    run: Run, eqn: Any, inputs: Inputs, *, callee: Any, transpose_thunk: Any = None, num_callee_consts: Any = None,
    num_res: Any = None,
) -> list[Seen]:
    """linear_call: the function itself; whether its transpose is that is not known."""
    run.distrust(f"a linear_call with a transpose of its own{f' at {run.around}' if run.around is not None else ''}")
    return run.closed(callee, inputs)


CONTROL: dict[str, Callable[..., list[Seen]]] = {
    **dict.fromkeys(("jit", "pjit", "closed_call", "core_call", "remat2", "checkpoint", "remat"), inlined),
    **dict.fromkeys(("custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr"), custom),
    "scan": scanned,
    "while": repeated,
    "cond": branched,
    "optimization_barrier": passed,
    "composite": composed,
    "custom_vmap_call": batched_by_itself,
    "linear_call": linear,
    "custom_linear_solve": linear_solve,
    "reduce": reduced,
    "reduce_window": windows_reduced,
    "shard_map": sharded,
}
