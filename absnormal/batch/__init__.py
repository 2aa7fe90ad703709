"""Verdicts at many points, as a stream of records."""

from absnormal.batch.stream import Sweep, sweep

__all__ = ["Sweep", "sweep"]
