"""A run leaves everything as it found it: memory, .grad, the random state, the attributes of modules.

What operations overwrote is given back from the tape, wherever it is held: running statistics of a batch norm, a moving
average that the function keeps, a weight that max_norm scales.  Modules get back the attributes that they had.  What
Python code changes in lists, dicts and NumPy arrays is not seen.

Runs wait for each other, as the threads of a process share models and the random state.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.nn.utils import stateless

from absnormal.frontends.torch.tape import Tape

_lock = threading.RLock()


def _renew() -> None:
    """A forked process has none of the threads that may hold the lock."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


@contextmanager
def restored(tape: Tape, variables: Sequence[Any], modules: Sequence[Any] = (), always: bool = True) -> Iterator[None]:
    """Give back what a run on the tape changes when the block ends; with ``always=False`` only after an error.

    Modules that are not among those given are met when they are called.
    """
    with _lock:
        found = [_random_state(), *map(_of_variable, variables), tape.restore]
        met = {id(module): _of_module(module) for module in modules}
        thread = threading.get_ident()

        def meet(module: Any, arguments: Any) -> None:
            if id(module) not in met and threading.get_ident() == thread:
                met[id(module)] = _of_module(module)

        handle = register_module_forward_pre_hook(meet)
        failed = True
        try:
            with _before_a_swap(meet):
                yield
            failed = False
        finally:
            handle.remove()
            if failed or always:
                for give_back in (*found, *met.values()):
                    give_back()


@contextmanager
def _before_a_swap(meet: Callable[[Any, Any], None]) -> Iterator[None]:
    """Meet modules before torch.func.functional_call puts other tensors in the place of theirs.

    It gives them back itself; when their forward pass begins, they hold the others.
    """
    swapped = stateless._reparametrize_module

    def after_they_were_met(module: Any, *arguments: Any, **options: Any) -> Any:
        for one in module.modules():
            meet(one, ())
        return swapped(module, *arguments, **options)

    stateless._reparametrize_module = after_they_were_met
    try:
        yield
    finally:
        stateless._reparametrize_module = swapped


def _random_state() -> Callable[[], None]:
    """Torch's generators, NumPy's global one and Python's."""
    state, numpy, python = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None

    def give_back() -> None:
        torch.set_rng_state(state)
        np.random.set_state(numpy)  # noqa: NPY002
        random.setstate(python)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)

    return give_back


def _of_variable(variable: Any) -> Callable[[], None]:
    held = variable.grad

    def give_back() -> None:
        variable.grad = held

    return give_back


def _of_module(module: Any) -> Callable[[], None]:
    """What a module holds: its parameters, buffers and modules, and its attributes, such as its flags and counters."""
    kind, attributes = type(module), dict(module.__dict__)
    # A scripted or traced module keeps these in memory of its own, which no Python code of the function changes.
    kinds = (attributes.get(name) for name in ("_parameters", "_buffers", "_modules"))
    own = [kept for kept in kinds if isinstance(kept, dict)]
    held = [(now, dict(now)) for now in own]

    def give_back() -> None:
        if type(module) is kind:  # a lazy module has another one once it knows its shapes
            for now, before in ((module.__dict__, attributes), *held):
                now.clear()
                now.update(before)

    return give_back
