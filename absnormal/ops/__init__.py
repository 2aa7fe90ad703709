"""The operation table, family by family: linear, smooth, kinked (`absnormal.ops.kinks`)."""

from absnormal.ops.convolution import CONVOLUTION
from absnormal.ops.kinks import KINKS, Kink
from absnormal.ops.linear import LINEAR
from absnormal.ops.opaque import OPAQUE
from absnormal.ops.smooth import SMOOTH
from absnormal.ops.special import SPECIAL
from absnormal.ops.table import Op, Table

TABLE = Table()
TABLE.add(*LINEAR, *SMOOTH, *SPECIAL, *KINKS, *CONVOLUTION, OPAQUE)

#: Operations entry by entry, with broadcasting.
ENTRYWISE = frozenset({
    "where", *(row.name for row in (*SMOOTH, *SPECIAL, *KINKS) if row.kink is None or row.kink.rates),
})  # fmt: skip


def kink_of(op: str) -> Kink:
    """The kink that a kinked operation is."""
    kink = TABLE[op].kink
    assert kink is not None, op
    return kink


__all__ = ["ENTRYWISE", "TABLE", "Op", "kink_of"]
