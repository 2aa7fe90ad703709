"""Jumps at their ties: both outcomes are followed, until what is computed from them meets (THEORY 9).

A jump (sign, floor, a conversion to integers, a search among edges, a comparison that is used as a number) has two
outcomes near a tie u = v, where u > v and where u < v, and a third one on the tie itself.  What is computed from it is
carried along as an `Either`, in three versions.  As soon as the three agree on u = v, whatever the other variables
are, they are one kink: x * sign(x) is |x|.  Where they do not agree when f returns them f jumps, and has no generalized
gradient.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from absnormal.arrays import Array
from absnormal.errors import TraceError
from absnormal.frontends.numpy.masks import is_check, numbers
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.program.builder import Builder
from absnormal.program.moves import in_order
from absnormal.program.nodes import Source

if TYPE_CHECKING:
    from absnormal.frontends.meanings.holes import Hole
    from absnormal.frontends.writing import Writer

#: What an operation does to entries that it moves: shown by their numbers.
Movement = Callable[[Array], Any] | None
#: The versions of what is computed from a jump: on the tie, where u > v, and where u < v.
SIDES = ("own", "up", "down")

#: Where Python asks for numbers f runs once for each version of every tied entry, of which there may be so many.
ASKED = 3
#: Versions of so many jumps at once are not told apart: there are three times as many for each.
NESTED = 6
JUMPS = "jumps at this point, and what f is on the two sides of the jump is not seen to meet there"
UNDEFINED = (
    "stands in for what is NaN at this point (0 / 0, or 0 times infinity), which is not seen to tend to the other"
    " choice with finite slopes: where it does not, f has no generalized gradient"
)
EPS = "add eps > 0 to what it is divided by, or to the argument of the logarithm, which makes it smooth"
MOVE = "move the point off the jump; where f itself jumps it has no generalized gradient"


@dataclass(frozen=True, eq=False)
class Jump:
    """Where a jump is tied: u = v, two nodes of one shape, in the entries ``tied``."""

    builder: Builder
    left: int
    right: int
    tied: Array
    operation: str
    source: Source | None
    problem: str = JUMPS
    fix: str = MOVE
    #: For a jump that is tied where several entries are equal at once: which these are, and of which entry of the
    #: outcome each one is.
    together: tuple[Array, Array] | None = None
    #: For a jump whose entries were moved, the one as it was before, and their numbers there.
    origin: Jump | None = None
    places: Array | None = None

    @property
    def size(self) -> int:
        return int(self.tied.size)

    @property
    def single(self) -> bool:
        """Whether one entry jumps, so that all which is computed has the outcome of this one entry in it."""
        return int(self.tied.sum()) == 1

    @functools.cached_property
    def hole(self) -> Hole:
        """The tie, as what a function is filled in on."""
        from absnormal.frontends.meanings.holes import Hole

        numbers = np.arange(self.size).reshape(self.tied.shape)
        tied, numbers = self.together or (self.tied, numbers)
        return Hole(self.writer, self.left, self.right, tied, None if self.single else numbers)

    def entry_by_entry(self) -> list[Jump]:
        """A jump for every entry that is tied."""
        flat = np.flatnonzero(self.tied)
        return [replace(self, tied=(np.arange(self.size) == place).reshape(self.tied.shape)) for place in flat]

    def moved(self, places: Array) -> Jump:
        """The jump of entries in another order, some or several times, by their numbers."""
        from absnormal.frontends.numpy.shapes import broadcast_to

        if in_order(places, self.size):
            return self
        if self.origin is not None and self.places is not None:
            return self.origin.moved(self.places.reshape(-1)[places])
        key = places.shape, places.tobytes()
        if key not in self._moved:
            whole = (broadcast_to(TracedArray(self.builder, n), self.tied.shape) for n in (self.left, self.right))
            left, right = (self.writer.node(side.reshape(-1)[places]) for side in whole)
            tied = self.tied.reshape(-1)[places]
            self._moved[key] = replace(self, left=left, right=right, tied=tied, origin=self, places=places)
        return self._moved[key]

    @functools.cached_property
    def _moved(self) -> dict[tuple[tuple[int, ...], bytes], Jump]:
        return {}

    def refuse(self) -> NoReturn:
        raise TraceError(self.operation, self.problem, self.fix, self.source)

    @property
    def writer(self) -> Writer:
        from absnormal.frontends.writing import Writer

        return Writer(self.builder, self.operation, self.source)


class Asked(BaseException):
    """Python asks for a number, which differs between the sides of a jump: f runs once for each of them."""

    def __init__(self, jump: Jump) -> None:
        self.jump = jump


class Either(NDArrayOperatorsMixin):
    """What is computed from a jump: on the tie, above and below it.

    ``aligned`` says that every entry depends on the outcome in the same entry of the jump only; if it is not, the jump
    has one entry.  ``side`` is the side that the version on the tie is, if it is one.
    """

    __array_priority__ = 1002

    def __init__(self, jump: Jump, own: Any, up: Any, down: Any, aligned: bool, side: str) -> None:
        self.jump, self.own, self.up, self.down, self.aligned, self.side = jump, own, up, down, aligned, side

    def version(self, side: str) -> Any:
        return getattr(self, side)

    def on(self, jump: Jump, side: str) -> Any:
        """What it is on one side of a jump, which may be one of those behind its versions."""
        if self.jump is jump:
            return self.version(side)
        own, up, down = (version(part, jump, side) for part in (self.own, self.up, self.down))
        if own is self.own and up is self.up and down is self.down:
            return self
        return Either(self.jump, own, up, down, self.aligned, self.side)

    @property
    def all(self) -> list[Either]:
        """This one, and those that its versions are."""
        return [self, *(inner for part in (self.own, self.up, self.down) for inner in every(part))]

    @property
    def builder(self) -> Builder:
        return self.jump.builder

    @property
    def varies(self) -> bool:
        """Whether a version depends on the variables, and not just on outcomes."""
        parts = (self.own, self.up, self.down)
        return any(isinstance(part, TracedArray) or (isinstance(part, Either) and part.varies) for part in parts)

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self.own)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=int))

    @property
    def dtype(self) -> Any:
        return getattr(self.own, "dtype", np.dtype(float))

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Any:
        return (self[place] for place in range(len(self)))

    def __getitem__(self, key: Any) -> Any:
        parts = key if isinstance(key, tuple) else (key,)
        whole = [part is None or part is Ellipsis or (type(part) is slice and part == slice(None)) for part in parts]
        return lifted(lambda u: u[key], [self], all(whole), True)

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        self.refuse()

    @property
    def T(self) -> Any:
        return lifted(lambda u: u.T, [self], moves=True)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not callable(getattr(np.ndarray, name, None)):
            raise AttributeError(name)
        if name in CHANGING_METHODS:
            self.refuse()

        def method(*args: Any, **kwargs: Any) -> Any:
            alike = name in ALIGNED_METHODS and not (name in MOVING_METHODS and _reordered((*args, *kwargs.values())))
            return lifted(lambda u: getattr(u, name)(*args, **kwargs), [self], alike, name in MOVING_METHODS)

        return method

    def refuse(self) -> NoReturn:
        """Raise what is known of the jump, or of what is NaN where it is not taken, on the tie alone."""
        off = [part.value for part in (self.up, self.down) if isinstance(part, TracedArray)]
        if off and all(np.isnan(value.astype(float)).any() for value in off):
            raise TraceError(self.jump.operation, UNDEFINED, EPS, self.jump.source)
        self.jump.refuse()

    def _asked(self) -> NoReturn:
        jump = self.jump.origin or self.jump
        if self.builder.forced is None or jump.together or not jump.tied.sum() <= ASKED:
            self.refuse()
        raise Asked(jump)

    def __index__(self) -> int:
        return self._asked()

    def __int__(self) -> int:
        return self._asked()

    def __float__(self) -> float:
        return self._asked()

    def __bool__(self) -> bool:
        return bool(self.own) if is_check(self.builder) else self.refuse()

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        return self._asked()

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        function = getattr(ufunc, method)
        kwargs = {key: value for key, value in kwargs.items() if key != "out"} if "out" in kwargs else kwargs
        alike = method == "__call__" and ufunc.signature is None
        return lifted(lambda *args: function(*args, **kwargs), inputs, alike)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func in _OF_SHAPES and args and args[0] is self:
            return func(np.broadcast_to(0.0, self.shape), *args[1:], **kwargs)
        names, values = [*kwargs], [*kwargs.values()]

        def apply(*given: Any) -> Any:
            return func(*given[: len(args)], **dict(zip(names, given[len(args) :], strict=True)))

        looked_up = func is TAKE and np.ndim(args[0]) == 1 and not isinstance(args[0], Either)
        moves = func in MOVING_FUNCTIONS
        alike = looked_up or (func in ALIGNED_FUNCTIONS and not (moves and _reordered([*args, *values])))
        return lifted(apply, [*args, *values], alike, moves)


#: np.take itself, in whose place something else stands while f runs.
TAKE = np.take
#: What only looks at the shape.
_OF_SHAPES = frozenset({np.shape, np.ndim, np.size})
#: What keeps the entries apart and in their order.
ALIGNED_METHODS = frozenset({"astype", "reshape", "ravel", "squeeze", "copy", "clip", "round", "flatten"})
ALIGNED_FUNCTIONS = {
    np.where, np.clip, np.round, np.reshape, np.ravel, np.squeeze, np.expand_dims, np.select, np.copy, np.nan_to_num,
}
#: What changes an array, and returns nothing.
CHANGING_METHODS = frozenset({"fill", "sort", "partition", "put", "resize"})
#: What moves entries, and keeps some of them; the first ones in another order only where one is given.
MOVING_METHODS = frozenset({"reshape", "ravel", "flatten", "transpose", "swapaxes", "repeat"})
MOVING_FUNCTIONS = {
    np.reshape, np.ravel, np.transpose, np.moveaxis, np.swapaxes, np.flip, np.roll, np.broadcast_to, np.repeat, np.tile,
    np.split, np.array_split,
}


def _reordered(args: Sequence[Any]) -> bool:
    """Whether the order of entries is given, as in reshape(u, (2, 3), order="F")."""
    return any(isinstance(arg, str) for arg in args)


def lifted(apply: Callable[..., Any], args: Sequence[Any], alike: bool = False, moves: bool = False) -> Any:
    """A function of arguments among which there are versions of a jump, version by version.

    ``alike`` says that it computes entry by entry, in their order; ``moves``, that it moves entries of one argument.
    """
    found = eithers(args)
    jump = found[0].jump
    parts = [apply(*(version(arg, jump, side) for arg in args)) for side in SIDES]
    sole = moves and len(found) == 1

    def moved(numbers: Array) -> Any:
        return apply(*(numbers if isinstance(arg, Either) else arg for arg in args))

    return joined(jump, parts, every(found), alike, moved if sole else None)


def eithers(value: Any) -> list[Either]:
    """The versions of jumps in nested lists and tuples."""
    if isinstance(value, Either):
        return [value]
    if type(value) in (list, tuple):
        return [one for item in value for one in eithers(item)]
    return []


def every(value: Any) -> list[Either]:
    """The versions of jumps in nested lists and tuples, and those that they are versions of."""
    return [inner for one in eithers(value) for inner in one.all]


def version(value: Any, jump: Jump, side: str) -> Any:
    """A value on one side of a jump."""
    if isinstance(value, Either):
        return value.on(jump, side)
    if type(value) in (list, tuple):
        return type(value)([version(item, jump, side) for item in value])
    return value


def joined(jump: Jump, parts: Sequence[Any], given: Sequence[Either], alike: bool, moved: Movement = None) -> Any:
    """Three versions of one result as one kink where they meet; otherwise as an `Either`.

    ``given`` are all that was computed from, of this jump or another one; ``moved`` does to the numbers of the entries
    of the one that is given what was done to it.
    """
    given = [one for one in given if one.jump is jump]
    if type(parts[0]) in (list, tuple):
        items = enumerate(zip(*parts, strict=True))
        return type(parts[0])([joined(jump, item, given, alike, _of_part(moved, place)) for place, item in items])
    from absnormal.frontends.meanings.holes import filled
    from absnormal.frontends.meanings.places import plain

    own, up, down = parts = [version(plain(numbers(part)), jump, s) for part, s in zip(parts, SIDES, strict=True)]
    shapes = {np.shape(part) for part in parts}
    size = int(np.prod(np.shape(own), dtype=int))
    apart = all(one.aligned for one in given)
    aligned = alike and size == jump.size and apart
    if moved is not None and not aligned and apart and len(shapes) == 1 and given[0].size == jump.size:
        jump = jump.moved(np.asarray(moved(np.arange(jump.size).reshape(given[0].shape))))
        aligned = True
        if not jump.tied.any():
            return own
    if len({id(one.jump) for one in every(parts)}) >= NESTED or len(shapes) > 1 or not (aligned or jump.single):
        jump.refuse()
    sides = {one.side for one in given}
    side = sides.pop() if len(sides) == 1 else ""
    made = Either(jump, own, up, down, aligned, side)
    if any(isinstance(part, Either) for part in parts):
        met = filled(made)
        return made if met is None else _taken(jump, met, side)
    if not any(isinstance(part, TracedArray) for part in parts):
        return own if all(np.array_equal(own, part) for part in (up, down)) else made
    return made if (met := _met(made)) is None else met


def _of_part(moved: Movement, place: int) -> Movement:
    """What an operation with several results does to entries for one of them."""
    return None if moved is None else lambda numbers: moved(numbers)[place]


def _taken(jump: Jump, met: TracedArray, side: str) -> TracedArray:
    """What the versions are, which is kept in mind where the one on the tie is neither of the others."""
    if not side:
        jump.builder.taken_flat.setdefault(f"{jump.operation} at {jump.source}", None)
    return met


def _met(jumping: Either) -> TracedArray | None:
    """The three versions as one function, or one kink; None where they are not seen to agree on the tie."""
    from absnormal.frontends.meanings.holes import filled
    from absnormal.frontends.meanings.selections import agreeing

    jump, own, up, down, side = jumping.jump, jumping.own, jumping.up, jumping.down, jumping.side
    write, builder, shape = jump.writer, jump.builder, np.shape(own)
    plain = [part if isinstance(part, TracedArray) else np.asarray(part, float) for part in (own, up, down)]
    if jumping.aligned and shape != jump.tied.shape:
        plain = [write.reshape(part, jump.tied.shape) for part in plain]
    nodes = [write.node(part) for part in plain]
    if len(set(nodes)) == 1:
        return write.array(own)
    tie = {"up": "where>=", "down": "where>"}.get(side, "jump")
    sides = nodes[1], nodes[2], nodes[0], tie
    made = filled(jumping)
    if made is not None or jump.together:
        return None if made is None else _taken(jump, made, side)
    if jumping.aligned and jump.size > 1:
        open_ = jump.tied.reshape(builder.nodes[nodes[0]].shape)
        made = agreeing(write, jump.left, jump.right, *sides, open_)
        if made is not None and not open_.all():
            made = write.op("where", made, TracedArray(builder, nodes[0]), mask=open_)
    if made is None and jump.single:
        made = agreeing(write, jump.left, jump.right, *sides, None, jump.tied if jump.size > 1 else None)
    if made is None:
        return None
    return _taken(jump, made if made.shape == shape else write.reshape(made, shape), side)
