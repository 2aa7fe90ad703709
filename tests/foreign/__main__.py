"""The table; see `tests.foreign`."""

from __future__ import annotations

import sys

from tests.foreign.judging import outcomes, table
from tests.foreign.libraries import LIBRARIES
from tests.frontends.outcomes import collected, faults


def main() -> int:
    """0 where nothing is wrong."""
    asked, told = [name for name in sys.argv[1:] if name != "--all"], "--all" in sys.argv
    chosen = {name: library for name, library in LIBRARIES.items() if not asked or name in asked}
    for name in set(asked) - set(LIBRARIES):
        print(f"no library {name!r}: {', '.join(LIBRARIES)}", file=sys.stderr)
        return 2
    found = {name: collected(outcomes(library), True) for name, library in chosen.items() if library.installed}
    for name in chosen.keys() - found.keys():
        print(f"{name} is not installed")
    if told:
        print("\n".join(str(outcome) for made in found.values() for outcome in made))
    print(table(found))
    return int(any(faults(made) for made in found.values()))


if __name__ == "__main__":
    sys.exit(main())
