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
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from absnormal.frontends.torch.tape import Tape

#: A dict, and what it held at some time.
Held = tuple[dict[str, Any], dict[str, Any]]
_NOTHING = object()
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

    Modules that are not among those given get back what their forward passes changed.
    """
    with _lock:
        found = [_random_state(), *map(_of_variable, variables), tape.restore, *map(_of_module, modules)]
        given = {id(module) for module in modules}
        met: dict[int, Callable[[], None]] = {}
        running: list[tuple[Any, list[Held]]] = []
        passes: list[Callable[[], None]] = []
        thread = threading.get_ident()

        def begins(module: Any, arguments: Any) -> None:
            if id(module) not in given and threading.get_ident() == thread:
                if id(module) not in met:
                    met[id(module)] = _of_attributes(module)
                running.append((module, _held(module)))

        def ends(module: Any, arguments: Any, result: Any) -> None:
            if running and running[-1][0] is module and threading.get_ident() == thread:
                passes.append(_of_pass(*running.pop()))

        handles = register_module_forward_pre_hook(begins), register_module_forward_hook(ends)
        failed = True
        try:
            yield
            failed = False
        finally:
            for handle in handles:
                handle.remove()
            if failed or always:
                passes += [_of_pass(*one) for one in running]
                for give_back in (*found, *reversed(passes), *met.values()):
                    give_back()


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


def _held(module: Any) -> list[Held]:
    """The dicts of a module's parameters, buffers and modules, and what they hold now."""
    # A scripted or traced module keeps these in memory of its own, which no Python code of the function changes.
    kinds = (module.__dict__.get(name) for name in ("_parameters", "_buffers", "_modules"))
    return [(kept, dict(kept)) for kept in kinds if isinstance(kept, dict)]


def _of_module(module: Any) -> Callable[[], None]:
    """All that a module holds: parameters, buffers, modules, and attributes such as flags and counters."""
    kind, held = type(module), [(module.__dict__, dict(module.__dict__)), *_held(module)]

    def give_back() -> None:
        if type(module) is kind:  # a lazy module has another one once it knows its shapes
            for now, before in held:
                now.clear()
                now.update(before)

    return give_back


def _of_attributes(module: Any) -> Callable[[], None]:
    """The attributes of a module that are no parameters, buffers or modules."""
    kind, before = type(module), dict(module.__dict__)

    def give_back() -> None:
        if type(module) is kind:
            others = {key for now, _ in _held(module) for key in now}
            module.__dict__.clear()
            module.__dict__.update({key: value for key, value in before.items() if key not in others})

    return give_back


def _of_pass(module: Any, held: list[Held]) -> Callable[[], None]:
    """What a forward pass, which began when the module held something and ends now, changed of it.

    What was in the place of a parameter while the pass ran, as in torch.func.functional_call, is none of its changes.
    """
    kind, changes = type(module), []
    for now, before in held:
        changed = [key for key in {**before, **now} if before.get(key, _NOTHING) is not now.get(key, _NOTHING)]
        changes += [(now, key, before.get(key, _NOTHING), now.get(key, _NOTHING)) for key in changed]

    def give_back() -> None:
        for now, key, before, after in changes if type(module) is kind else ():
            if now.get(key, _NOTHING) is not after:
                continue
            if before is _NOTHING:
                del now[key]
            else:
                now[key] = before

    return give_back
