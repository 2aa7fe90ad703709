"""The operation table, family by family: linear, smooth, kinked (`absnormal.ops.kinks`)."""

from absnormal.ops.convolution import CONVOLUTION
from absnormal.ops.kinks import KINKS, Kink
from absnormal.ops.linear import LINEAR
from absnormal.ops.opaque import OPAQUE
from absnormal.ops.smooth import SMOOTH as _SMOOTH
from absnormal.ops.special import SPECIAL
from absnormal.ops.standardized import STANDARDIZED
from absnormal.ops.table import Maps, Op, Table

#: Smooth operations entry by entry.
SMOOTH = (*_SMOOTH, *SPECIAL)

TABLE = Table()
TABLE.add(*LINEAR, *SMOOTH, *KINKS, *CONVOLUTION, STANDARDIZED, OPAQUE)

#: Operations entry by entry, with broadcasting.
ENTRYWISE = frozenset({
    "where", *(row.name for row in (*SMOOTH, *KINKS) if row.kink is None or row.kink.rates),
})  # fmt: skip

#: Smooth operations that take all entries along axes together.
ALONG = frozenset({"prod", "logsumexp", STANDARDIZED.name})


def maps_of(op: str) -> Maps:
    """The local derivative of an operation that is not kinked, from its arguments and its value."""
    maps = TABLE[op].maps
    assert maps is not None, op
    return maps


def kink_of(op: str) -> Kink:
    """The kink that a kinked operation is."""
    kink = TABLE[op].kink
    assert kink is not None, op
    return kink


__all__ = ["ALONG", "ENTRYWISE", "SMOOTH", "TABLE", "Op", "kink_of", "maps_of"]
