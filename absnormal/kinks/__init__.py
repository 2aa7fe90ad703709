"""Going to the kinks: which are near a point, and where a segment meets them."""

from absnormal.kinks.near import KinksNear, kinks_near
from absnormal.kinks.segment import Kink, Kinks, find_kink

__all__ = ["Kink", "Kinks", "KinksNear", "find_kink", "kinks_near"]
