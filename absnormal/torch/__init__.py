"""PyTorch models: is the gradient that loss.backward() returns a Clarke gradient, and a backward() that always is.

    an.torch.verify(model, closure)            a report on the gradient with respect to model.parameters()
    an.torch.clarke_backward(model, closure)   in the place of closure().backward(): fills .grad with a Clarke gradient
    an.torch.clarke_closure(model, closure)    the same for optimizer.step(closure)
    an.torch.Watch(model)                      a training that is watched: ties counted, gradients verified, repaired
    an.torch.lightning(watch)                  the same as a callback for PyTorch Lightning
    an.torch.transformers(watch, trainer)      the same for a Trainer of transformers

``closure`` takes no argument and returns the loss.  Functions of tensors go to `absnormal.verify` itself.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

from absnormal._optional import require
from absnormal.clarke.budget import Budget
from absnormal.errors import TraceError
from absnormal.frontends.traced_call import TracedCall
from absnormal.judgement.certified import computed, own_slopes_are_proved
from absnormal.judgement.flow import judged
from absnormal.judgement.options import Options
from absnormal.program.tree import Tree, taken_apart
from absnormal.report.report import Report
from absnormal.torch.callbacks import lightning, transformers
from absnormal.torch.watch import Step, Watch

__all__ = ["Step", "Watch", "clarke_backward", "clarke_closure", "lightning", "transformers", "verify"]

Closure = Callable[[], Any]


def verify(
    model: Any, closure: Closure, *, gradient: Any = None, slope: Any = None, exact: bool = False, atol: float = 0.0,
    rtol: float | None = None, atol_gradient: float = 0.0, stopped: str = "constant", budget: Budget | None = None,
    seed: int = 0,
) -> Report:
    """Prove whether the gradient that ``closure().backward()`` returns is a Clarke generalized gradient.

    Parameters
    ----------
    model
        a torch.nn.Module, for the gradient with respect to its parameters that require one; or leaf tensors that
        require a gradient and that the closure uses, in a nested dict / list / tuple
    closure
        a function of no argument that returns the loss; it runs once, and its operations are followed as they run;
        where it reads numbers that it may decide by, it runs again next to the point
    gradient, slope, exact, atol, rtol, atol_gradient, stopped, budget, seed
        as for `absnormal.verify`

    Returns
    -------
    Report
        its gradients are dicts of tensors by parameter name, or have the structure of ``model``

    Notes
    -----
    Everything is left as it was found, after an error too: ``.grad``, what operations overwrote (running statistics
    and other buffers), attributes of modules, the random state of torch, NumPy and Python.  Calls in several threads
    of a process wait for each other; what other code does to the model meanwhile is not held up.

    Raises
    ------
    TraceError
        for operations that are not supported (all of them listed), branches at a tie, kinks that |.| cannot express
    DomainError, ValueError
        for NaN or infinity, and for arguments that do not fit
    ImportError
        without torch: ``pip install 'absnormal[torch]'``

    Examples
    --------
    >>> import torch, absnormal as an
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
    >>> _ = torch.nn.init.zeros_(model[0].bias)
    >>> report = an.torch.verify(model, lambda: model(torch.zeros(2, 4)).mean())      # blank inputs: every unit is at 0
    >>> report
    <Report CLARKE by private directions, 6 of 6 switches active>
    >>> report.gradient["0.bias"]
    tensor([0., 0., 0.])
    """
    options = Options(gradient, slope, exact, atol, rtol, atol_gradient, stopped, budget, seed)
    return judged(_traced(model, closure, stopped), options)


def clarke_backward(model: Any, closure: Closure, *, seed: int = 0) -> Any:
    """Add a certified Clarke gradient of the loss to ``.grad``, as ``closure().backward()`` adds its own.

    Where the structure of the model, or the signs of its adjoints, prove that torch's rules give a Clarke gradient,
    that is the one: torch's own, or to rounding what that is without hooks and hand-written backwards where these have
    a part in it.  Otherwise it is a limiting gradient along a direction drawn from ``seed``, or what `verify` proves.
    All are deterministic, and gradients of the loss as it was computed.  They go where ``closure().backward()`` fills
    in gradients, sparse ones as sparse ones; rows of padding_idx and what was detached are constants, as they are for
    torch.

    Running statistics move, and random numbers are drawn, once, as in the forward pass of ``closure().backward()``.
    After an error everything is as it was, so that ``closure().backward()`` can be run in its place.

    Parameters
    ----------
    model, closure
        as for `verify`
    seed
        of the direction

    Returns
    -------
    torch.Tensor
        the loss, detached

    Raises
    ------
    BudgetError
        where no direction certifies the signs of all kinks, and no theorem proves torch's own gradient
    TraceError, DomainError, ValueError, ImportError
        as `verify` does

    Examples
    --------
    >>> import torch, absnormal as an
    >>> w = torch.zeros(1, requires_grad=True)
    >>> loss = lambda: (torch.relu(w) - torch.relu(-w)).sum()      # this is w; loss().backward() gives 0
    >>> an.torch.clarke_backward(w, loss)
    tensor(0.)
    >>> w.grad
    tensor([1.])
    """
    variables, tree, names = _variables(model)
    _refuse_arguments(closure)
    from absnormal.frontends.torch.capture import follow, own_gradients
    from absnormal.frontends.torch.restoring import restored
    from absnormal.frontends.torch.tape import Tape

    tape = Tape()
    with restored(tape, variables, _modules(model), always=False):
        found = follow(tape, closure, variables, tree, names)
        sweeps = found.call.sweeps()
        proved = own_slopes_are_proved(found.call, sweeps)
        rows = [found.graph.rows(variable) for variable in variables]
        parts = own_gradients(tape, found, variables, names) if proved else None
        if parts is None:
            gradient = computed(found.call, sweeps, proved, seed, "absnormal.torch.verify(...)")
            _, parts = taken_apart(found.call.shaped(gradient))
        for number, (variable, part) in enumerate(zip(variables, parts, strict=True)):
            if part is not None and (number in found.reached or id(variable) in found.graph.leaves):
                _add(variable, part, rows[number])
    return found.loss.detach()


def clarke_closure(model: Any, closure: Closure, *, seed: int = 0) -> Closure:
    """A closure for ``optimizer.step``: it clears ``.grad``, fills it by `clarke_backward` and returns the loss.

    Parameters
    ----------
    model, closure, seed
        as for `clarke_backward`; ``closure`` only computes the loss

    Returns
    -------
    callable
        without arguments, which returns the loss

    Raises
    ------
    BudgetError, TraceError, DomainError, ValueError, ImportError
        as `clarke_backward` does, when it is called; ``.grad`` is then what it was

    Examples
    --------
    >>> import torch, absnormal as an
    >>> w = torch.zeros(1, requires_grad=True)
    >>> optimizer = torch.optim.SGD([w], lr=0.5)
    >>> loss = lambda: (torch.relu(w) - torch.relu(-w)).sum()
    >>> for _ in range(2):
    ...     value = optimizer.step(an.torch.clarke_closure(w, loss))
    >>> w
    tensor([-1.], requires_grad=True)
    """

    def step() -> Any:
        variables = _variables(model)[0]
        before = [variable.grad for variable in variables]
        for variable in variables:
            variable.grad = None
        try:
            return clarke_backward(model, closure, seed=seed)
        except BaseException:
            for variable, grad in zip(variables, before, strict=True):
                variable.grad = grad
            raise

    return step


def _add(variable: Any, part: Any, rows: Any) -> None:
    """Add a gradient to .grad, as loss.backward() does: sparse, with these rows, where torch's would be."""
    import torch

    if rows is not None:
        part = torch.sparse_coo_tensor(rows[None], part[rows], part.shape, is_coalesced=True, check_invariants=False)
    known = variable.grad
    if known is None:
        variable.grad = part
    elif known.is_sparse and not part.is_sparse:
        variable.grad = part + known
    else:
        known += part


def _variables(model: Any) -> tuple[list[Any], Tree, dict[int, str]]:
    """The variables, their tree, and the names of the modules by identity."""
    torch = require("torch", "torch")
    if isinstance(model, torch.nn.Module):
        modules = [*model.named_modules()]
        if any("_orig_mod" in module._modules for _, module in modules):
            raise TraceError("torch.compile", "a compiled model runs other kernels", "pass the model that was compiled")
        named = {name: p for name, p in model.named_parameters() if p.requires_grad}
        if not named:
            raise ValueError("the model has no parameter that requires a gradient")
        lazy = [name for name, parameter in named.items() if torch.nn.parameter.is_lazy(parameter)]
        if lazy:
            raise TraceError("torch", f"the parameter {lazy[0]} has no shape yet", "call the model once before")
        tree = Tree({name: i for i, name in enumerate(named)}, tuple(tuple(p.shape) for p in named.values()))
        return [*named.values()], tree, {id(module): name for name, module in modules}
    structure, leaves = taken_apart(model)
    for leaf in leaves:
        if not isinstance(leaf, torch.Tensor) or not (leaf.is_leaf and leaf.requires_grad):
            raise ValueError("model, the first argument, must be a torch.nn.Module, or leaf tensors that require a "
                             "gradient")
    return leaves, Tree(structure, tuple(tuple(leaf.shape) for leaf in leaves)), {}


def _traced(model: Any, closure: Closure, stopped: str = "constant") -> TracedCall:
    variables, tree, names = _variables(model)
    _refuse_arguments(closure)
    from absnormal.frontends.torch.capture import of_closure

    return of_closure(closure, variables, tree, names, _modules(model), stopped)


def _refuse_arguments(closure: Closure) -> None:
    """A function of x in the place of a closure gets an error that says where it goes."""
    try:
        signature(closure).bind()
    except ValueError:  # A signature that Python cannot tell.
        return
    except TypeError as error:
        raise ValueError(f"closure must be a function that takes no argument and returns the loss ({error}); a "
                         "function of x goes to absnormal.verify(f, x)") from error


def _modules(model: Any) -> list[Any]:
    """The modules of a model, itself among them; none where tensors are given."""
    return [*model.modules()] if hasattr(model, "modules") else []
