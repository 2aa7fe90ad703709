"""A function of torch tensors as it ran at a point, with the gradient that loss.backward() really returned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from absnormal.arrays import Array
from absnormal.errors import AbsNormalError, DomainError, SeveralNumbersError, TraceError
from absnormal.frontends.python_choices import followed_choices
from absnormal.frontends.torch.graph import Graph, foreign, graph_of, intercepted, refuse_unseen
from absnormal.frontends.torch.jumping import refuse_jumps
from absnormal.frontends.torch.lowering import Lowering
from absnormal.frontends.torch.memory import shared, storage
from absnormal.frontends.torch.reading import TENSORS, Reading
from absnormal.frontends.torch.replay import CannotReplay, Replay
from absnormal.frontends.torch.restoring import restored
from absnormal.frontends.torch.steps import Read
from absnormal.frontends.torch.tape import Tape
from absnormal.frontends.torch.threads import alone
from absnormal.frontends.torch.undefined import undefined
from absnormal.frontends.torch.values import array, finite, refuse_unusable
from absnormal.frontends.torch.writes import moved
from absnormal.frontends.traced_call import TracedCall, check_fits, held_constant, precision_note
from absnormal.frontends.writing import in_words
from absnormal.ops.opaque import for_symmetric
from absnormal.program.tree import Tree, taken_apart

_MOVED = "the function overwrites a variable before it uses it: the point is what the variable holds then"


@dataclass(frozen=True)
class Wrap:
    """A flat gradient as tensors like the variables, in the structure of x."""

    tree: Tree
    like: tuple[tuple[Any, Any], ...]

    def __call__(self, flat: Array) -> Any:
        return self.tree.rebuild(self.leaves(flat))

    def leaves(self, flat: Array) -> list[Any]:
        """The same leaf by leaf, each with memory of its own."""
        found = []
        for given, (dtype, device) in zip(self.tree.split(flat), self.like, strict=True):
            part = torch.from_numpy(given.copy())
            if part.dtype != dtype:
                part = part.to(dtype)
                check_fits(given, bool(part.isfinite().all()), dtype)
            found.append(part.to(device))
        return found


def wrap_of(variables: Sequence[Any], tree: Tree) -> Wrap:
    """Gradients like these variables."""
    return Wrap(tree, tuple((variable.dtype, variable.device) for variable in variables))


def capture(f: Callable[[Any], Any], x: Any, stopped: str = "constant") -> TracedCall:
    """f at x, a tensor or a nested dict / list / tuple of tensors, with respect to all of them.

    ``stopped`` says whether what was detached, or computed in no_grad, is held "constant" or "followed".
    """
    return of_closure(*as_closure(f, x), stopped=stopped)


def followed(f: Callable[[Any], Any], x: Any) -> TracedCall:
    """f at x without torch's gradient: the slopes of its kernels are not asked for."""
    closure, variables, tree = as_closure(f, x)
    tape = Tape()
    with restored(tape, variables):
        loss, graph = _ran(tape, closure, variables, one_number=False)
    if moved(tape, variables):
        raise TraceError(
            "torch", "the function overwrites its variables before it uses them, so it is not a function of them",
            "overwrite a copy; verify judges the gradient at what they hold when they are used",
        )
    found = _lowered(tape, loss, graph, variables, tree, {}, strict=False).call
    return TracedCall(found.program, found.values, "torch", found.wrap)


def as_closure(f: Callable[[Any], Any], x: Any) -> tuple[Callable[[], Any], list[Any], Tree]:
    """f at x as a closure, with its variables and their tree."""
    structure, leaves = taken_apart(x)
    for leaf in leaves:
        if not isinstance(leaf, torch.Tensor) or not leaf.is_floating_point():
            kind = leaf.dtype if isinstance(leaf, torch.Tensor) else type(leaf).__name__
            raise ValueError(f"the leaves of x must be floating-point tensors, got {kind}; close over anything else")
    variables = [leaf.detach().clone().requires_grad_() for leaf in leaves]
    tree = Tree(structure, tuple(tuple(leaf.shape) for leaf in leaves))
    return lambda: f(tree.rebuild(list(variables))), variables, tree


@dataclass(frozen=True, eq=False)
class Followed:
    """A closure as it ran.

    Attributes
    ----------
    call
        its program, with the slopes of torch's kernels, and without a gradient
    loss
        what the closure returned
    graph
        torch's graph behind the loss
    reached
        which variables, by their places, the program depends on
    stopped
        where values were detached that the result depends on
    others
        phrases that name kernels whose derivative is not that of what they compute
    reads
        numbers that Python code read and may decide by
    overflows
        whether an operation made infinity of numbers
    """

    call: TracedCall
    loss: Any
    graph: Graph
    reached: frozenset[int]
    stopped: tuple[Any, ...] = ()
    others: tuple[str, ...] = ()
    reads: Sequence[Read] = ()
    overflows: bool = False


def follow(
    tape: Tape, closure: Callable[[], Any], variables: Sequence[Any], tree: Tree, names: dict[int, str]
) -> Followed:
    """A closure that returns the loss, with respect to leaf tensors that it uses; what it changes stays changed.

    The program and its values are to be used before anybody writes to the tensors that it reads.
    """
    return _lowered(tape, *_ran(tape, closure, variables), variables, tree, names, kept=False, strict=False)


def _ran(
    tape: Tape, closure: Callable[[], Any], variables: Sequence[Any], one_number: bool = True
) -> tuple[Any, Graph]:
    """The loss that a closure returned, which is finite, and the graph behind it."""
    if not variables:
        raise ValueError("there is no tensor to take the gradient with respect to")
    refuse_unusable(variables)
    if len({storage(variable) for variable in variables}) < len(variables) and any(v.numel() for v in variables):
        _refuse_overlap(variables)
    held = [(variable.grad, None if variable.grad is None else variable.grad._version) for variable in variables]
    tape.memory.begin(variables)
    loss = run_on_tape(tape, closure, one_number)
    tape.memory.end()
    _refuse_backward(variables, held)
    if not finite(loss.detach()):
        if any(not torch.isfinite(variable.detach()).all() for variable in variables):
            raise DomainError("x", "the point holds NaN or infinity")
        raise DomainError("f", "is NaN or infinite at this point")
    return loss, graph_of(loss)


def _lowered(
    tape: Tape, loss: Any, graph: Graph, variables: Sequence[Any], tree: Tree, names: dict[int, str],
    through: bool = False, kept: bool = True, apart: bool = False, strict: bool = True,
) -> Followed:
    lowering = Lowering(tape, variables, tree, names, through, graph.leaves, strict)
    following = lowering.following
    tape.memory.refuse({*following.states, *following.stopped, *following.tainted})
    refuse_unseen(graph, following, variables)
    try:
        made = lowering.finished(loss)
    except TraceError as error:
        raise in_words(error, "torch.{}".format) from error.__cause__
    dtype = _numpy_dtype(variables)
    double = dtype == np.dtype(float)
    again = lowering.overflows and not double
    values = made.values.anew() if again else made.values
    if kept:
        values.own(_memory, tape.memory.copy_of, None if apart else shared(tape.records))
    kind = str(variables[0].dtype).removeprefix("torch.")
    notes = [] if double else [precision_note(kind, "torch", again)]
    notes += [_MOVED] if moved(tape, variables) else []
    call = TracedCall(
        program=made.program, values=values, tool="torch",
        wrap=wrap_of(variables, tree), slopes=lowering.slopes(made), dtype=dtype,
        notes=tuple(dict.fromkeys([*notes, *held_constant(lowering.stopped), *lowering.write.notes])),
        units=made.units, own=values.in_precision(None),
        working=None if again else values.in_precision(np.float64 if double else np.float32),
        flat=tuple(lowering.builder.taken_flat),
    )
    places = tuple(place for place in lowering.stopped if place is not None)
    others = tuple(dict.fromkeys(lowering.write.others))
    return Followed(call, loss, graph, made.needed, places, others, lowering.coinciding.allowed, lowering.overflows)


def _memory(held: Any) -> int:
    """The identity of the memory of a tensor, or of an array that nobody else has."""
    return storage(held) if isinstance(held, torch.Tensor) and held.layout == torch.strided else id(held)


def of_closure(
    closure: Callable[[], Any], variables: Sequence[Any], tree: Tree, names: dict[int, str] | None = None,
    modules: Sequence[Any] = (), stopped: str = "constant",
) -> TracedCall:
    """A closure as it ran, with the gradient that torch returned; everything is left as it was found."""
    tape = Tape()

    def followed(apart: bool) -> Followed:
        found = _lowered(tape, loss, graph, variables, tree, names or {}, apart=apart, strict=False)
        if stopped == "constant" or not found.stopped:
            return found
        notes = tuple(f"a value that was detached at {place}" for place in dict.fromkeys(map(str, found.stopped)))
        through = _lowered(tape, loss, graph, variables, tree, names or {}, through=True, apart=apart, strict=False)
        return replace(through, others=notes + through.others)

    with restored(tape, variables, modules):
        loss, graph = _ran(tape, closure, variables)
        others = intercepted(loss) + foreign(graph, tape, names or {})
        # A backward of its own may write to what the forward pass left.
        found = followed(apart=True) if others else None
        gradients = _gradients(loss, variables, graph.leaves.values())
    found = found or followed(apart=False)
    others += found.others
    others += tuple(f"{place}, which jumps at this point and counts as a constant" for place in found.call.flat)
    _check_filled(found, variables, gradients, others)
    refuse_jumps(partial(run_on_tape, closure=closure), loss.item(), variables, modules, gradients, found.reads)
    leaves = [
        np.zeros(tuple(variable.shape), array(variable).dtype) if gradient is None else array(gradient)
        for variable, gradient in zip(variables, gradients, strict=True)
    ]
    infinite = not all(finite(gradient) for gradient in gradients if gradient is not None)
    if found.overflows and not infinite and found.call.dtype == np.dtype(float):
        # A gradient that is NaN shows that by itself, and in coarser precisions values are those of float64.
        _lowered(tape, loss, graph, variables, tree, names or {}, kept=False)
    return replace(
        found.call, leaves=leaves, foreign=others, undefined=undefined(tape, loss, variables) if infinite else (),
        other_precision=lambda: _in_other_precision(tape, loss, variables, gradients, tree),
    )


def own_gradients(tape: Tape, found: Followed, variables: Sequence[Any], names: dict[int, str]) -> list[Any] | None:
    """What loss.backward() fills in for the variables, or None for one of them; its .grad stays as it is.

    None where other code than torch's own derivative formulas had a part in it, where these are not those of what was
    followed, or where it does not run or is not finite.
    """
    loss, graph, program = found.loss, found.graph, found.call.program
    own = not (intercepted(loss) or foreign(graph, tape, names) or found.others or found.call.flat)
    if not own or found.overflows or any(node.varied and for_symmetric(node) for node in program.nodes):
        return None
    try:
        reached = [variable for variable in variables if id(variable) in graph.leaves]
        gradients = _gradients(loss, variables, (), reached)
    except TraceError:
        return None
    for number, gradient in enumerate(gradients):
        if gradient is None:
            if number in found.reached:
                return None
        elif not (number in found.reached or not gradient.any()) or not finite(gradient):
            return None
    return gradients


def _in_other_precision(
    tape: Tape, loss: Any, variables: Sequence[Any], gradients: Sequence[Any], tree: Tree
) -> TracedCall | None:
    """The tape in float64, or in float32 where float64 is its own precision.

    None where it does not run again, or where its gradient in its own precision is not, bit by bit, the one that was
    returned: then a hook or a custom backward had a part in it, which the tape does not show.
    """
    try:
        same = _leaves(variables, None)
        again = _gradients(Replay(tape, variables, same, None).run(loss), same, ())
        pairs = zip(again, gradients, strict=True)
        if not all(a is b is None or (a is not None and b is not None and torch.equal(a, b)) for a, b in pairs):
            return None
        double = all(variable.dtype == torch.float64 for variable in variables)
        dtype = torch.float32 if double else torch.float64
        others = _leaves(variables, dtype)
        return of_closure(lambda: Replay(tape, variables, others, dtype).run(loss), others, tree)
    except (CannotReplay, RuntimeError, AbsNormalError):
        return None


def _leaves(variables: Sequence[Any], dtype: Any) -> list[Any]:
    return [variable.detach().clone().to(dtype or variable.dtype).requires_grad_() for variable in variables]


def run_on_tape(tape: Tape, closure: Callable[[], Any], one_number: bool = True) -> Any:
    """The loss that a closure returned, with its operations on the tape."""
    if hasattr(closure, "_torchdynamo_orig_callable"):
        raise TraceError("torch.compile", "a compiled function runs other kernels", "pass the function itself")
    try:
        with torch.enable_grad(), alone(), followed_choices(TENSORS), tape, Reading(tape):
            loss = closure()
    except NotImplementedError as error:
        name = str(error).partition("HigherOrderOperator ")[2].partition(" ")[0]
        if not name:
            raise
        raise TraceError(
            f"torch.{name}", "runs functions in a way of its own, which is not followed",
            "write it with torch.where, or with Python's own branches and loops",
        ) from error
    if not isinstance(loss, torch.Tensor):
        problem = f"must return a tensor, got {type(loss).__name__}"
        raise TraceError("f", problem, "return what f computes from x, such as a sum")
    if one_number and loss.numel() != 1:
        raise SeveralNumbersError(tuple(loss.shape))
    if loss.is_complex():
        raise ValueError("f must return real numbers, got complex ones: verify absolute values, or parts")
    if not loss.requires_grad:
        raise TraceError(
            "f", "returned a loss that requires no gradient: everything it depends on was detached, or jumps",
            "compute the loss from the variables, outside of no_grad",
        )
    return loss


def _refuse_backward(variables: Sequence[Any], held: Sequence[tuple[Any, int | None]]) -> None:
    """Raise where the function itself filled .grad; it may clear it."""
    for variable, (grad, version) in zip(variables, held, strict=True):
        now = variable.grad
        if now is not None and (now is not grad or now._version != version) and bool((now != 0).any()):
            raise TraceError("backward", "ran inside the function", "return the loss and leave backward() out of it")


#: What torch says in a backward pass that it refuses, and what to do about it.
_FIXES = {
    "second time": "compute all that the loss depends on inside of the function, and leave backward() out of it",
    "inplace operation": "use the operation that is not in place",
}


def _gradients(
    loss: Any, variables: Sequence[Any], leaves: Iterable[Any], only: Sequence[Any] | None = None
) -> list[Any]:
    """What loss.backward() puts into .grad, hooks included, or None; the .grad of all leaves that it fills stays.

    With ``only`` it goes to these variables alone, and leaves what others were computed from before the run.
    """
    filled = [*variables, *leaves]
    held = [variable.grad for variable in filled]
    try:
        for variable in filled:
            variable.grad = None
        loss.backward(inputs=only)
        return [None if v.grad is None else _dense(v.grad.detach()) for v in variables]
    except RuntimeError as error:
        problem = str(error).strip().partition("\n")[0].rstrip(".")
        fix = next((fix for words, fix in _FIXES.items() if words in problem), "make loss.backward() run by itself")
        raise TraceError("backward", f"does not run in torch: {problem}", fix) from error
    finally:
        for variable, grad in zip(filled, held, strict=True):
            variable.grad = grad


def _check_filled(found: Followed, variables: Sequence[Any], gradients: Sequence[Any], others: Sequence[str]) -> None:
    """Raise where a gradient was filled in that the graph does not lead to, or the program cannot have."""
    for number, (variable, gradient) in enumerate(zip(variables, gradients, strict=True)):
        if gradient is None or (number in found.reached and id(variable) in found.graph.leaves):
            continue
        shape = tuple(variable.shape)
        if id(variable) not in found.graph.leaves:
            raise TraceError(
                "backward", f"ran inside of the backward that is judged ({'; '.join(others)}), and filled in the"
                f" gradient of a variable of shape {shape} that the graph does not lead to",
                "give it to the Function as an input, and return its gradient",
            )
        if not others and bool(((gradient != 0) & gradient.isfinite()).any()):
            raise TraceError(
                "torch", f"filled in the gradient of a variable of shape {shape} on which what was followed does not"
                " depend", "report it; judge the vector with gradient= and a function that is written in another way",
            )


def _dense(gradient: Any) -> Any:
    return gradient if gradient.layout == torch.strided else gradient.to_dense()


def _refuse_overlap(variables: Sequence[Any]) -> None:
    spans: dict[int, list[tuple[int, int]]] = {}
    for variable in variables:
        start = variable.data_ptr()
        span = (start, start + variable.numel() * variable.element_size())
        for low, high in spans.get(storage(variable), ()):
            if span[0] < high and low < span[1]:
                raise ValueError("two of the tensors share memory: pass each one once")
        spans.setdefault(storage(variable), []).append(span)


def _numpy_dtype(variables: Sequence[Any]) -> Any:
    """The coarsest precision among the variables; bfloat16 is an object with its eps."""
    coarsest = max({v.dtype for v in variables}, key=lambda dtype: torch.finfo(dtype).eps)
    known = {torch.float64: np.float64, torch.float32: np.float32, torch.float16: np.float16}
    return np.dtype(known[coarsest]) if coarsest in known else coarsest
