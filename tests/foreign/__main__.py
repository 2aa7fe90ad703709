"""The table; see `tests.foreign`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tests.foreign.judging import outcomes, table
from tests.foreign.libraries import LIBRARIES
from tests.frontends.outcomes import Outcome, collected, faults


def _shown(found: Iterator[Outcome]) -> Iterator[Outcome]:
    """Outcomes, printed as they come."""
    for outcome in found:
        print(outcome, flush=True)
        yield outcome


def main() -> int:
    """0 where nothing is wrong."""
    asked, told = [name for name in sys.argv[1:] if name != "--all"], "--all" in sys.argv
    chosen = {name: library for name, library in LIBRARIES.items() if not asked or name in asked}
    for name in set(asked) - set(LIBRARIES):
        print(f"no library {name!r}: {', '.join(LIBRARIES)}", file=sys.stderr)
        return 2
    found = {
        name: collected(_shown(outcomes(library)) if told else outcomes(library), not told)
        for name, library in chosen.items() if library.installed}
    for name in chosen.keys() - found.keys():
        print(f"{name} is not installed")
    print(table(found))
    return int(any(faults(made) for made in found.values()))


if __name__ == "__main__":
    sys.exit(main())
