"""Which operation's result every argument on a tape is: tensors followed by the memory that they lie in.

A tensor is a part (offset, shape, strides) of a storage.  Views and in-place operations need no functionalisation: an
operation that overwrites a part gives the storage a new state, and a part of a state that was not made as a whole is
gathered from those that were.

A tensor that does not require a gradient is a constant, as it is for the framework: detach, no_grad, buffers.  What ran
inside a custom autograd.Function is followed all the same: the function is judged, not the hand-written derivative.
What is computed from constants that were variables before they were detached is followed too, apart: a comparison is
one of values, and a program must know at another point that they are other numbers there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from absnormal.arrays import Array
from absnormal.errors import TraceError
from absnormal.frontends.torch.jumps import DRAWN, READS, SIZED, VALUELESS, bent, deciding, discrete, flat, jumps
from absnormal.frontends.torch.memory import storage
from absnormal.frontends.torch.selecting import selects
from absnormal.frontends.torch.settled import looks_up_one_number
from absnormal.frontends.torch.steps import (
    THROUGH,
    Geometry,
    Handle,
    Mask,
    Read,
    State,
    Step,
    geometry,
    is_view_of_pairs,
    materialized,
    positions,
    read,
)
from absnormal.frontends.torch.stopped import leaps
from absnormal.frontends.torch.tape import Record, Tape
from absnormal.frontends.torch.writes import beginnings

#: Operations that only pass on the same memory with the same layout.
_SAME = frozenset({"detach", "detach_", "alias", "lift_fresh", "as_strided", "resize_as_"})

#: Operations on one mask whose result holds where it does (True) or where it does not.
_MASKS = {"_to_copy": True, "clone": True, "logical_not": False, "bitwise_not": False}


def _live(record: Record, handles: dict[int, Handle | None]) -> bool:
    """Whether torch differentiates an operation by what depends on a variable."""
    return record.enabled and any(record.needs[key] for key, handle in handles.items() if handle is not None)


def sharp(record: Record, handles: dict[int, Handle | None]) -> bool:
    """Whether an operation on numbers jumps by what depends on a variable."""
    return bent(record) and any(handles.get(id(arg)) is not None for arg in deciding(record))


_NOTHING: frozenset[int] = frozenset()


class Following:
    """Follows tensors through a tape: which operation's result every argument is."""

    def __init__(self, tape: Tape, variables: Sequence[Any], through: bool = False, leaves: Iterable[int] = ()) -> None:
        self.tape = tape
        #: Tensors at which derivatives end though they may hold values of variables, by identity: other leaves.
        self._ends = {*leaves} - {id(variable) for variable in variables}
        #: Copies of conjugate views that torch made below autograd, through which derivatives go.
        self._copies: set[int] = set()
        #: Whether values are followed through detach and no_grad, as if they carried derivatives.
        self.through = through
        self.steps: list[Step] = []
        self.states: dict[int, State] = {}
        #: The same for storages that hold what was computed from detached tensors only.
        self.stopped: dict[int, State] = {}
        #: Storages that hold the outcome of a jump (a comparison, a sign, an index), and the steps of these jumps.
        self.tainted: dict[int, frozenset[int]] = {}
        #: For steps, the steps of the jumps that go into them, which derivatives show as long as nothing is stopped.
        self.shown: dict[int, frozenset[int]] = {}
        #: Storages that only hold what depends on no variable, though it may require a gradient.
        self.constants: set[int] = set()
        #: Those of them that do because of a tensor that requires a gradient, which is no variable.
        self._explained: set[int] = set()
        #: Tensors that require a gradient though nothing that is known to make them does, each with the
        #: number of the operation that uses it.
        self.unseen: list[tuple[int, Any]] = []
        self.reads: list[Read] = []
        #: The operation that is being followed.
        self._running: Record
        #: Storages that hold the result of a jump as it was made, or a mask in another type or turned round.
        self.masks: dict[int, Mask] = {}
        #: The operations that detached tensors, by the tensor that they returned.
        self.detaching = {id(out): record for record in tape.records if record.name == "detach" for out in record.outs}
        #: Tensors that were detached in place.
        self._detached = {id(record.args[0]) for record in tape.records if record.name == "detach_"}
        current = [tape.current(variable) for variable in variables]
        self.begins = beginnings(tape, current)
        self.steps += [Step(None, number) for number in range(len(current))]
        self._enter(current, 0)
        entered = {*self.begins.values()}
        for number, record in enumerate(tape.records):
            self._running = record
            try:
                self._follow(number, record)
            except NotImplementedError:  # a tensor without memory of its own: sparse, or of another layout
                source = record.source
                raise TraceError(
                    f"torch.{record.name}", "works on tensors that are not dense", "use to_dense() before it", source
                ) from None
            if number + 1 in entered:
                self._enter(current, number + 1)

    def _enter(self, variables: Sequence[Any], begin: int) -> None:
        """From here on some memory holds variables; what it held before was constant."""
        for own in (own for own, when in self.begins.items() if when == begin):
            self.states[own] = State({})
            for held in (self.stopped, self.tainted):
                held.pop(own, None)
        for number, variable in enumerate(variables):
            if self.begins[storage(variable)] == begin:
                self.states[storage(variable)].views[geometry(variable)] = (number, 0)

    def find(self, tensor: Any) -> Handle | None:
        state = self.states.get(storage(tensor))
        return None if state is None else self._part(state, geometry(tensor), tensor)

    def _follow(self, number: int, record: Record) -> None:
        name, arguments, outs = record.name, read(record), record.outs
        if name in _SAME or is_view_of_pairs(record):
            return
        if any(target.is_conj() or target.is_neg() for target in record.overwritten):
            raise TraceError(f"torch.{name}", "overwrites a conjugate view", "use resolve_conj()", record.source)
        if materialized(record):
            self._copies.add(storage(outs[0]))
        if name in VALUELESS and not record.overwritten and all(out.numel() for out in outs):
            self.constants.update(storage(out) for out in outs)
            sized = self.behind([storage(mask) for mask in self.tape.selections.masks(arguments)])
            for out in outs if sized else ():
                self._taint(out, sized)
            return
        # A comparison is one of values: what it was detached from makes no difference to it.
        jumping = jumps(name, outs)
        handles = {id(t): self.value(t) if jumping else self._handle(number, t) for t in arguments}
        given = [storage(t) for t in arguments]
        apart = [t for t in arguments if jumping or handles[id(t)] is None]
        hidden_by_stops = self._hidden(map(self.value, apart)) if self.shown else _NOTHING
        taint = self.behind(given) | hidden_by_stops
        targets = record.overwritten
        held = [target for target in targets if storage(target) in self.states]
        for target in targets:
            self.masks.pop(storage(target), None)
        if held or any(handle is not None for handle in handles.values()):
            for target in held:
                handles[id(target)] = self.find(target)
            # Parts of memory that are looked for are steps of their own.
            stopped = () if jumping else self._stopped(arguments, handles, targets)
            step = len(self.steps)
            jagged = sharp(record, handles)
            self.steps.append(Step(
                record, number, given, handles, stopped, jumps=jumping, behind=hidden_by_stops, sharp=jagged))
            behind = taint | {step}
            shown = behind if not jumping and (jagged or leaps(record)) else taint
            if shown:
                self.shown[step] = shown
            if jumping:
                hidden = outs
                self.masks |= {storage(out): Mask(step, True, geometry(out)) for out in outs if not targets}
                self.constants.update(own for own in map(storage, outs) if own not in self.states)
            else:
                self._results(self.states, step, outs, targets, given)
                for target in targets:
                    self.stopped.pop(storage(target), None)
                hidden = outs if jagged else self._undifferentiated(record, outs, handles)
            for out in hidden:
                self._taint(out, behind)
            if jumping or name in SIZED:
                taint = behind
        else:
            made = [storage(out) for out in outs]
            self.constants.update(made)
            if any(record.needs.values()) or not (record.enabled or self._explained.isdisjoint(given)):
                self._explained.update(made)
            taint = self._follow_constants(number, record, given, taint)
        if (name in READS or selects(record)) and number not in self.tape.lookups:
            self._read(number, record, taint)

    def _follow_constants(
        self, number: int, record: Record, given: Sequence[int], taint: frozenset[int]
    ) -> frozenset[int]:
        """An operation on constants, some of which may have been variables before they were detached; the jumps behind
        its results."""
        arguments, outs = record.arguments, record.outs
        handles = {id(t): self.value(t) for t in arguments}
        again = any(storage(target) in self.stopped for target in record.overwritten)
        if again or any(handle is not None for handle in handles.values()):
            step, jumping, jagged = len(self.steps), flat(record) and not again, sharp(record, handles)
            self.steps.append(Step(record, number, given, handles, jumps=jumping, apart=True, sharp=jagged))
            if not jumping:
                self._results(self.stopped, step, outs, record.overwritten, given)
            behind = taint | {step}
            jagged = jagged or leaps(record)
            for out in outs:
                if jagged or discrete(out):
                    self._taint(out, behind)
            taint = behind if jagged else taint
        if taint and looks_up_one_number(record, lambda table: self.tape.value(table, number)):
            taint = self.behind(given[:1])
        if taint:
            for out in outs:
                self._taint(out, taint)
            self._same_mask(record.name, arguments, outs)
        return taint

    def _hidden(self, handles: Iterable[Handle | None]) -> frozenset[int]:
        """The steps of the jumps behind values at which derivatives end."""
        stack = [handle[0] for handle in handles if handle is not None]
        seen, found = set(stack), _NOTHING
        while stack:
            number = stack.pop()
            found |= self.shown.get(number, _NOTHING)
            new = [other for other in self.steps[number].needs() if other not in seen]
            seen.update(new)
            stack += new
        return found

    def _stopped(
        self, arguments: Sequence[Any], handles: dict[int, Handle | None], targets: Sequence[Any]
    ) -> Sequence[Handle]:
        """Where the arguments that a step takes for constants come from, as far as they depend on variables."""
        found = [self.value(t) for t in arguments if handles[id(t)] is None]
        for target in targets:
            state = self.stopped.get(storage(target))
            while state is not None:
                found += state.views.values()
                state = state.before
        return tuple(handle for handle in found if handle is not None)

    def value(self, tensor: Any) -> Handle | None:
        """What a tensor is by its values, also where it was detached."""
        own = storage(tensor)
        state = self.stopped.get(own)
        if state is not None:
            return self._part(state, geometry(tensor), tensor, True)
        return self.find(tensor)

    def inputs(self, handles: Sequence[Handle]) -> set[int]:
        """The numbers of the variables that values depend on; what is constant but for jumps is left out."""
        seen: set[int] = set()
        stack = [handle[0] for handle in handles]
        while stack:
            number = stack.pop()
            step = self.steps[number]
            if number in seen or step.jumps or (step.record is not None and flat(step.record)):
                continue
            seen.add(number)
            stack += [*step.needs(), *(handle[0] for handle in step.stopped)]
        return {number for number in seen if self.steps[number].record is None and not self.steps[number].mix}

    def first_write(self, like: Any) -> int:
        """The number of the operation that first put a variable into a constant buffer."""
        own = storage(like)
        for step in self.steps:
            record = step.record
            if record is not None and any(storage(t) == own for t in (*record.overwritten, *record.filled)):
                return step.number
        return len(self.tape.records)

    @property
    def jumped(self) -> bool:
        """Whether anything jumped at all."""
        return bool(self.tainted or self.shown)

    def behind(self, storages: Sequence[int]) -> frozenset[int]:
        """The steps of the jumps whose outcomes lie in storages."""
        if not self.tainted or self.tainted.keys().isdisjoint(storages):
            return _NOTHING
        return _NOTHING.union(*(self.tainted.get(own, ()) for own in storages))

    def _same_mask(self, name: str, arguments: list[Any], outs: list[Any]) -> None:
        if name in _MASKS and len(arguments) == len(outs) == 1 and arguments[0].dtype == torch.bool:
            known = self.masks.get(storage(arguments[0]))
            mask = None if known is None else known.at(geometry(arguments[0]))
            if mask is not None:
                holds = mask.holds == _MASKS[name]
                self.masks[storage(outs[0])] = replace(mask, holds=holds, place=geometry(outs[0]))

    def _taint(self, out: Any, taint: frozenset[int]) -> None:
        self.tainted[storage(out)] = self.tainted.get(storage(out), frozenset()) | taint

    def _undifferentiated(self, record: Record, outs: list[Any], handles: dict[int, Handle | None]) -> list[Any]:
        """The results that carry no derivative though what they are computed from does."""
        plain = [out for out in outs if not out.requires_grad]
        if not plain or record.name in VALUELESS or record.name in DRAWN or materialized(record):
            return []
        live = _live(record, handles)
        return [out for out in plain if discrete(out) or (live and id(out) not in self._detached)]

    def _read(self, number: int, record: Record, taint: frozenset[int]) -> None:
        """Truth values and sizes are branched on; numbers may be, and may be computed with."""
        source = record.args[0]
        branch = record.name != "_local_scalar_dense" or source.dtype == torch.bool
        handle = None if branch or discrete(source) else self.value(source)
        if self.shown and not discrete(source):
            taint |= self._hidden([self.value(source)])
        self.reads.append(Read(record, number, taint, branch, handle))

    def _handle(self, number: int, tensor: Any) -> Handle | None:
        record = self.tape.records[number]
        if self.through:
            return self.find(tensor)
        places = THROUGH.get(record.name)
        aside = places is not None and any(tensor is record.args[place] for place in places)
        aside = aside or (bool(self._copies) and storage(tensor) in self._copies)
        if record.enabled and not aside and (not record.needs[id(tensor)] or id(tensor) in self._ends):
            return None
        handle = self.find(tensor)
        if handle is not None or not record.enabled:
            return handle
        own = storage(tensor)
        if tensor.is_leaf:
            self.constants.add(own)
            return None
        if own not in self.constants or not (own in self._explained or own in self.tainted or own in self.states):
            self.unseen.append((number, tensor))
        return None

    def _results(
        self, states: dict[int, State], step: int, outs: list[Any], targets: list[Any], given: Sequence[int]
    ) -> None:
        for place, target in enumerate(targets):
            before, here = states.get(storage(target)), geometry(target)
            if not target.numel():
                if before is not None and here in before.views:
                    before.views[here] = (step, place)
                continue
            whole = target.numel() * target.element_size() >= target.untyped_storage().nbytes()
            if before is None and not whole:
                before = State({}, constant=True)
            states[storage(target)] = State({here: (step, place)}, here, None if whole else before)
        if targets:
            return
        for place, out in enumerate(outs):
            if discrete(out):
                continue
            own = storage(out)
            if own in given and own in states:
                states[own].views[geometry(out)] = (step, place)
            elif not (states is self.stopped and own in self.states):
                states[own] = State({geometry(out): (step, place)})

    def _part(self, state: State, place: Geometry, like: Any, apart: bool = False) -> Handle | None:
        """A part of a storage, gathered from others where it was not made as a whole."""
        known = state.views.get(place)
        if known is not None:
            return known
        if state.constant:
            return None
        wanted = positions(place)
        if state.latest is None:
            parts = [(handle, positions(other)) for other, handle in state.views.items()]
            reached = np.isin(wanted, np.concatenate([held.reshape(-1) for _, held in parts]))
            for handle, held in parts:
                # What lies around a variable that is a part of some memory is constant.
                inside = np.isin(wanted, held)
                if (inside == reached).all():
                    found = self._gathered(held, wanted, handle, None, like, apart, inside)
                    state.views[place] = found
                    return found
            raise TraceError(
                f"torch.{self._running.name}", "is given a view that lies in several parts of one memory",
                "use reshape or clone, not as_strided", self._running.source,
            )
        held = positions(state.latest)
        latest = state.views[state.latest]
        inside = np.isin(wanted, held)
        below: Handle | None = None
        if not inside.all():
            assert state.before is not None
            below = self._part(state.before, place, like, apart)
        if not inside.any() and below is not None:
            state.views[place] = below
            return below
        found = self._gathered(held, wanted, latest, below, like, apart, inside)
        state.views[place] = found
        return found

    def _gathered(
        self, held: Array, wanted: Array, handle: Handle, below: Handle | None, like: Any, apart: bool,
        inside: Array | None = None,
    ) -> Handle:
        mix = (handle, below, held, wanted, inside, like)
        self.steps.append(Step(None, len(self.tape.records), mix=mix, apart=apart))
        return len(self.steps) - 1, 0
