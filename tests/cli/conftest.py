"""A shell that starts tests in the background makes them ignore signals; commands meet signals as in a terminal."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def signals_as_in_a_terminal() -> Iterator[None]:
    """Ctrl-C and the end of a terminal do what they do by default, in the processes that a test starts, too."""
    held = {end: signal.getsignal(end) for end in (signal.SIGINT, signal.SIGHUP)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for end, handler in held.items():
        signal.signal(end, handler)
