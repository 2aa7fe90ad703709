"""The graph of derivatives behind a loss: the leaves that it reaches, and what in it torch did not write.

Torch's own nodes are generated from its table of derivatives, and a tensor has a gradient by them alone unless somebody
else had a part in it: an autograd.Function with a backward of its own, a hook on a tensor, on a node or on a module, or
hooks that pack and unpack what is saved.  They are found by the classes of the nodes and by what is registered on them.
What cannot be classified counts as not torch's own.

Saved tensors that were moved to the host and back (save_on_cpu) are the same numbers, so these hooks are torch's own.
A checkpoint is not: it calls the user's function again, and nothing shows that this computes the same numbers.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch

from absnormal.errors import TraceError
from absnormal.frontends.torch.memory import storage
from absnormal.frontends.torch.tape import Record, Tape
from absnormal.program.nodes import Source

if TYPE_CHECKING:
    from absnormal.frontends.torch.following import Following

_OWN = torch._C._functions
_LEAF = _OWN.AccumulateGrad
_CHECKPOINT = torch.utils.checkpoint.CheckpointFunction
_MODULE_HOOK = torch.nn.modules._functions.BackwardHookFunction
#: Nodes whose gradient may be sparse, or divided by how often a row was looked up, and their operations.
_LOOKUPS = {"EmbeddingBackward0": "embedding", "EmbeddingBagBackward0": "_embedding_bag"}


@dataclass(frozen=True)
class Graph:
    """The nodes behind a loss, and the leaves that they reach by identity."""

    nodes: tuple[Any, ...]
    leaves: dict[int, Any]

    def between(self, variables: Sequence[Any]) -> set[Any]:
        """The nodes from which one of the variables is reached."""
        after: dict[Any, list[Any]] = {}
        for node in self.nodes:
            for other, _ in node.next_functions:
                after.setdefault(other, []).append(node)
        known = {id(variable) for variable in variables}
        stack = [node for node in self.nodes if type(node) is _LEAF and id(node.variable) in known]
        found = set(stack)
        while stack:
            new = [node for node in after.get(stack.pop(), ()) if node not in found]
            found.update(new)
            stack += new
        return found

    @cached_property
    def _sparse(self) -> dict[int, list[Any] | None]:
        """The nodes that make the gradients of leaves, by their identity, where all are sparse; None where not all."""
        found: dict[int, list[Any] | None] = {}
        if not any(_is_sparse(node) for node in self.nodes):
            return found
        for node in self.nodes:
            for leaf in (other.variable for other, _ in node.next_functions if type(other) is _LEAF):
                made = found.setdefault(id(leaf), [])
                if made is None or not _is_sparse(node):
                    found[id(leaf)] = None
                else:
                    made.append(node)
        return found

    def rows(self, leaf: Any) -> Any:
        """The numbers of the rows that torch's gradient of a leaf holds, where it is sparse; None where it is dense."""
        made = self._sparse.get(id(leaf))
        if not made:
            return None
        rows = torch.cat([node._saved_indices[node._saved_indices != _padding(node)] for node in made])
        return rows.unique()


def _is_sparse(node: Any) -> bool:
    return type(node).__name__ in _LOOKUPS and bool(node._saved_sparse)


def _padding(node: Any) -> int:
    """The row that a lookup leaves out; -1, which torch may hold without a sign, where there is none."""
    row = int(node._saved_padding_idx)
    return -1 if row >= 2**63 else row


def graph_of(loss: Any) -> Graph:
    """The graph behind a loss.

    Raises
    ------
    TraceError
        for a checkpoint that runs another backward inside of this one
    """
    if loss.grad_fn is None:
        return Graph((), {id(loss): loss})
    seen, stack = {loss.grad_fn: None}, [loss.grad_fn]
    leaves: dict[int, Any] = {}
    while stack:
        node = stack.pop()
        if type(node) is _LEAF:
            leaves[id(node.variable)] = node.variable
            continue
        if isinstance(node, torch._C._FunctionBase) and node._forward_cls is _CHECKPOINT:
            raise TraceError(
                "torch.utils.checkpoint", "runs a backward of its own inside of the one that is judged, which fills in"
                " gradients that the graph of the loss does not show", "use checkpoint(..., use_reentrant=False)",
            )
        for other, _ in node.next_functions:
            if other is not None and other not in seen:
                seen[other] = None
                stack.append(other)
    return Graph(tuple(seen), leaves)


def refuse_unseen(graph: Graph, following: Following, variables: Sequence[Any]) -> None:
    """Raise where derivatives flow through what no operation of the tape shows.

    Tensors that require a gradient though the tape does not show what made them of something that requires one, and
    numbers that a Function takes out of torch, matter where a gradient flows through them to a variable, or did before
    they were overwritten.
    """
    tape, unseen = following.tape, following.unseen
    scripted = [node for node in graph.nodes if _is_scripted(node)]
    if not scripted and not unseen and not tape.left:
        return
    between = graph.between(variables)
    for node in scripted:
        for record in tape.records:
            if node in between and any(tensor.grad_fn is node for tensor in record.arguments):
                raise _not_on_tape(node, record)
    for number, tensor in unseen:
        if tensor.grad_fn in between or any(when > number for when, _ in tape.saved.get(storage(tensor), ())):
            raise _not_on_tape(tensor.grad_fn, tape.records[number])
    used = {getattr(node, "_forward_cls", None) for node in between}
    for left in tape.left:
        if left.function in used and following.find(left.tensor) is not None:
            raise TraceError(
                left.function.__name__, "takes numbers out of torch, so the function that it stands for is not seen",
                "write its forward with operations of torch", left.source,
            )


def refuse_constant(tensor: Any, record: Record) -> None:
    """Raise where what an autograd.Function returned comes from no variable on the tape."""
    if isinstance(tensor.grad_fn, torch._C._FunctionBase):
        raise _not_on_tape(tensor.grad_fn, record)


def _not_on_tape(node: Any, record: Record) -> TraceError:
    """The error for a node whose derivative is not that of operations that were followed, by what used its tensor."""
    if _is_scripted(node):
        refusal = (
            "torch.jit.script", "fuses what it runs from its second call on, so that its derivatives do not belong to"
            " operations that can be followed", "call the Python function itself, or set PYTORCH_JIT=0",
        )
    elif isinstance(node, torch._C._FunctionBase):
        refusal = (
            node._forward_cls.__name__, "returns a tensor that torch's operations did not make of what it was given, so"
            " the function that it stands for is not seen", "write its forward with operations of torch",
        )
    elif record.arguments[0].is_conj() or record.arguments[0].is_neg():
        refusal = (
            "torch", f"these operations are not supported: what is done with complex numbers at {record.source}",
            "compute with their real and imaginary parts",
        )
    else:
        refusal = (
            f"torch.{record.name}", "uses a tensor that requires a gradient and that no operation was seen to make: it"
            " was computed before the function ran, in another thread, or by torch.func.hessian, whose forward mode of"
            " a gradient leaves no operations",
            "compute it inside the function, or detach it; torch.func.jacrev(torch.func.jacrev(f)) is the Hessian, too",
        )
    return TraceError(*refusal, record.source)


def _is_scripted(node: Any) -> bool:
    return type(node).__name__ == "CppFunction" and node.name().startswith("torch::jit::")


def foreign(graph: Graph, tape: Tape, names: dict[int, str]) -> tuple[str, ...]:
    """Phrases that name what had a part in the gradient and is not torch's own, each one once."""
    found: list[str] = []
    for leaf in graph.leaves.values():
        for hooks in (leaf._backward_hooks, leaf._post_accumulate_grad_hooks):
            if hooks:
                found += [_tensor_hook(hook) for hook in hooks.values()]
    for node in graph.nodes:
        kind = type(node)
        # Nodes of leaves are there before the function runs; others are found through the grad_fn of a tensor.
        if tape.nodes_seen or kind is _LEAF:
            found += [_node_hook(hook, names) for hook in _registered(node)]
        if getattr(_OWN, kind.__name__, None) is kind:
            for name in _saved(kind) if tape.packed or tape.nodes_seen else ():
                found += _unpacked(getattr(node, name))
            if kind.__name__ in _LOOKUPS and node._saved_scale_grad_by_freq:
                found.append(_scaled(_LOOKUPS[kind.__name__], tape))
        # Torch puts an identity around modules with hooks, which are named by themselves.
        elif getattr(node, "_forward_cls", None) is not _MODULE_HOOK:
            found.append(f"a backward of its own, e.g. a straight-through estimator: {_function(node)}")
    found += [_tensor_hook(one.hook) for one in tape.hooks if one.active and one.node in graph.nodes]
    if tape.unpacks is not None:
        found += _unpacking(tape.unpacks)
    found += _overwritten(tape)
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        found.append("a process group of torch.distributed, whose hooks on parameters do not show")
    return tuple(dict.fromkeys(found))


def intercepted(loss: Any) -> tuple[str, ...]:
    """A phrase that names what a subclass of tensors makes of loss.backward(), if it is not what torch does."""
    kind = type(loss)
    if kind.backward is not torch.Tensor.backward:
        return (f"a backward of its own: {kind.__name__}{_at(kind.backward)}",)
    own = getattr(kind.__torch_function__, "__func__", None)
    if own is None or own is torch.Tensor.__torch_function__.__func__:
        return ()
    return (f"a __torch_function__ of its own: {kind.__name__}{_at(own)}",)


def _overwritten(tape: Tape) -> list[str]:
    """Writes to what torch differentiates that it does not see: under no_grad, through .data or a detached alias."""
    found: list[str] = []
    if not tape.saved:
        return found
    made: set[int] = set()
    for record in tape.records:
        if record.name == "detach_":
            made.discard(storage(record.args[0]))
        for target in (*record.overwritten, *record.filled):
            if not (record.enabled and record.needs[id(target)]) and storage(target) in made:
                found.append(f"{record.name}{_line(record)}, which overwrites values unseen by autograd")
        if record.enabled and any(record.needs.values()):
            made.update(storage(out) for out in record.outs if out.requires_grad and out.layout == torch.strided)
    return found


def _registered(node: Any) -> list[Any]:
    """The hooks on a node, before and after it.

    Torch lists them nowhere; but a further hook joins the others, and its handle knows where.
    """
    found: list[Any] = []
    for register in (node.register_hook, node.register_prehook):
        handle = register(_nothing)
        held = handle.hooks_dict_ref()
        handle.remove()
        if held:
            found += held.values()
    return found


def _nothing(*args: Any) -> None:
    """A hook that changes nothing."""


@functools.cache
def _saved(kind: type) -> list[str]:
    """The attributes of a class of nodes that are saved tensors as they are packed."""
    return [name for name in dir(kind) if name.startswith("_raw_saved_")]


def _unpacked(saved: Any) -> list[str]:
    hooks = [one.unpack_hook for one in (saved if isinstance(saved, (list, tuple)) else (saved,))]
    return [phrase for hook in hooks if hook is not None for phrase in _unpacking(hook)]


def _unpacking(hook: Any) -> list[str]:
    module, name = getattr(hook, "__module__", ""), getattr(hook, "__qualname__", "")
    if module == "torch.utils.checkpoint":
        return ["a checkpoint, which computes again what it did not save"]
    if module == torch.autograd.graph.__name__ and name.startswith("save_on_cpu."):
        return []
    return [f"saved-tensor hooks: {_named(hook)}"]


def _tensor_hook(hook: Any) -> str:
    if getattr(hook, "__module__", "") == torch.autograd.graph.__name__:
        return f"a multi-grad hook: {_named(_enclosed(hook)['fn'])}"
    return f"a tensor hook: {_named(hook)}"


def _node_hook(hook: Any, names: dict[int, str]) -> str:
    module = _module(hook)
    if module is None:
        return f"a hook on a node of the graph: {_named(hook)}"
    path = names.get(id(module))
    return f"a module backward hook on {f'`{path}`' if path else type(module).__name__}"


def _module(hook: Any) -> Any:
    """The module that a hook of torch's own on a node calls hooks for; None for another hook."""
    if isinstance(hook, torch.nn.modules.module._WrappedHook):
        return hook.module()
    caller = _enclosed(hook).get("self")
    return caller.module if isinstance(caller, torch.utils.hooks.BackwardHook) else None


def _enclosed(function: Any) -> dict[str, Any]:
    """The variables that a function of Python's closes over."""
    cells = getattr(function, "__closure__", None)
    return {} if not cells else {
        name: cell.cell_contents for name, cell in zip(function.__code__.co_freevars, cells, strict=True)
    }


def _function(node: Any) -> str:
    """The class of an autograd.Function, and the line of its backward; for one of C++ its name."""
    kind = getattr(node, "_forward_cls", None)
    if kind is None:
        return str(node.name())
    own = kind.backward if kind.backward is not torch.autograd.Function.backward else kind.vjp
    return f"{kind.__name__}{_at(own)}"


def _named(function: Any) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    return f"{getattr(function, '__name__', type(function).__name__)}{_at(function)}"


def _at(function: Any) -> str:
    """The line of a function of Python's, with the word before it."""
    function = inspect.unwrap(function)
    code = getattr(function if hasattr(function, "__code__") else type(function).__call__, "__code__", None)
    return "" if code is None else f" at {Source(code.co_filename, code.co_firstlineno)}"


def _scaled(name: str, tape: Tape) -> str:
    record = next(r for r in tape.records if r.name == name and any(a is True for a in r.args))
    return f"scale_grad_by_freq of an embedding{_line(record)}, which divides by how often a row was looked up"


def _line(record: Record) -> str:
    return f" at {record.source}" if record.source is not None else ""
