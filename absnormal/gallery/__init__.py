"""Examples with known answers: everyday functions at points where the gradient of an AD tool may be wrong.

Each example is an attribute of this package and can be called like its function; `examples` lists them, `get`
finds one by name. `digits` and `networks` hold larger problems with hand-written gradients.
"""

from __future__ import annotations

from absnormal.gallery import digits, networks
from absnormal.gallery.catalogue import examples, get
from absnormal.gallery.example import Example, Problem
from absnormal.gallery.kink_examples import (
    coupled_abs,
    cyclic_abs,
    cyclic_relu,
    identity,
    largest_entry,
    leaky_relu,
    maxmin,
    maxmin_swapped,
    nested_abs,
    nested_max,
    relu_by_where,
    soft_threshold,
    stable_cross_entropy,
    stable_cross_entropy_swapped,
)
from absnormal.gallery.model_examples import (
    antipodal_batch,
    dense_network,
    dense_network_on_a_batch,
    hinge_loss,
    least_squares,
    pinball_loss,
    rosenbrock,
    rosenbrock_at_minimiser,
    total_variation,
)

__all__ = [
    "Example",
    "Problem",
    "antipodal_batch",
    "coupled_abs",
    "cyclic_abs",
    "cyclic_relu",
    "dense_network",
    "dense_network_on_a_batch",
    "digits",
    "examples",
    "get",
    "hinge_loss",
    "identity",
    "largest_entry",
    "leaky_relu",
    "least_squares",
    "maxmin",
    "maxmin_swapped",
    "nested_abs",
    "nested_max",
    "networks",
    "pinball_loss",
    "relu_by_where",
    "rosenbrock",
    "rosenbrock_at_minimiser",
    "soft_threshold",
    "stable_cross_entropy",
    "stable_cross_entropy_swapped",
    "total_variation",
]
