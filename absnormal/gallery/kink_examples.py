"""Each function of `kinks` with a point, a slope and the answer worked out by hand.

A slope is the derivative that a tool uses for |u| at u = 0, the same for all switches: relu'(0) = (1 +
slope)/2, a tied max takes its second argument for slope -1, splits evenly for 0 and takes its first for +1, a
tied min the other way round.
"""

from __future__ import annotations

import numpy as np

from absnormal.gallery import kinks
from absnormal.gallery.example import Example

identity = Example(
    name="identity",
    function=kinks.identity,
    point=np.array([0.0]),
    slope=-1.0,
    gradient=np.array([0.0]),
    verdict="NOT_CLARKE",
    clarke_set="{1}: the function is x",
    clarke_gradients=(np.array([1.0]),),
    why="relu'(0) = 0 switches both relus off, but x and -x are never negative together. Slope 0 gives 1.",
)

stable_cross_entropy = Example(
    name="stable_cross_entropy",
    function=kinks.stable_cross_entropy,
    point=np.array([0.0]),
    slope=-1.0,
    gradient=np.array([-0.5]),
    verdict="CLARKE",
    clarke_set="{1/2 - label} = {-1/2}: the function is smooth",
    clarke_gradients=(np.array([-0.5]),),
    why="With one slope c for both kinks, (1 + c)/2 - label - c/2 = 1/2 - label whatever c is. Tools that "
    "mix slopes are wrong: relu'(0) = 0 with abs'(0) = 0 gives -label, and so do an even split of max and "
    "abs'(0) = 1.",
)

stable_cross_entropy_swapped = Example(
    name="stable_cross_entropy_swapped",
    function=kinks.stable_cross_entropy_swapped,
    point=np.array([0.0]),
    slope=-1.0,
    gradient=np.array([0.5]),
    verdict="NOT_CLARKE",
    clarke_set="{1/2 - label} = {-1/2}: the function is smooth",
    clarke_gradients=(np.array([-0.5]),),
    why="The switch of max(0, x) is 0 - x, so that one slope c gives (1 - c)/2 - label - c/2 = 1/2 - c - "
    "label: right for c = 0 only.",
)

leaky_relu = Example(
    name="leaky_relu",
    function=kinks.leaky_relu,
    point=np.array([0.0, 0.0, 2.0]),
    slope=-1.0,
    gradient=np.array([0.1, 0.1, 1.0]),
    verdict="CLARKE",
    clarke_set="[0.1, 1] x [0.1, 1] x {1}",
    clarke_gradients=(np.array([0.1, 0.1, 1.0]), np.array([1.0, 0.1, 1.0]), np.array([0.55, 0.55, 1.0])),
    why="Each kink has an entry of its own: the kink qualification LIKQ holds, and every slope is a Clarke "
    "gradient.",
)

relu_by_where = Example(
    name="relu_by_where",
    function=kinks.relu_by_where,
    point=np.array([0.0, 0.0, -1.0]),
    slope=-1.0,
    gradient=np.array([0.0, 0.0, 0.0]),
    verdict="CLARKE",
    clarke_set="[0, 1] x [0, 1] x {0}",
    clarke_gradients=(np.array([0.0, 0.0, 0.0]), np.array([1.0, 0.0, 0.0]), np.array([0.5, 0.5, 0.0])),
    why="where(x > 0, x, 0) is relu(x): at 0 the comparison is false and takes the branch with derivative 0.",
)

soft_threshold = Example(
    name="soft_threshold",
    function=kinks.soft_threshold,
    point=np.array([0.5, -0.5, 2.0]),
    slope=-1.0,
    gradient=np.array([0.0, 0.0, 1.0]),
    verdict="CLARKE",
    clarke_set="[0, 1] x [0, 1] x {1}",
    clarke_gradients=(np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 1.0]), np.array([0.5, 0.5, 1.0])),
    why="Each entry has one active kink of its own, so LIKQ holds; the adjoints have different signs.",
)

maxmin = Example(
    name="maxmin",
    function=kinks.maxmin,
    point=np.zeros(4),
    slope=-1.0,
    gradient=np.ones(4),
    verdict="CLARKE",
    clarke_set="{(1, 1, 1, 1)}: the function is the sum of the entries",
    clarke_gradients=(np.ones(4),),
    why="A tied max that takes its second argument goes with a tied min that takes its first. LIKQ fails: "
    "the two have one switching function.",
)

maxmin_swapped = Example(
    name="maxmin_swapped",
    function=kinks.maxmin_swapped,
    point=np.zeros(4),
    slope=-1.0,
    gradient=np.array([0.0, 0.0, 2.0, 2.0]),
    verdict="NOT_CLARKE",
    clarke_set="{(1, 1, 1, 1)}: the function is the sum of the entries",
    clarke_gradients=(np.ones(4),),
    why="max(a, b) and min(b, a) both pick b at a tie. torch.max(dim) and torch.min(dim), which both pick "
    "the first index, do the like.",
)

largest_entry = Example(
    name="largest_entry",
    function=kinks.largest_entry,
    point=np.array([1.0, 1.0, 0.0, 1.0]),
    slope=0.0,
    gradient=np.array([0.25, 0.25, 0.0, 0.5]),
    verdict="CLARKE",
    clarke_set="the simplex of weights on the tied entries 0, 1 and 3",
    clarke_gradients=(np.array([1.0, 0.0, 0.0, 0.0]), np.array([0.25, 0.25, 0.0, 0.5])),
    why="max is convex and every adjoint nonnegative: any slopes give a Clarke gradient, in pairs from left "
    "to right here.",
)

nested_max = Example(
    name="nested_max",
    function=kinks.nested_max,
    point=np.array([0.0]),
    slope=0.0,
    gradient=np.array([-0.25]),
    verdict="NOT_CLARKE",
    clarke_set="{0}: the function is constant",
    clarke_gradients=(np.array([0.0]),),
    why="An even split gives max(x, 0) slope 1/2, but max(max(x, 0), 0) slope 1/4. Slopes -1 and +1 give 0.",
)

nested_abs = Example(
    name="nested_abs",
    function=kinks.nested_abs,
    point=np.array([0.0]),
    slope=0.0,
    gradient=np.array([0.0]),
    verdict="NOT_CLARKE",
    clarke_set="{-1}: the function is -x",
    clarke_gradients=(np.array([-1.0]),),
    why="Slope c gives 2c - c(2 + c) = -c^2: -1 for the slopes -1 and 1, but 0 for the slope 0, since the "
    "kinks are nested.",
)

coupled_abs = Example(
    name="coupled_abs",
    function=kinks.coupled_abs,
    point=np.array([0.0, 0.0]),
    slope=0.0,
    gradient=np.array([0.0, 0.0]),
    verdict="CLARKE",
    clarke_set="the rectangle [-2, 0] x [-1, 1]",
    clarke_gradients=tuple(
        np.array(g) for g in ([0.0, 1.0], [0.0, -1.0], [-2.0, 1.0], [-2.0, -1.0], [0.0, 0.0])
    ),
    why="Three kinks in two dimensions: LIKQ fails. Six cells; (-2, 1) and (-2, -1) come from those in which "
    "|y| decides the sign of x + |y|, and 0 is the mean of (0, 1) and (0, -1).",
)

cyclic_relu = Example(
    name="cyclic_relu",
    function=kinks.cyclic_relu,
    point=np.zeros(3),
    slope=-1.0,
    gradient=np.array([-1.0, 0.0, 1.0]),
    verdict="NOT_CLARKE",
    clarke_set="the hull of the six gradients, one for each order of a, b, c",
    clarke_gradients=tuple(
        np.array(g)
        for g in (
            [0.0, 0.0, 0.0],
            [0.0, -1.0, 1.0],
            [-1.0, 1.0, 0.0],
            [1.0, 1.0, -2.0],
            [2.0, -1.0, -1.0],
            [1.0, 0.0, -1.0],
        )
    ),
    why="All three relus off means a < b < c < a, which no point satisfies. In the direction (-1, 0, 1) the "
    "gradient has slope 2 and the Clarke gradients at most 1.",
)

cyclic_abs = Example(
    name="cyclic_abs",
    function=kinks.cyclic_abs,
    point=np.zeros(3),
    slope=1.0,
    gradient=np.array([2.0, 0.0, -2.0]),
    verdict="NOT_CLARKE",
    clarke_set="the parallelogram with vertices (0, 2, -2), (2, -2, 0), (0, -2, 2), (-2, 2, 0)",
    clarke_gradients=tuple(
        np.array(g)
        for g in ([0.0, 2.0, -2.0], [2.0, -2.0, 0.0], [0.0, -2.0, 2.0], [-2.0, 2.0, 0.0], [0.0, 0.0, 0.0])
    ),
    why="All three differences positive means a > b > c > a, which no point satisfies. Slope 0 gives 0, a "
    "Clarke gradient.",
)
