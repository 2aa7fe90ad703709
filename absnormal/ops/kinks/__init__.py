"""The table of kinks: a class each, in a file of its own (`absnormal.ops.kinks.kink` says how to add one)."""

from absnormal.ops.kinks.affine import Affine
from absnormal.ops.kinks.fold import Fold
from absnormal.ops.kinks.kink import Kink
from absnormal.ops.kinks.maximum import Maximum
from absnormal.ops.kinks.norm import Norm
from absnormal.ops.kinks.order import Order
from absnormal.ops.kinks.select import Select
from absnormal.ops.table import Op


def row(kink: Kink) -> Op:
    """The row of a kink in the operation table."""
    return Op(kink.name, kink.value, None, "kinked", show=kink.show, kink=kink, shape=kink.shape)


#: The modulus, in which equal kinks are merged.
AFFINE = Affine()
#: The 2-norm, which roots of sums of squares are.
NORM = Norm()

KINKS = tuple(row(kink) for kink in (AFFINE, Maximum(), Select(), Fold(), NORM, Order()))

__all__ = ["AFFINE", "KINKS", "NORM", "Kink"]
