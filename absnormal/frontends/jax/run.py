"""Following a jaxpr equation by equation, with concrete values."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.arrays import Array
from absnormal.errors import AbsNormalError, DomainError, TraceError
from absnormal.frontends.jax.again import Recording
from absnormal.frontends.jax.complex_numbers import Pair, apart, is_about_pairs, part
from absnormal.frontends.jax.derivatives import of_a_branch, of_jax, of_one_function, user_line
from absnormal.frontends.jax.jumps import (
    CHOICES,
    Columns,
    Jump,
    Versions,
    by_columns,
    keeps_order,
    looks_up,
    movement,
    side_by_side,
    version_of,
)
from absnormal.frontends.jax.parameters import read
from absnormal.frontends.jax.places import as_numbers, by_places
from absnormal.frontends.jax.precision import unit_of
from absnormal.frontends.jax.refused import REFUSED, refusal
from absnormal.frontends.jax.steps import bound
from absnormal.frontends.meanings.jumps import SIDES, Either, Movement, every, joined
from absnormal.frontends.meanings.places import Places
from absnormal.frontends.meanings.steps import as_number
from absnormal.frontends.numpy.masks import TracedMask
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.user_line import is_user, of_python
from absnormal.frontends.writing import Writer
from absnormal.ops import TABLE
from absnormal.program.builder import Builder
from absnormal.program.nodes import Source

_WHOLE = 1 << 24


@dataclass(frozen=True, slots=True)
class Seen:
    """The value that JAX computed, what it is in the program (None: no variable is behind it), its recorded slot."""

    value: Any
    traced: TracedArray | TracedMask | Either | Jump | Pair | Places | None = None
    slot: int | None = None


@dataclass(slots=True)
class Call:
    """One equation, for its rule."""

    run: Run
    primitive: Any
    params: dict[str, Any]
    values: list[Any]
    outs: list[Any]
    write: Writer

    def distrust(self, problem: str) -> None:
        """Note that JAX's own formula for the derivative is not that of the value here."""
        where = f" at {self.write.source}" if self.write.source is not None else ""
        self.run.distrust(f"its derivative of {self.write.operation}{where} {problem}")

    def by(self, rule: Callable[..., Any], *args: Any) -> Any:
        """What a rule writes, given the parameters that it reads; others are refused by name."""
        user = self.write.operation, self.write.source
        return rule(self, *args, **read(rule, self.primitive.name, self.params, user))

    def bind(self, *values: Any, **changed: Any) -> Any:
        """Run the primitive on other values."""
        return self.primitive.bind(*values, **{**self.params, **changed})


@dataclass(slots=True)
class Run:
    """The program so far.

    ``slopes`` are those of kinks inside rules of their own, by node, ``detached`` the nodes behind a stop_gradient,
    ``missing`` the primitives without a rule, with the line of their first use, ``foreign`` what names derivative code
    that is not JAX's own.
    """

    builder: Builder
    recording: Recording
    slopes: dict[int, Array] = field(default_factory=dict)
    detached: list[int] = field(default_factory=list)
    missing: dict[str, Source | None] = field(default_factory=dict)
    foreign: list[str] = field(default_factory=list)
    stopped: str = "constant"
    #: What a reader must know.
    notes: list[str] = field(default_factory=list)
    #: The line of the innermost call that has one: what was traced before has lost its own.
    around: Source | None = None
    #: Whether what runs is the part of the one device of a mesh.
    alone: bool = False
    _constants: dict[int, tuple[Any, Array]] = field(default_factory=dict)
    _sources: dict[int, tuple[Any, Source | None]] = field(default_factory=dict)
    _live: dict[int, tuple[Any, set[int]]] = field(default_factory=dict)

    def distrust(self, named: str | None) -> None:
        """Note derivative code that may not be that of what is computed; None: there is none."""
        if named is not None and named not in self.foreign:
            self.foreign.append(named)

    def closed(self, closed: Any, inputs: Sequence[Seen]) -> list[Seen]:
        """The results of a closed jaxpr."""
        jnp = require("jax.numpy", "jax")
        # Copies: what is kept of a run must not change with an array of the user's.
        consts = [jnp.array(const) if isinstance(const, np.ndarray) else const for const in closed.consts]
        return self.open(closed.jaxpr, [Seen(const) for const in consts], inputs)

    def open(self, jaxpr: Any, consts: Sequence[Seen], inputs: Sequence[Seen]) -> list[Seen]:
        """The results of a jaxpr with its constants given."""
        known: dict[Any, Seen] = {}
        known.update(zip(jaxpr.constvars, consts, strict=True))
        known.update(zip(jaxpr.invars, inputs, strict=True))
        live = self.needed(jaxpr)

        def read(atom: Any) -> Seen:
            return Seen(atom.val) if hasattr(atom, "val") else known[atom]

        for number, eqn in enumerate(jaxpr.eqns):
            if number in live:
                outs = self.equation(eqn, [read(atom) for atom in eqn.invars])
                known.update(zip(eqn.outvars, outs, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def needed(self, jaxpr: Any) -> set[int]:
        """The equations that the results need."""
        found = self._live.get(id(jaxpr))
        if found is None:
            wanted, live = {atom for atom in jaxpr.outvars if not hasattr(atom, "val")}, set()
            for number in range(len(jaxpr.eqns) - 1, -1, -1):
                eqn = jaxpr.eqns[number]
                if not wanted.isdisjoint(eqn.outvars):
                    live.add(number)
                    wanted.update(atom for atom in eqn.invars if not hasattr(atom, "val"))
            found = self._live[id(jaxpr)] = (jaxpr, live)
        return found[1]

    def equation(self, eqn: Any, inputs: list[Seen]) -> list[Seen]:
        """The results of one equation; what is raised below a rule names the primitive and the user's line."""
        try:
            return self._equation(eqn, inputs)
        except FloatingPointError as error:
            # What jax.debug_nans finds.
            raise DomainError(_called(eqn.primitive.name), str(error), self.source(eqn) or self.around) from error
        except Exception as error:
            # What the kernels of JAX raise, out of memory or from a callback, f itself raises too.
            kept = AbsNormalError, RecursionError, MemoryError, require("jax.errors", "jax").JaxRuntimeError
            if isinstance(error, kept) or _went_through_user_code(error):
                raise
            # What has no rule comes first.
            self.check()
            name = eqn.primitive.name
            raise TraceError(
                _called(name), f"{name} is not followed with these arguments ({_first_line(error)})",
                "write it with other operations, and report it", self.source(eqn) or self.around,
            ) from error

    def _equation(self, eqn: Any, inputs: list[Seen]) -> list[Seen]:
        from absnormal.frontends.jax.complex_rules import of_pairs
        from absnormal.frontends.jax.control import CONTROL
        from absnormal.frontends.jax.devices import COLLECTIVES, collected
        from absnormal.frontends.jax.implementations import followed, without_rule
        from absnormal.frontends.jax.primitives import MASKS, RULES

        name = eqn.primitive.name
        if self.alone and (name in COLLECTIVES or name == "axis_index"):
            return collected(eqn, inputs)
        if all(seen.traced is None for seen in inputs) and not (self.alone and name in CONTROL):
            return [Seen(value) for value in bound(eqn, [seen.value for seen in inputs])]
        if name == "gather" and isinstance(inputs[1].traced, Columns | Versions):
            return by_columns(self, eqn, inputs)
        jumping = [seen.traced for seen in inputs if isinstance(seen.traced, Either)]
        if jumping and not name.startswith("custom_") and name in CONTROL:
            jumping = []
        if jumping and name == "stop_gradient" and any(one.varies for one in jumping):
            stopped = jumping[0].jump
            return [Seen(inputs[0].value, Jump(stopped.operation, stopped.source, stopped.problem, stopped.fix))]
        if jumping:
            inputs = as_numbers(inputs)
            first, alike = jumping[0].jump, keeps_order(eqn) or looks_up(eqn, inputs)
            return side_by_side(eqn, inputs, self.on_all_sides(
                jumping, lambda side: self._equation(eqn, [version_of(seen, first, side) for seen in inputs]), alike,
                movement(eqn, inputs),
            ))
        if name == "stop_gradient" and of_a_branch(eqn.source_info.traceback):
            return inputs
        outer, around, unit, start = self.builder.user, self.around, self.builder.unit, len(self.builder.nodes)
        self.builder.unit = unit_of(eqn)
        source = self.source(eqn) or around
        if outer is None:
            self.builder.user = (_called(name), source)
        try:
            if name in CONTROL:
                self.around = source
                rule = CONTROL[name]
                assert self.builder.user is not None
                return rule(self, eqn, inputs, **read(rule, name, eqn.params, self.builder.user))
            if any(isinstance(seen.traced, Places) for seen in inputs):
                kept = by_places(self, eqn, inputs, start)
                if kept is not None:
                    return kept
                inputs = [Seen(seen.value) if isinstance(seen.traced, Places) else seen for seen in inputs]
            if name not in RULES and name not in MASKS and name not in REFUSED:
                written_out = followed(self, eqn, inputs)
                if written_out is not None:
                    return written_out
            if name == "select_n" and of_one_function(eqn.source_info.traceback, inputs[0].traced):
                inputs = [Seen(inputs[0].value), *inputs[1:]]
            results = bound(eqn, [seen.value for seen in inputs])
            slots = self.recording.slots(eqn, inputs)
            if is_about_pairs(inputs, results):
                return of_pairs(self, eqn, inputs, results)
            if all(is_key(value) for value in results) and not any(isinstance(s.traced, TracedArray) for s in inputs):
                self.decide(inputs)
                return [Seen(value) for value in results]
            rules = MASKS
            if isinstance(inputs[0].traced, CHOICES.get(name, ())) and jump_of(inputs[1:]) is None:
                args = [inputs[0].traced, *(self.operand(seen) for seen in inputs[1:])]
            elif (jump := jump_of(inputs)) is not None:
                return [Seen(value, jump) for value in results]
            else:
                args = [self.operand(seen) for seen in inputs]
            if name not in MASKS and any(isinstance(arg, TracedMask) and np.any(arg.tied) for arg in args):
                return self._equation(eqn, [self._as_number(seen) for seen in inputs])
            if name not in MASKS or not any(isinstance(arg, TracedMask | Jump) for arg in args):
                rules, args = RULES, [arg.concrete() if isinstance(arg, TracedMask) else arg for arg in args]
                if not any(isinstance(arg, TracedArray) for arg in args):
                    return [Seen(value) for value in results]
            assert self.builder.user is not None
            if name not in rules:
                return without_rule(self, name, inputs, results)
            values = [seen.value for seen in inputs]
            call = Call(self, eqn.primitive, eqn.params, values, results, Writer(self.builder, *self.builder.user))
            try:
                written = call.by(rules[name], *args)
            except (TraceError, DomainError):
                if self.missing:
                    return [Seen(value) for value in results]
                if not any(isinstance(arg, TracedMask) and np.any(arg.tied) for arg in args):
                    raise
                return self._equation(eqn, [self._as_number(seen) for seen in inputs])
            written = written if isinstance(written, list) else [written]
            return [self.seen(value, out, start, at) for value, out, at in zip(results, written, slots, strict=True)]
        finally:
            self.builder.user, self.around, self.builder.unit = outer, around, unit
            self._exact(start)

    def on_all_sides(
        self, jumping: Sequence[Either], results: Callable[[str], list[Seen]], alike: bool, moved: Movement = None
    ) -> list[Seen]:
        """Results of what jumps at the point, version by version; ``alike`` says that they are computed by entries."""
        jump = jumping[0].jump
        parts = [results(side) for side in SIDES]
        given = every(jumping)
        return [self._either(jump, list(versions), given, alike, moved) for versions in zip(*parts, strict=True)]

    def _either(
        self, jump: Any, versions: list[Seen], given: list[Either], alike: bool, moved: Movement = None
    ) -> Seen:
        """One result in its versions; where they cannot be told apart any more, a jump that nothing may need."""
        value = versions[0].value
        found = jump_of(versions)
        if found is not None or is_key(value):
            return Seen(value, found)
        if any(isinstance(seen.traced, Pair) for seen in versions):
            return apart(value, lambda side: self._either(jump, [part(seen, side) for seen in versions], given, alike))
        parts = [np.asarray(seen.value) if seen.traced is None else seen.traced for seen in versions]
        try:
            made = joined(jump, parts, given, alike, moved)
        except TraceError as error:
            return Seen(value, Jump.of(error))
        if isinstance(made, TracedArray) and self.builder.nodes[made.index].op != "input":
            self.builder.give(made.index, value)
        return Seen(value, made if isinstance(made, TracedArray | Either) else None)

    def _as_number(self, seen: Seen) -> Seen:
        """A comparison that is tied as what jumps at the point."""
        if isinstance(seen.traced, TracedMask) and np.any(seen.traced.tied):
            return Seen(seen.value, as_number(seen.traced))
        return seen

    def _exact(self, start: int) -> None:
        """Movements and constants are exact, casts are not."""
        for index, node in enumerate(self.builder.nodes[start:], start):
            if node.op == "constant" or (TABLE[node.op].family == "movement" and "precision" not in node.params):
                self.builder.units[index] = 0.0

    def operand(self, seen: Seen) -> Any:
        """What a rule gets: a traced array or comparison, or a plain array; keys of random numbers stay as they are."""
        if isinstance(seen.traced, Jump | Either):
            seen.traced.refuse()
        if seen.traced is not None and not isinstance(seen.traced, Places):
            return seen.traced
        value = seen.traced.constant() if isinstance(seen.traced, Places) else seen.value
        if is_key(value):
            return value
        found = self._constants.get(id(value))
        if found is None:
            array = np.asarray(value)
            array = array.astype(float) if array.dtype.kind not in "biu" else array
            if array.size < _WHOLE:
                self._constants[id(value)] = (value, array)
            return array
        return found[1]

    def decide(self, inputs: Sequence[Seen]) -> None:
        """Keep comparisons as guards, because what follows from them does not move with the variables."""
        for seen in inputs:
            if isinstance(seen.traced, TracedMask):
                seen.traced.concrete()
            elif isinstance(seen.traced, Jump | Either):
                seen.traced.refuse()
            elif isinstance(seen.traced, Places):
                seen.traced.constant()

    def seen(self, value: Any, written: Any, start: int, slot: int | None = None) -> Seen:
        """A result with the value that JAX computed, which takes the place of the program's own in a new node."""
        if written is None or isinstance(written, np.ndarray | np.generic | float | int | bool):
            return Seen(value)
        if isinstance(written, TracedArray):
            if written.shape != value.shape:
                raise AssertionError(f"{written.shape} written for {value.shape}")
            if written.index >= start:
                if self.builder.values.given[written.index] is not value:
                    self.builder.give(written.index, value)
                self.recording.gave(written.index, value, slot)
        return Seen(value, written, slot)

    def source(self, eqn: Any) -> Source | None:
        """The user's line."""
        found = self._sources.get(id(eqn))
        if found is None:
            found = self._sources[id(eqn)] = (eqn, user_line(eqn.source_info.traceback))
        return found[1]

    def check(self) -> None:
        """Raise when primitives had no rule."""
        if self.missing:
            from absnormal.frontends.jax.primitives import NAMES

            raise refusal(self.missing, NAMES)


def jump_of(inputs: Sequence[Seen]) -> Jump | None:
    """The first of some values that jumps at the point."""
    return next((seen.traced for seen in inputs if isinstance(seen.traced, Jump)), None)


def _called(primitive: str) -> str:
    """What a person calls a primitive."""
    from absnormal.frontends.jax.primitives import NAMES

    return NAMES.get(primitive, f"lax.{primitive}")


def is_key(value: Any) -> bool:
    """Whether a value is a typed key of random numbers, which is no array of numbers."""
    dtypes = require("jax.dtypes", "jax")
    return hasattr(value, "dtype") and bool(dtypes.issubdtype(value.dtype, dtypes.extended))


def _went_through_user_code(error: Exception) -> bool:
    """Whether an error was raised in, or below, a function that is neither of this package nor of its libraries."""
    files = (frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(is_user(file) and not of_jax(file) and not of_python(file) for file in files)


def _first_line(error: Exception) -> str:
    said = (str(error).strip() or "without a word").partition("\n")[0]
    return f"{type(error).__name__}: {said}"
