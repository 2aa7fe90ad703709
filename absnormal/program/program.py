"""The abs-only evaluation form: a flat, checked, printable list of array-level operations."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal._shown import shown
from absnormal.arrays import Array, as_real, exactly, finite
from absnormal.errors import DomainError, GuardError, TraceError
from absnormal.ops import TABLE, kink_of
from absnormal.ops.kinks import KINKS
from absnormal.program.nodes import Guard, Node
from absnormal.program.tree import Tree

if TYPE_CHECKING:
    from absnormal.form import AbsNormalForm

#: Operations whose kernels raise a flag where they make NaN or infinity of numbers.
_FLAGGED = frozenset({
    "reshape", "transpose", "index", "gather", "broadcast", "concatenate", "where", "add", "sub", "neg", "mul", "div",
    "square", "reciprocal", "sum", "cumsum",
}) | {row.name for row in KINKS}


def _compared(relation: Any) -> tuple[Any, Any]:
    return relation, np.equal


def _jumping(value: Any, jump: Any) -> tuple[Any, Any]:
    return (lambda u, v: value(u)), (lambda u, v: jump(u))


def _rint(u: Array) -> Any:
    """The nearest integer; of a Fraction, for which NumPy has none, up where there are two."""
    return np.floor(u + Fraction(1, 2)) if u.dtype == object else np.rint(u)


def _selected(value: Any, flip: int) -> tuple[Any, Any]:
    def tied(u: Array, v: Array) -> Any:
        ordered = np.sort(flip * u, axis=-1)
        return ordered[..., -1:] == ordered[..., -2:-1]

    return (lambda u, v: value(u, axis=-1)), tied


#: What a guard compares: the outcome, and where it is tied (on the edge between two outcomes).
RELATIONS: dict[str, tuple[Any, Any]] = {
    ">": _compared(np.greater),
    ">=": _compared(np.greater_equal),
    "<": _compared(np.less),
    "<=": _compared(np.less_equal),
    "==": _compared(np.equal),
    "!=": _compared(np.not_equal),
    "held": (np.equal, lambda u, v: False),
    "sign": _jumping(np.sign, lambda u: u == 0),
    "floor": _jumping(np.floor, lambda u: u == np.floor(u)),
    "ceil": _jumping(np.ceil, lambda u: u == np.floor(u)),
    "trunc": _jumping(np.trunc, lambda u: (u == np.floor(u)) & (u != 0)),
    "rint": _jumping(_rint, lambda u: u - np.floor(u) == 0.5),
    "argmax": _selected(np.argmax, 1),
    "argmin": _selected(np.argmin, -1),
    "argsort": (
        lambda u, v: np.argsort(u, axis=-1, kind="stable"),
        lambda u, v: np.diff(np.sort(u, axis=-1), axis=-1) == 0,
    ),
}


@dataclass(frozen=True, eq=False)
class Program:
    """y = f(x), written with smooth operations and |.| only.

    A program is made by `absnormal.trace`.  It is called like f, printed with ``print``, and taken by every
    function of the package in the place of f, so that tracing is paid once.  It pickles.

    Attributes
    ----------
    nodes
        the operations in evaluation order; kinked ones are primitives, listed in their abs-only form
    output
        the index of the node that holds y
    tree
        the structure and the shapes of x
    guards
        the branches that were followed; they are checked again at every new point

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> program = an.trace(lambda x: np.abs(x[0]) - np.abs(x[0] + np.abs(x[1])), [0.0, 0.0])
    >>> program([1.0, -2.0]), program.n, program.s, program.is_piecewise_linear
    (-2.0, 2, 3, True)
    """

    nodes: tuple[Node, ...]
    output: int
    tree: Tree
    guards: tuple[Guard, ...] = ()

    @cached_property
    def n(self) -> int:
        """The number of variables."""
        return self.tree.size

    @cached_property
    def s(self) -> int:
        """The number of switching variables."""
        return sum(node.switches for node in self.nodes if node.switch >= 0)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of y."""
        return self.nodes[self.output].shape

    @property
    def m(self) -> int:
        """The number of entries of y."""
        return math.prod(self.shape)

    @cached_property
    def kinked(self) -> tuple[int, ...]:
        """The nodes that own switching variables, in order."""
        return tuple(i for i, node in enumerate(self.nodes) if node.switch >= 0)

    @cached_property
    def is_piecewise_linear(self) -> bool:
        """Whether every operation on variables is linear or kinked: y = b + J x + Y|z| for every x."""
        return all(self.is_linear(node) for node in self.nodes if node.varied)

    def is_linear(self, node: Node) -> bool:
        """Whether a node is linear or kinked in the variables."""
        family = TABLE[node.op].family
        if family == "bilinear":
            return sum(self.nodes[arg].varied for arg in node.args) <= 1
        if node.op == "div":
            return not self.nodes[node.args[1]].varied
        kink = TABLE[node.op].kink
        return family != "smooth" and not (kink is not None and kink.blocks)

    def is_zero(self, index: int) -> bool:
        """Whether a node is the constant 0."""
        node = self.nodes[index]
        return node.op == "constant" and not np.any(node.params["value"])

    def __call__(self, x: Any) -> Any:
        """f(x): a float, or an array in the shape of f's result.

        Raises
        ------
        GuardError
            when another branch would be taken at x than where the program was traced
        DomainError
            for NaN or infinity
        """
        value = self.evaluate(self.tree.flatten(x))[self.output]
        if value.dtype == object:
            return value[()] if value.ndim == 0 else value
        return float(value) if value.ndim == 0 else value.copy()

    def followed(self, leaves: list[Array]) -> tuple[Program, list[Array]]:
        """The program with the branches that are taken at x, and the values of its nodes; guards are checked."""
        return self, self.evaluate(leaves)

    def evaluate(self, x: Array | list[Array]) -> list[Array]:
        """The values of all nodes at x (flat, or its leaves), guards and domains checked."""
        leaves = x if isinstance(x, list) else self.tree.split(x)
        for guard in self.guards:
            if guard.relation == "held" and self.nodes[guard.left].op == "input":
                # Where an input is held, what follows from another one is not even computed.
                held = self.nodes[guard.left].params["leaf"], self.nodes[guard.right].params["value"]
                self._check(guard, {guard.left: leaves[held[0]], guard.right: held[1]})
        try:
            values = self.unguarded(leaves)
        except (DomainError, TraceError):
            # Where another branch is taken the operation may not be there at all.
            self._check_all(self._anyhow(leaves))
            raise
        self._check_all(values)
        return values

    def _anyhow(self, leaves: list[Array]) -> list[Array]:
        """The values of all nodes, NaN and infinity among them."""
        values: list[Array] = []
        with np.errstate(all="ignore"):
            for node in self.nodes:
                if node.op == "input":
                    values.append(leaves[node.params["leaf"]])
                elif node.op == "constant":
                    values.append(node.params["value"])
                else:
                    args = [np.asarray(values[arg], float) for arg in node.args]
                    values.append(np.asarray(TABLE[node.op].value(node.params, *args)))
        return values

    def _check_all(self, values: Sequence[Array]) -> None:
        for guard in self.guards:
            self._check(guard, values)

    def unguarded(self, x: Array | list[Array]) -> list[Array]:
        """The values of all nodes at x along the branches that were traced, whether f takes them at x or not."""
        leaves = x if isinstance(x, list) else self.tree.split(x)
        exact = any(leaf.dtype == object for leaf in leaves)
        if not exact and not all(np.isfinite(leaf).all() for leaf in leaves):
            raise DomainError("x", "the point holds NaN or infinity")
        values: list[Array] = []
        trusted = _FLAGGED if self._numbers else frozenset()
        with _raising():
            for node in self.nodes:
                if node.op == "input":
                    values.append(leaves[node.params["leaf"]])
                elif node.op == "constant":
                    values.append(exactly(node.params["value"]) if exact else node.params["value"])
                else:
                    values.append(_computed(node, [values[arg] for arg in node.args], node.op in trusted))
        return values

    @cached_property
    def _numbers(self) -> bool:
        """Whether no constant holds NaN."""
        constants = (node.params["value"] for node in self.nodes if node.op == "constant")
        return all(value.dtype == object or finite(value) or not np.isnan(value).any() for value in constants)

    def _check(self, guard: Guard, values: Sequence[Array] | Mapping[int, Array]) -> None:
        if not self.holds(guard, values):
            problem = "another branch would be taken at this point than where the program was traced"
            raise GuardError(guard.operation, problem, "trace f again at this point", guard.source)

    def holds(self, guard: Guard, values: Sequence[Array] | Mapping[int, Array]) -> bool:
        """Whether a branch is taken as where the program was traced, by the values of the nodes."""
        left, right = values[guard.left], values[guard.right]
        outcome, tied = (rule(left, right) for rule in RELATIONS[guard.relation])
        return not (np.any(tied) or np.any(outcome != guard.outcome))

    def inputs(self, values: Sequence[Array]) -> list[Array]:
        """The leaves of x among the values of the nodes."""
        numbered = ((node.params["leaf"], values[i]) for i, node in enumerate(self.nodes) if node.op == "input")
        return [value for _, value in sorted(numbered, key=lambda pair: pair[0])]

    def switching_parts(self, values: Sequence[Array]) -> Iterator[Array]:
        """The switching variables of one kinked node after the other, flat, from the values of the nodes."""
        for index in self.kinked:
            node = self.nodes[index]
            yield kink_of(node.op).switching(node.params, [values[arg] for arg in node.args])

    def switching(self, values: Sequence[Array]) -> Array:
        """The switching variables z, shape (s,), from the values of the nodes."""
        parts = [*self.switching_parts(values)]
        dtype = object if values[self.output].dtype == object else float
        if len(parts) == 1:
            return parts[0]
        return np.concatenate(parts) if parts else np.zeros(0, dtype)

    @cached_property
    def blocks(self) -> tuple[int, ...]:
        """The kinked nodes whose switches are blocks: norms, with slopes in a ball together (THEORY 8), and sorts."""
        return tuple(index for index in self.kinked if kink_of(self.nodes[index].op).blocks)

    @cached_property
    def sorts(self) -> tuple[int, ...]:
        """Those of them that are sorts, whose slopes say an order (THEORY 7.4)."""
        return tuple(index for index in self.blocks if kink_of(self.nodes[index].op).permutes)

    def lanes(self, index: int) -> Array:
        """The switches of such a node, a block a column: shape (entries, blocks)."""
        node = self.nodes[index]
        return np.arange(node.own.start, node.own.stop).reshape(node.params["entries"], -1)

    def whole(self, tied: Array) -> Array:
        """Of the switches (s,) that are 0 those where a kink is: of a block all are."""
        for index in self.blocks:
            own = self.lanes(index)
            tied[own] = tied[own].all(axis=0)
        return tied

    def node_of(self, switch: int) -> Node:
        """The kinked node that owns a switching variable."""
        for index in self.kinked:
            node = self.nodes[index]
            if node.owns(switch):
                return node
        raise IndexError(f"switch must be in 0..{self.s - 1}, got {switch}")

    def abs_normal_form(self, x: Any) -> AbsNormalForm:
        """The abs-normal form at x; see `absnormal.abs_normal_form`."""
        form: AbsNormalForm = shown("Program.abs_normal_form")(self, x)
        return form

    def check(self) -> None:
        """Raise an AssertionError, with the operations around it, where the list is not well formed."""
        switch = 0
        for index, node in enumerate(self.nodes):
            problem = _problem(self.nodes, index, node, switch)
            if problem:
                from absnormal.program.listing import around

                raise AssertionError(f"{problem}\n{around(self, index)}")
            if node.switch >= 0:
                switch += node.switches

    def __str__(self) -> str:
        from absnormal.program.listing import listing

        return listing(self)

    def __repr__(self) -> str:
        return f"<Program n={self.n} m={self.m} s={self.s} operations={len(self.nodes)}>"

    def _repr_html_(self) -> str:
        return str(shown("Program.html")(self))


def compute(node: Node, args: list[Array]) -> Array:
    """The value of one node; NaN, infinity and points where the operation is not C^1 are errors."""
    with _raising():
        return _computed(node, args, False)


def _raising() -> Any:
    return np.errstate(over="raise", invalid="raise", divide="raise", under="ignore")


def outside(node: Node, values: Sequence[Array]) -> Exception | None:
    """What is wrong where an operation on variables is not C^1; no other values are asked for."""
    row = TABLE[node.op]
    if not node.varied or row.domain is None:
        return None
    decisive = range(len(node.args)) if row.decisive is None else row.decisive
    args = [values[arg] if position in decisive else None for position, arg in enumerate(node.args)]
    if not np.all(row.domain(node.params, *args)):
        return _outside(node, [values[arg] for arg in node.args])
    return None


def _computed(node: Node, args: list[Array], trusted: bool) -> Array:
    row = TABLE[node.op]
    if node.varied and row.domain is not None and not np.all(row.domain(node.params, *args)):
        raise _outside(node, args)
    try:
        value = row.value(node.params, *args)
    except FloatingPointError as error:
        raise DomainError(node.operation, str(error), node.source) from error
    except TypeError as error:
        if any(arg.dtype == object for arg in args):
            raise TraceError(
                node.operation, "has no exact value at a rational point", "use float64 and exact=False",
                node.source
            ) from error
        raise
    if trusted:
        return value
    # BLAS and SciPy raise no flag; only an infinite constant may make something infinite.
    if value.dtype != object and not finite(value) and (np.isnan(value).any() or all(map(finite, args))):
        raise DomainError(node.operation, "is NaN or infinite at this point", node.source)
    return value


def _outside(node: Node, args: list[Array]) -> Exception:
    try:
        with np.errstate(all="ignore"):
            value = TABLE[node.op].value(node.params, *(arg.astype(float) for arg in args))
        made = finite(value)
    except FloatingPointError:
        made = False
    if not made:
        return DomainError(node.operation, "is NaN or infinite at this point", node.source)
    return TraceError(
        node.operation,
        "is not continuously differentiable at this point, and it is not a kink that |.| can express",
        "move the point off it, for example with + eps under a root, or write the kink with abs, maximum or minimum",
        node.source,
    )


def _problem(nodes: Sequence[Node], index: int, node: Node, switch: int) -> str:
    if node.op not in TABLE:
        return f"operation {node.op!r} is not in the table"
    if any(not 0 <= arg < index for arg in node.args):
        return f"line {index} uses {node.args}, which are not all earlier lines"
    family, kink = TABLE[node.op].family, TABLE[node.op].kink
    if family not in ("input", "kinked") and node.varied != any(nodes[arg].varied for arg in node.args):
        return f"line {index} is marked varied={node.varied} against its arguments"
    if node.switch >= 0:
        count = 0 if kink is None else kink.count([nodes[arg].shape for arg in node.args], node.shape)
        if kink is None or node.switch != switch or node.switches != count:
            found = f"line {index} owns {node.switches} switches from {node.switch}"
            return f"{found}, expected {count} from {switch}"
    return ""


def point(program: Program, x: Any) -> Array:
    """x as a flat vector of the program's variables."""
    return program.tree.flatten(as_real(x, "x") if np.isscalar(x) else x)
