"""Steps to the minimum of the piecewise-linear model that an abs-normal form is, within a radius.

In f(x + d) ~ y + J d + Y (w - |z|), with z(d) = z + Z d + L (w - |z|) and w = |z(d)|, an absolute value that enters
with a weight that is not negative is the least w with w >= z(d) and w >= -z(d); for one with a negative weight its sign
at x gives a bound from above.  With the weights at x this is a linear program.  It is that of the model itself where no
weight is negative anywhere, as for maxima and for sums of absolute values; elsewhere its step is one to be tried.

Source: Griewank, Walther, Fiege, Bosse, On Lipschitz optimization based on gray-box piecewise linearization,
Mathematical Programming 158 (2016); for maxima it is the method of Madsen & Schjaer-Jacobsen, Mathematical Programming
14 (1978).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.form import AbsNormalForm

#: Pivots that the simplex method may take, or one for each variable and each switch where these are more, and steps of
#: the interior point method that solves what is not solved then.
_PIVOTS, _INTERIOR = 1_000, 200
#: What SciPy says where they are spent.
_LIMIT = 1
#: What the 1-norm of a step weighs: of the steps that do, it is to be short.
_SHORT = 1e-6
#: Entries that are smaller than this beside the largest one of their row, and such weights, are nothing.
_NOTHING = 1e-12


def model_step(form: AbsNormalForm, radius: float) -> tuple[Array, float] | None:
    """The step d with |d_j| <= radius at which the linear program for a function with one result is smallest, and the
    change that it promises; None where the linear program has no solution, or takes too long.

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> form = an.abs_normal_form(lambda x: np.abs(x[0] - 1) + 2 * np.abs(x[1]), [3.0, -4.0])
    >>> d, change = model_step(form, 10.0)
    >>> d.tolist(), change
    ([-2.0, 4.0], -10.0)
    """
    from scipy import sparse
    from scipy.optimize import linprog
    from scipy.sparse.linalg import spsolve_triangular

    s, n = form.Z.shape
    sign, one = np.where(form.z < 0, -1.0, 1.0), sparse.identity(s, format="csr")
    cost = np.concatenate([form.J.toarray()[0], form.Y.toarray()[0]])
    weight = spsolve_triangular((one - form.L.T @ sparse.diags(sign)).tocsr(), cost[n:], lower=False)
    # What is infinite keeps its sign; weights that are 0 on paper are rounded.
    bent = (weight >= -_NOTHING * np.abs(weight).max(initial=0.0)) & np.isfinite(form.z)
    up, down = np.flatnonzero(bent), np.flatnonzero(~bent)
    # In units of the radius: d = a - b with a, b >= 0, and what w is more than |z|.
    moved = _without_rounding(sparse.hstack([form.Z, -form.Z, form.L], format="csr"))
    own = sparse.hstack([sparse.csr_array((s, 2 * n)), one], format="csr")
    above = sparse.vstack([moved[up] - own[up], -moved[up] - own[up]])
    size, z = np.abs(form.z[up]), form.z[up]
    same = own[down] - sparse.diags(sign[down]) @ moved[down]
    largest = float(np.abs(cost).max(initial=0.0)) or 1.0
    program = {
        "c": np.concatenate([cost[:n] / largest + _SHORT, -cost[:n] / largest + _SHORT, cost[n:] / largest]),
        "A_ub": above, "b_ub": np.concatenate([size - z, size + z]) / radius, "A_eq": same, "b_eq": np.zeros(len(down)),
        "bounds": [(0, 1)] * (2 * n) + [(None, None)] * s,
    }
    found = linprog(**program, method="highs-ds", options={"maxiter": max(_PIVOTS, n + s)})
    if found.status == _LIMIT:
        found = linprog(**program, method="highs-ipm", options={"maxiter": _INTERIOR})
    if found.status:
        return None
    d = found.x[:n] - found.x[n : 2 * n]
    return radius * d, radius * float(cost[:n] @ d + cost[n:] @ found.x[2 * n :])


def _without_rounding(rows: Any) -> Any:
    """A CSR matrix without the entries that are nothing beside the largest one of their row: in the form of the largest
    of n numbers most weights are, powers of 1/2.
    """
    largest = abs(rows).max(axis=1).toarray().reshape(-1)
    rows.data[np.abs(rows.data) < _NOTHING * np.repeat(largest, np.diff(rows.indptr))] = 0.0
    rows.eliminate_zeros()
    return rows
