"""The active switches, fallen apart into systems that share no input and no coupling.

Equal subproblems, up to the names of switches and inputs, are built once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from absnormal.active.arithmetic import TooLarge, multiplications
from absnormal.active.forms import Forms, forms
from absnormal.active.linear_form import Key
from absnormal.active.system import System, base_of, dense_system
from absnormal.active.weights import Weights, weights_of
from absnormal.sweeps.at_point import once
from absnormal.sweeps.table import Sweeps

#: Entries up to which switches are looked at one by one to see how they fall apart: those of piecewise-linear programs,
#: whose generators are the inputs; those of others, and multiplications.
_APART = 10_000_000
_OTHERS = 400_000
#: Switches of one system.
_TOGETHER = 400


@once
def subproblems(sweeps: Sweeps) -> list[System] | None:
    """The active switches as systems that share no input and no coupling, where generators are inputs.

    None when the program is too large for arithmetic entry by entry, where generators are other nodes, or where too
    many stay together.
    """
    if multiplications(sweeps.program) > _OTHERS:
        return None
    limit = _APART if sweeps.program.is_piecewise_linear else _OTHERS
    try:
        found = forms(sweeps, limit)
        if not _in_inputs(found):
            found = forms(sweeps, limit, through=False)
    except TooLarge:
        return None
    switches = [int(i) for i in sweeps.alpha]
    if not _in_inputs(found) or not all(i in found.z for i in switches):
        return None
    groups = _apart(found, switches)
    if max((len(members) for members, _ in groups), default=0) > _TOGETHER:
        return None
    weights = weights_of(sweeps, found)
    base = base_of(found) if weights.arithmetic == "rational" else None
    made: dict[Any, System] = {}
    own = []
    for members, generators in groups:
        alike = _structural_key(found, members, generators, weights)
        first = made.get(alike)
        if first is None:
            first = made[alike] = replace(dense_system(found, tuple(members), generators, weights), base=base)
        own.append(first.renamed(tuple(members), tuple(key[1] for key in generators)))
    return own


def _in_inputs(found: Forms) -> bool:
    return all(key[0] == "input" for key in found.generators)


def _structural_key(found: Forms, members: list[int], generators: list[Key], weights: Weights) -> Any:
    """The forms and weights of some switches, without the names of switches and generators."""
    names: dict[Any, int] = {key: j for j, key in enumerate(generators)}
    names |= {("abs", switch, 0): -1 - i for i, switch in enumerate(members)}
    key: list[Any] = [len(generators)]
    for switch in members:
        form = found.z[switch]
        key.append(form.q > 0)
        key += [(names.get(key), value.as_integer_ratio()) for key, value in form.terms.items()]
    numbers = [*weights.values, *(weights.errors or [])]
    return *key, *(own[i].as_integer_ratio() if i in own else None for own in numbers for i in members)


def _apart(found: Forms, switches: Sequence[int]) -> list[tuple[list[int], list[Key]]]:
    """Switches, with their generators, grouped by the inputs and the |z| that they share."""
    owner: dict[Key, Key] = {}

    def find(key: Key) -> Key:
        while owner.setdefault(key, key) != key:
            owner[key] = key = owner[owner[key]]
        return key

    for switch in switches:
        own: Key = ("abs", switch, 0)
        for key in found.z[switch].terms:
            if key[0] != "one":
                owner[find(key)] = find(own)
    groups: dict[Key, tuple[list[int], list[Key]]] = {}
    for switch in switches:
        groups.setdefault(find(("abs", switch, 0)), ([], []))[0].append(switch)
    for key in found.generators:
        groups[find(key)][1].append(key)
    return list(groups.values())
