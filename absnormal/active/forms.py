"""Linear forms of nodes, and hypothesis E (THEORY 1.4) read off from them.

Every entry of a program is carried as q * (constant combination of 1, of generators, and of |l_j| of active switches
j), with q a product of nodes that do not vanish at x.  Generators are the inputs, and every node that has no such form.
Inactive |.| are replaced by their signs.  For a piecewise-linear program the generators are the inputs, and the forms
are the program itself, on rationals.

A switch z = a phi(u) + b that vanishes at x, phi a function of one variable with phi' != 0 there, is s (u - u(x)) with
s = a (phi(u) - phi(u(x))) / (u - u(x)), which is continuous and does not vanish at x: its form is that of u.  So is
a (phi(u) - phi(w)) with u(x) = w(x) that of u - w (THEORY 7.8).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, partial
from typing import Any

import numpy as np

from absnormal.active.arithmetic import TooLarge, begin, measure, spend, written_out
from absnormal.active.linear_form import MIXED, ONE, ZERO, Form, Key
from absnormal.arrays import Array, exactly
from absnormal.ops import ALONG, TABLE
from absnormal.ops.linear_maps import Scale
from absnormal.ops.standardized import differences, grouped
from absnormal.program.nodes import Node
from absnormal.sweeps.rounding import running_errors
from absnormal.sweeps.table import Sweeps

#: Derivatives up to this size may be rounding.
_FLAT = 1e-8
#: Additions of terms that `forms` may do: always so many, or so many for each entry and multiplication of the program.
_LEAST, _EACH = 50_000, 2


@dataclass(frozen=True, slots=True, eq=False)
class Forms:
    """The forms of the active switches (``z``, by switch number) and of the output entries (None where mixed)."""

    z: Mapping[int, Form]
    y: list[Form | None]
    generators: list[Key]


def forms(sweeps: Sweeps, limit: int = 20_000, *, through: bool = True, products: bool = False) -> Forms:
    """The forms of all active switches; raises `TooLarge` past ``limit`` multiplications or entries, and where forms
    grow long.

    Switches are seen ``through`` functions of one variable; or these are generators, and stand for their input where
    that is a generator in no other way.  Of ``products`` of a combination of inputs with kinks the forms have
    coefficients that are no constants; otherwise these are generators.
    """
    program = sweeps.program
    if sweeps.lanes:
        raise TooLarge
    begin(max(_LEAST, _EACH * measure(program, limit)))
    state = _State(sweeps, through, products)
    for index, node in enumerate(program.nodes):
        state.values.append(state.compute(index, node))
    if not through:
        state.rename()
    output = state.values[program.output].reshape(-1)
    y = [entry if isinstance(entry, Form) else Form({ONE: entry} if entry else {}) for entry in output]
    return Forms(state.z, [None if _has_generators(entry) else entry for entry in y], _generators(state.z))


def _has_generators(form: Form) -> bool:
    return bool(form.factor) or any(key[0] == "node" for key in form.terms)


def _generators(z: Mapping[int, Form]) -> list[Key]:
    """The generators that the active switches use, sorted."""
    return sorted({key for form in z.values() for key in form.terms if key[0] not in ("one", "abs", "form")})


class _State:
    def __init__(self, sweeps: Sweeps, through: bool, products: bool) -> None:
        self.sweeps, self.through, self.products = sweeps, through, products
        self.program = sweeps.program
        self.values: list[Array] = []
        self.z: dict[int, Form] = {}

    @cached_property
    def _errors(self) -> list[Array]:
        return running_errors(self.sweeps)[0]

    def _nonzero(self, arg: int, shape: tuple[int, ...]) -> Array:
        """Where an argument is 0 (0), certainly is not (1), or is within its own rounding of 0, or infinite (NaN)."""
        value = np.asarray(self.sweeps.values[arg])
        nonzero = np.where(value == 0, 0.0, 1.0)
        if not self.sweeps.rational:
            nonzero[(value != 0) & ((np.abs(value) <= self._errors[arg]) | np.isinf(value))] = np.nan
        return np.broadcast_to(nonzero, shape).reshape(-1)

    def compute(self, index: int, node: Node) -> Array:
        if node.op == "input":
            offset = sum(int(np.prod(shape, dtype=int)) for shape in self.program.tree.shapes[: node.params["leaf"]])
            return self._filled(node.shape, lambda i: Form({("input", offset + i, 0): Fraction(1)}))
        if not node.varied:
            constant = exactly(np.asarray(self.sweeps.values[index])).reshape(-1)
            entries = constant.tolist()
            finite = [entry - entry == 0 for entry in entries]
            return self._filled(node.shape, lambda i: entries[i] if finite[i] else _generator(index, i))
        args = [self.values[arg] for arg in node.args]
        rule, kink = _RULES.get(node.op), TABLE[node.op].kink
        if rule is not None:
            result = rule(self, index, node, args)
        elif kink is not None:
            slopes = self.sweeps.slopes_of(index, self.sweeps.signs)
            size = None if node.switch < 0 else partial(self._abs, node.switch)
            result = (
                np.full(node.shape, MIXED, dtype=object) if kink.blocks
                else kink.form(node.params, args, node.shape, slopes, size)
            )
        elif TABLE[node.op].family in ("movement", "linear"):
            result = np.asarray(TABLE[node.op].value(node.params, *args), dtype=object)
        else:
            result = np.full(node.shape, MIXED, dtype=object)
        flat = result.reshape(-1).copy()
        for i, entry in enumerate(flat):
            if entry is MIXED:
                flat[i] = _generator(index, i)
            elif isinstance(entry, Form) and entry.terms.keys() == {ONE} and not entry.factor:
                flat[i] = entry.terms[ONE]
            elif self.products and kink is not None and isinstance(entry, Form):
                flat[i] = self._of_one_kink(entry)
        return flat.reshape(node.shape)

    def _filled(self, shape: tuple[int, ...], entry: Callable[[int], Any]) -> Array:
        flat = np.empty(int(np.prod(shape, dtype=int)), dtype=object)
        for i in range(flat.size):
            flat[i] = entry(i)
        return flat.reshape(shape)

    def matmul(self, index: int, node: Node, args: list[Array]) -> Array:
        if all(self.program.nodes[arg].varied for arg in node.args) and not self.products:
            return np.full(node.shape, MIXED, dtype=object)
        try:
            return np.asarray(TABLE[node.op].value(node.params, *args), dtype=object)
        except SystemError as error:
            # NumPy goes on with the next product when one of them has raised.
            raise TooLarge from error

    def convolution(self, index: int, node: Node, args: list[Array]) -> Array:
        """With a constant, unless products are followed; entries of a large one are generators."""
        nodes = self.program.nodes
        if (all(nodes[arg].varied for arg in node.args) and not self.products) or not written_out(self.program, node):
            return np.full(node.shape, MIXED, dtype=object)
        return np.asarray(TABLE[node.op].value(node.params, *args), dtype=object)

    def total(self, index: int, node: Node, args: list[Array]) -> Array:
        """A sum: forms without factors are added up in place, so that long sums take linear time."""
        axes = node.params["axes"]
        kept = [axis for axis in range(args[0].ndim) if axis not in axes]
        lanes = args[0].transpose(*kept, *axes).reshape(int(np.prod(node.shape, dtype=int)), -1)
        flat = np.empty(len(lanes), dtype=object)
        for i, lane in enumerate(lanes):
            flat[i] = sum(lane, start=Fraction(0)) if self.products else _summed(lane)
        return flat.reshape(node.shape)

    def product(self, index: int, node: Node, args: list[Array]) -> Array:
        """u v and u / v: a factor that does not vanish at x goes into q; one that may be rounding does not."""
        u, v = np.broadcast_arrays(*args)
        at = [np.broadcast_to(self.sweeps.values[arg], node.shape).reshape(-1) for arg in node.args]
        positions = [np.broadcast_to(np.arange(arg.size).reshape(arg.shape), node.shape).reshape(-1) for arg in args]
        both = all(any(isinstance(entry, Form) for entry in side.flat) for side in (u, v))
        nonzero = [self._nonzero(arg, node.shape) for arg in node.args] if both else []
        flat = np.empty(u.size, dtype=object)
        for i, (left, right) in enumerate(zip(u.reshape(-1), v.reshape(-1), strict=True)):
            if not isinstance(left, Form) or not isinstance(right, Form):
                divided = node.op == "div"
                flat[i] = left * right if not divided else MIXED if isinstance(right, Form) else left / right
                continue
            made = left * right if self.products and node.op == "mul" else MIXED
            if made is not MIXED:
                flat[i] = made
                continue
            first, second = nonzero[0][i], nonzero[1][i]
            if second == 1 and (node.op == "div" or first == 0 or not right.terms.keys() - {ONE}):
                power = -1 if node.op == "div" else 1
                flat[i] = _factored(left, ("node", node.args[1], int(positions[1][i])), power, at[1][i])
            elif first == 1 and second == 0 and node.op == "mul":
                flat[i] = _factored(right, ("node", node.args[0], int(positions[0][i])), 1, at[0][i])
            else:
                flat[i] = MIXED
        return flat.reshape(node.shape)

    def standardized(self, index: int, node: Node, args: list[Array]) -> Array:
        """What differences from a mean are divided by is positive, and goes into q."""
        groups = grouped(node.params["axes"], node.shape).reshape(-1)
        _, sizes = differences(node.params, np.asarray(self.sweeps.values[node.args[0]]))
        u, flat = args[0].reshape(-1), np.empty(groups.size, dtype=object)
        for group, size in enumerate(sizes.flat):
            members = np.flatnonzero(groups == group)
            mean = _summed(u[members]) * Fraction(1, members.size)
            for i in members:
                apart = u[i] - mean
                form = isinstance(apart, Form) and bool(apart.terms.keys() - {ONE})
                flat[i] = _factored(apart, ("root", index, group), -1, size) if form else MIXED
        return flat.reshape(node.shape)

    def _abs(self, first: int, own: int, z: Any) -> Any:
        """|z| of an active switch, by its number within a node."""
        switch = first + own
        if z is MIXED:
            z = Form({("switch", switch, 0): Fraction(1)})
        if not isinstance(z, Form):
            z = Form({ONE: z} if z else {})
        form = self._through(switch, z) if self.through else z
        self.z[switch] = form
        if not form.terms.keys() - {ONE}:
            return ZERO
        sign = Fraction(1 if form.q > 0 else -1)
        return Form({("abs", switch, 0): sign}, form.factor, form.q)

    def _of_one_kink(self, form: Form) -> Form:
        """A form that is b |l_j| + c l_j, with that said; any other one as it is."""
        j = max((key[1] for key in form.terms if key[0] == "abs"), default=-1)
        size = form.terms.get(("abs", j, 0))
        if size is None or form.factor or self.z[j].factor:
            return form
        rest = {key: value for key, value in form.terms.items() if key != ("abs", j, 0)}
        own = self.z[j].terms
        c = next((value / own[key] for key, value in rest.items() if key in own), Fraction(0))
        if rest != ({key: c * value for key, value in own.items()} if c else {}):
            return form
        return Form(form.terms, kinks={j: (size, c)})

    def _through(self, switch: int, form: Form) -> Form:
        """The form of an active switch, seen through functions of one variable."""
        while True:
            generators = sorted(form.terms.keys() - {ONE})
            if not generators or generators[0][0] != "node" or generators[-1][0] != "node":
                return form
            inner = self._argument(generators[0]) if len(generators) == 1 else self._difference(form, generators)
            if inner is None:
                return form
            seen, slope = inner
            factor = form.factor | {(("through", switch, generators[0][1]), 1)}
            form = Form(seen.terms, factor, form.q * form.terms[generators[0]] * slope)

    def _difference(self, form: Form, generators: list[Key]) -> tuple[Form, Fraction] | None:
        """u - w of a (phi(u) - phi(w)), and phi' where u = w at x; None where a form is something else."""
        if len(generators) != 2 or form.terms.get(ONE) or sum(form.terms[key] for key in generators):
            return None
        inner = [self._argument(key) for key in generators]
        if None in inner:
            return None
        taken = [self._entries(key) for key in generators]
        if taken[0] != taken[1]:
            return None
        (u, slope), (w, _) = inner  # type: ignore[misc]
        apart = u - w
        return (apart, slope) if isinstance(apart, Form) and apart.terms and not apart.factor else None

    def _entries(self, key: Key) -> tuple[Any, ...]:
        """What an entry of a node is computed from at x: the operation, and its arguments there."""
        _, index, position = key
        node = self.program.nodes[index]
        values = (np.broadcast_to(self.sweeps.values[arg], node.shape).reshape(-1)[position] for arg in node.args)
        varied = (self.program.nodes[arg].varied for arg in node.args)
        return node.op, [(bool(own), float(value)) for own, value in zip(varied, values, strict=True)], node.params

    def rename(self) -> None:
        """Give a generator that is a one-to-one function of an input the input's name, unless another one has it."""
        roots = {key: self._root(key) for key in _generators(self.z)}
        taken = Counter(found[0] for found in roots.values())
        names = {key: found for key, found in roots.items() if taken[found[0]] == 1}
        for switch, form in self.z.items():
            pairs = [(names.get(key, (key, Fraction(1))), value) for key, value in form.terms.items()]
            self.z[switch] = Form({name: value * slope for (name, slope), value in pairs}, form.factor, form.q)

    def _root(self, key: Key) -> tuple[Key, Fraction]:
        """The input that a generator is a one-to-one function of, and the derivative; otherwise the generator."""
        root, slope = key, Fraction(1)
        while root[0] == "node":
            inner = self._argument(root)
            own = sorted(inner[0].terms.keys() - {ONE}) if inner is not None else []
            if inner is None or len(own) != 1:
                break
            slope *= inner[1] * inner[0].terms[own[0]]
            root = own[0]
        return (root, slope) if root[0] == "input" else (key, Fraction(1))

    def _argument(self, key: Key) -> tuple[Form, Fraction] | None:
        """The only argument of a smooth generator, and the derivative with respect to it; None where that is near 0."""
        _, index, position = key
        node = self.program.nodes[index]
        varied = [k for k, arg in enumerate(node.args) if self.program.nodes[arg].varied]
        if TABLE[node.op].family != "smooth" or len(varied) != 1 or node.op in ALONG:
            return None
        (k,) = varied
        linear = self.sweeps.maps(index)[k]
        if not isinstance(linear, Scale):
            return None
        u = np.broadcast_to(self.values[node.args[k]], node.shape).reshape(-1)[position]
        if not isinstance(u, Form) or u.factor:
            return None
        slope = float(np.broadcast_to(linear.p, node.shape).reshape(-1)[position])
        return (u, Fraction(slope)) if _FLAT < abs(slope) < np.inf else None


def _summed(entries: Array) -> Any:
    """The sum of forms and numbers."""
    terms: dict[Key, Fraction] = {}
    rest: Any = Fraction(0)
    for entry in entries:
        if not isinstance(entry, Form) or entry.factor:
            rest = entry + rest
            continue
        spend(len(entry.terms))
        for key, value in entry.terms.items():
            known = terms.get(key)
            terms[key] = value if known is None else known + value
    return Form({key: value for key, value in terms.items() if value}) + rest


def _generator(index: int, position: int) -> Form:
    """An entry of a node that has no form, or is an infinite constant."""
    return Form({("node", index, position): Fraction(1)})


def _factored(form: Form, key: Key, power: int, value: Any) -> Form:
    powers = dict(form.factor)
    powers[key] = powers.get(key, 0) + power
    if powers[key] == 0:
        del powers[key]
    number = Fraction(value if isinstance(value, Fraction) else float(value))
    return Form(form.terms, frozenset(powers.items()), form.q * (number if power > 0 else 1 / number))


_RULES: dict[str, Callable[[_State, int, Node, list[Array]], Array]] = {
    "mul": _State.product,
    "div": _State.product,
    "matmul": _State.matmul,
    "einsum": _State.matmul,
    "sum": _State.total,
    "standardized": _State.standardized,
    "convolve": _State.convolution,
    "convolve_back": _State.convolution,
}
