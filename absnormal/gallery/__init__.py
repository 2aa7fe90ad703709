"""Examples with known answers: everyday functions at points where the gradient of an AD tool may be wrong.

Each example is an attribute of this package and can be called like its function; `examples` lists them, `get`
finds one by name. `digits` and `networks` hold larger problems with hand-written gradients.
"""

from __future__ import annotations

from absnormal.gallery import digits, kink_examples, model_examples, networks
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

def examples() -> dict[str, Example]:
    """All examples by name, those of a few numbers first.

    Returns
    -------
    dict
        name -> `Example`

    >>> examples()["nested_max"].slope
    0.0
    """
    known = (*vars(kink_examples).values(), *vars(model_examples).values())
    return {example.name: example for example in known if isinstance(example, Example)}


def get(name: str) -> Example:
    """The example of that name.

    Parameters
    ----------
    name
        a key of `examples`

    Returns
    -------
    Example
        with its function, its point and its verdict

    Raises
    ------
    KeyError
        for a name that is not in the gallery, with the names that are

    >>> get("identity").verdict
    'NOT_CLARKE'
    """
    known = examples()
    if name not in known:
        raise KeyError(f"no example {name!r} in the gallery, which has: {', '.join(known)}")
    return known[name]
