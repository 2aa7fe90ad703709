"""The abs-normal form of a program at a point: four sparse matrices and the piecewise-linear model of them.

    z = c + Z x + L |z|        y = b + J x + Y |z|        L strictly lower triangular

References
----------
Griewank, "On stable piecewise linearization and generalized algorithmic differentiation", Optim. Methods
Softw. 28 (2013) 1139-1178; Griewank and Walther, "First- and second-order optimality conditions for piecewise
smooth objective functions", Optim. Methods Softw. 31 (2016) 904-930.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from absnormal._shown import shown
from absnormal.arrays import Array
from absnormal.errors import TraceError
from absnormal.program.program import Program
from absnormal.program.tree import Tree
from absnormal.sweeps.overflow import overflow
from absnormal.sweeps.sparse import LIMIT, rows
from absnormal.sweeps.table import Sweeps

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Equations are written out up to this number of switches and of terms.
_READABLE = 200
_TERMS = 2000
#: Evaluations of z = c + Z x + L|z| all at once before it is evaluated switch by switch.
_ROUNDS = 32


@dataclass(frozen=True, eq=False, repr=False)
class AbsNormalForm:
    """z = c + Z x + L|z|, y = b + J x + Y|z|, in float64, at the point x.

    The matrices are the derivatives of the program with respect to x and |z|.  Where the program is piecewise
    linear, the model is the function; otherwise they agree up to second order near x.

    Attributes
    ----------
    Z, L, J, Y
        `scipy.sparse.csr_array` of shapes (s, n), (s, s), (m, n), (m, s), without zeros; L is strictly
        lower triangular
    c, b
        the constants, shapes (s,) and (m,); c_i is infinite where an infinite constant makes z_i so.  Those and the
        matrices of a piecewise-linear program are made once, shared by its forms at all points, and read-only
    x, z, y
        the point, the switching variables and the result there, shapes (n,), (s,) and (m,)
    tree, shape
        the structure of f's argument and the shape of its result

    Examples
    --------
    >>> import numpy as np
    >>> import absnormal as an
    >>> form = an.abs_normal_form(lambda x: np.abs(x[1] - np.abs(x[0])), [0.0, 2.0])
    >>> form
    <AbsNormalForm n=2 m=1 s=2 nonzeros: Z 2, L 1, J 0, Y 1>
    >>> form.signature
    array([0, 1])
    >>> form([-3.0, 1.0])
    2.0
    """

    Z: Any
    L: Any
    J: Any
    Y: Any
    c: Array
    b: Array
    x: Array
    z: Array
    y: Array
    tree: Tree
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        n, m, s = self.n, self.m, self.s
        expected = {"Z": (s, n), "L": (s, s), "J": (m, n), "Y": (m, s), "c": (s,), "b": (m,)}
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} must have shape {shape}, got {getattr(self, name).shape}")
        if self.tree.size != n or int(np.prod(self.shape, dtype=int)) != m:
            raise ValueError(f"x and y must have {self.tree.size} and {self.shape} entries, got {n} and {m}")
        if (self.L.indices >= np.repeat(np.arange(s), np.diff(self.L.indptr))).any():
            raise ValueError("L must be strictly lower triangular")

    def at(self, x: Array, z: Array, y: Array) -> AbsNormalForm:
        """The same matrices and constants at another point, flat, with its switching variables and result."""
        other = object.__new__(AbsNormalForm)
        kept = {name: getattr(self, name) for name in ("Z", "L", "J", "Y", "c", "b", "tree", "shape")}
        vars(other).update(kept, x=x, z=z, y=y)
        return other

    @property
    def matrices(self) -> tuple[Any, Any, Any, Any]:
        """Z, L, J, Y."""
        return self.Z, self.L, self.J, self.Y

    @property
    def n(self) -> int:
        """The number of variables."""
        return len(self.x)

    @property
    def m(self) -> int:
        """The number of entries of y."""
        return len(self.y)

    @property
    def s(self) -> int:
        """The number of switching variables."""
        return len(self.z)

    @cached_property
    def signature(self) -> Array:
        """The signs of z, integers of shape (s,): 0 at active switches."""
        return np.sign(self.z).astype(int)

    def __call__(self, x: Any) -> Any:
        """The piecewise-linear model at x: a float, or an array in the shape of f's result.

        Parameters
        ----------
        x
            another point, in the structure of f's argument, or flat, shape (n,)

        Raises
        ------
        ValueError
            for a point of another shape
        """
        flat = _flat(self.tree, x)
        y = self.b + self.J @ flat + self.Y @ np.abs(self.switching(flat))
        return float(y[0]) if self.shape == () else y.reshape(self.shape)

    def switching(self, x: Any) -> Array:
        """The switching variables of the model at x, shape (s,), by forward substitution."""
        start = self.c + self.Z @ _flat(self.tree, x)
        z = start
        for _ in range(_ROUNDS):
            # A round settles one more level of nesting; what does not change any more solves the system.
            previous, z = z, start + self.L @ np.abs(z)
            if np.array_equal(previous, z):
                return np.asarray(z)
        return self._one_by_one(start)

    def _one_by_one(self, start: Array) -> Array:
        z = start.copy()
        starts = self.L.indptr.tolist()
        for i in np.flatnonzero(np.diff(self.L.indptr)).tolist():
            own = slice(starts[i], starts[i + 1])
            z[i] += self.L.data[own] @ np.abs(z[self.L.indices[own]])
        return z

    def __repr__(self) -> str:
        stored = ", ".join(f"{name} {getattr(self, name).nnz}" for name in "ZLJY")
        return f"<AbsNormalForm n={self.n} m={self.m} s={self.s} nonzeros: {stored}>"

    # -- in symbols ------------------------------------------------------------------------------------------

    @property
    def _readable(self) -> bool:
        terms = sum(matrix.nnz for matrix in (self.Z, self.L, self.J, self.Y))
        return max(self.n, self.m, self.s) <= _READABLE and terms <= _TERMS

    def to_sympy(self) -> Equations:
        """The form as SymPy equations, all coefficients exactly as they are.

        Raises
        ------
        ValueError
            past 200 variables, switches or results, or 2000 terms, which nobody reads

        Examples
        --------
        >>> import numpy as np
        >>> import absnormal as an
        >>> form = an.abs_normal_form(lambda x: 1 + np.abs(x[1] - np.abs(x[0])), [0.0, 2.0])
        >>> for equation in form.to_sympy().equations:
        ...     print(equation)
        Eq(z0, x0)
        Eq(z1, x1 - Abs(z0))
        Eq(y, Abs(z1) + 1)
        """
        if not self._readable:
            raise ValueError(
                f"to_sympy writes up to {_READABLE} variables, switches and results and {_TERMS} terms, got"
                f" {self!r}; use the sparse matrices Z, L, J, Y"
            )
        import sympy

        sizes = (("x", self.n), ("z", self.s), ("y", self.m))
        x, z, y = (_symbols(sympy, name, size) for name, size in sizes)
        if self.shape == ():
            y = (sympy.Symbol("y", real=True),)
        known = (*x, *map(sympy.Abs, z))
        sides = (z, (self.c, self.Z, self.L)), (y, (self.b, self.J, self.Y))
        equations = [
            sympy.Eq(left, _combination(sympy, parts, row, known, self.n), evaluate=False)
            for symbols, parts in sides
            for row, left in enumerate(symbols)
        ]
        return Equations(x, z, y, tuple(equations))

    # -- in pictures -----------------------------------------------------------------------------------------

    def _repr_latex_(self) -> str | None:
        equations: str | None = shown("AbsNormalForm.latex")(self)
        return equations

    def _repr_html_(self) -> str | None:
        pictures: str | None = shown("AbsNormalForm.html")(self)
        return pictures

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """The structure of the matrix [Z L; J Y], with its signs; see `absnormal.plot.structure`.

        Examples
        --------
        >>> import numpy as np
        >>> import absnormal as an
        >>> ax = an.abs_normal_form(lambda x: np.abs(x[1] - np.abs(x[0])), [0.0, 2.0]).plot()
        >>> ax.images[0].get_array().astype(int).tolist()
        [[1, 0, 0, 0], [0, 1, -1, 0], [0, 0, 0, 1]]
        """
        axes: Axes = shown("AbsNormalForm.plot")(self, ax=ax)
        return axes


@dataclass(frozen=True)
class Equations:
    """An abs-normal form in SymPy: the symbols x, z and y, and an equation for every z, then for every y."""

    x: tuple[Any, ...]
    z: tuple[Any, ...]
    y: tuple[Any, ...]
    equations: tuple[Any, ...]

    def _repr_latex_(self) -> str:
        import sympy

        lines = [f"{sympy.latex(eq.lhs)} &= {sympy.latex(eq.rhs)}" for eq in self.equations]
        return "$\\displaystyle \\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}$"


def extract(program: Program, x: Any, *, limit: int = LIMIT) -> AbsNormalForm:
    """The abs-normal form of a program at x.

    Parameters
    ----------
    program
        a traced function with n variables, s switching variables and m results
    x
        the point, in the structure of f's argument, or flat, shape (n,); rational points are taken in float64
    limit
        the largest number of matrix entries to be stored

    Raises
    ------
    BudgetError
        where an operation would store more than ``limit`` entries
    DomainError
        for NaN or infinity at the point
    GuardError
        where f would take another branch than where it was traced
    """
    flat = _flat(program.tree, x).copy()
    if not program.is_piecewise_linear:
        return _accumulated(program, Sweeps(program, flat), limit)
    form = _PIECEWISE_LINEAR.get(program)
    values = program.evaluate(flat)
    if form is None:
        origin = np.zeros(program.n)
        form = _accumulated(program, Sweeps(program, origin, values=program.unguarded(origin)), limit)
        for array in (form.c, form.b, *(getattr(M, part) for M in form.matrices for part in _CSR)):
            array.flags.writeable = False
        _PIECEWISE_LINEAR[program] = form
    return form.at(flat, program.switching(values), values[program.output].reshape(-1).copy())


#: The forms of piecewise-linear programs at the origin.
_PIECEWISE_LINEAR: WeakKeyDictionary[Program, AbsNormalForm] = WeakKeyDictionary()
_CSR = ("data", "indices", "indptr")


def _accumulated(program: Program, sweeps: Sweeps, limit: int) -> AbsNormalForm:
    if program.blocks:
        node = program.nodes[program.blocks[0]]
        problem, fix = "is a 2-norm at 0, which |.| cannot express", "take the form where no norm is 0"
        if program.sorts:
            node = program.nodes[program.sorts[0]]
            problem, fix = "sorts many tied entries as one kink", "take the form of a shorter list"
        raise TraceError(node.operation, problem, fix, node.source)
    # A switch that an infinite constant makes infinite keeps its sign everywhere: nothing depends on its |z|.
    sigma = np.where(np.isfinite(sweeps.z), np.nan, np.sign(sweeps.z))
    (Z, L), (J, Y) = rows(program, sweeps, sigma, limit=limit)
    if not all(np.isfinite(part.data).all() for part in (Z, L, J, Y)):
        raise overflow(sweeps)
    x, size = np.concatenate([leaf.reshape(-1) for leaf in program.inputs(sweeps.values)]), np.abs(sweeps.z)
    c = sweeps.z - Z @ x - L @ size
    b = sweeps.y - J @ x - Y @ size
    return AbsNormalForm(Z, L, J, Y, c, b, x, sweeps.z, sweeps.y.copy(), program.tree, program.shape)


def abs_normal_form(f: Callable[[Any], Any] | Program, x: Any) -> AbsNormalForm:
    """The abs-normal form of f at x.

    Parameters
    ----------
    f
        a function of one argument, or its `Program`; it returns a number or an array, a function of torch's a number
    x
        the point: an array, a number, or nested dicts, lists and tuples of arrays

    Returns
    -------
    AbsNormalForm
        with sparse Z, L, J and Y, of shapes (s, n), (s, s), (m, n) and (m, s)

    Raises
    ------
    TraceError
        where f cannot be written with smooth operations and |.|
    BudgetError
        where the matrices do not fit into memory
    DomainError
        for NaN or infinity at the point

    Examples
    --------
    >>> import numpy as np
    >>> import absnormal as an
    >>> form = an.abs_normal_form(lambda x: np.maximum(x[0] ** 2, x[1]), [1.0, 1.0])
    >>> form.Z.toarray(), form.J.toarray(), form.Y.toarray()
    (array([[ 2., -1.]]), array([[1. , 0.5]]), array([[0.5]]))
    """
    if isinstance(f, Program):
        return extract(f, x)
    from absnormal.frontends.frameworks import plain, traced_call

    return extract(traced_call(f, x).program, plain(x))


def _flat(tree: Tree, x: Any) -> Array:
    return np.asarray(tree.flatten(x), dtype=float)


def _symbols(sympy: Any, name: str, size: int) -> tuple[Any, ...]:
    return tuple(sympy.Symbol(f"{name}{i}", real=True) for i in range(size))


def _combination(sympy: Any, parts: tuple[Array, Any, Any], row: int, known: tuple[Any, ...], n: int) -> Any:
    """constant + first x + second |z|, one row of it."""
    constant, first, second = parts
    terms = [_number(sympy, constant[row])]
    for matrix, shift in ((first, 0), (second, n)):
        own = slice(matrix.indptr[row], matrix.indptr[row + 1])
        for column, value in zip(matrix.indices[own].tolist(), matrix.data[own].tolist(), strict=True):
            terms.append(_number(sympy, value) * known[column + shift])
    return sympy.Add(*terms)


def latex_of(value: float) -> str:
    """A float in LaTeX, as it is: as a fraction where that is short."""
    import sympy

    return str(sympy.latex(_number(sympy, value)))


def _number(sympy: Any, value: float) -> Any:
    """A float as it is: as a fraction where that is short."""
    exact = Fraction(value)
    if exact.denominator <= 4096 and abs(exact.numerator) < 2**53:
        return sympy.Rational(exact.numerator, exact.denominator)
    return sympy.Float(float(value))
