"""The operation table, in rooms: linear, smooth, kinked."""

from absnormal.ops.convolution import CONVOLUTION
from absnormal.ops.kinked import KINKED
from absnormal.ops.linear import LINEAR
from absnormal.ops.smooth import SMOOTH
from absnormal.ops.table import Op, Table

TABLE = Table()
TABLE.add(*LINEAR, *SMOOTH, *KINKED, *CONVOLUTION)

__all__ = ["TABLE", "Op"]
