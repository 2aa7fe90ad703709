"""The active switches, fallen apart into sets that are functions of separate inputs near x (THEORY 2.10)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from absnormal.arrays import Array
from absnormal.sweeps.dependence import Dependence
from absnormal.sweeps.table import Sweeps

#: Sets that are looked at one by one; all others are one.
MANY = 32


@dataclass(frozen=True, eq=False)
class Separate:
    """Active switches, shape (s,), and the inputs, shape (n,), that they, and no others, are functions of; and whether
    they are known not to fall apart further."""

    switches: Array
    inputs: Array
    smallest: bool = False


def separated(sweeps: Sweeps, adjoints: Array, late: Callable[[], bool]) -> list[tuple[Array, Sweeps]]:
    """For each of these sets the inputs, and the program in which all other active switches are linear; empty where
    they do not fall apart.

    Whoever asks about slopes whose adjoints have the same signs is answered by the same programs.
    """
    known: dict[bytes, list[tuple[Array, Sweeps]]] | None = sweeps.answers.setdefault(separated, {})
    if known is None:
        return []
    key = np.packbits([adjoints > 0, adjoints < 0]).tobytes()
    if key not in known:
        sets = separate(sweeps, adjoints, late)
        if not sets:
            return []
        known[key] = [(own.inputs, _alone(sweeps, own)) for own in sets] if len(sets) > 1 else []
    return known[key]


def _alone(sweeps: Sweeps, own: Separate) -> Sweeps:
    """The program of one set; that this one does not fall apart is known."""
    found = sweeps.keeping(own.switches)
    if own.smallest:
        found.answers[separated] = None
    return found


def separate(sweeps: Sweeps, adjoints: Array, late: Callable[[], bool]) -> list[Separate]:
    """Sets of active switches that are functions of separate inputs; fewer than two where they do not fall apart, or
    where it was too late to know.

    Of what falls apart further, all that has only ``adjoints`` (s,) of one sign stays together.  Switches that cannot
    change the output, or are functions of no input, are in no set.
    """
    if late():
        return []
    seen = Dependence(sweeps)
    moved = seen.switches_of(np.ones(sweeps.program.n, bool))
    left = sweeps.with_their_blocks(sweeps.active & seen.influence() & moved)
    up, down, sorts = adjoints > 0, adjoints < 0, np.zeros(len(left), bool)
    for numbers in sweeps.sorts:
        sorts[numbers] = left[numbers]

    def grown(start: Array, smallest: bool = False) -> Separate:
        """The least set that holds some switches; the smallest one where it is that of each of them."""
        found = start
        while not late():
            inputs = seen.inputs_of(found)
            reached = sweeps.with_their_blocks(left & seen.switches_of(inputs))
            if not (reached & ~found).any():
                return Separate(found, inputs, smallest)
            found = reached
        return Separate(found, np.zeros(0, bool))

    def one_by_one(rest: Array, most: int) -> Iterator[Separate]:
        """Sets as small as possible, those of different operations first; the last one is all that is left."""
        kinked = [sweeps.program.nodes[index] for index in sweeps.program.kinked]
        order = np.argsort(np.concatenate([np.arange(node.switches) for node in kinked]), kind="stable")
        while rest.any() and not late():
            most -= 1
            first = order[rest[order].argmax()]
            start = np.arange(len(rest)) == first if most > 0 else rest
            own = grown(sweeps.with_their_blocks(start), most > 0)
            rest = rest & ~own.switches
            yield own

    with_sorts = grown(sorts).switches
    with_down = grown(left & down & ~with_sorts).switches
    mixed = grown(with_down & up).switches
    of_one_sign = (left & ~with_sorts & ~with_down, with_down & ~mixed)
    whole = [grown(own) for own in of_one_sign if own.any()]
    found = [*whole, *one_by_one(with_sorts | mixed, MANY)]
    return [] if late() else found
