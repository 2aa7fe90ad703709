"""`python -m tests.theorems COUNT SEED`: so many random exact cases for every theorem, a line a theorem.

The exit status is 1 where a theorem says what the oracle does not.  Each case is asked about as it is, and as if its
switches were too many to be listed.  On one core 1,000 cases take about a minute.
"""

from __future__ import annotations

import sys

from .campaign import campaign


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print("usage: python -m tests.theorems COUNT SEED")
        return 2
    tallies = campaign(*map(int, arguments))
    for name, tally in tallies.items():
        print(f"{name:42} {tally.cases:8} cases {tally.decided:8} decided {len(tally.wrong):4} wrong"
              f" {tally.seconds:8.1f} s")
    faults = [(name, a) for name, tally in tallies.items() for a in tally.wrong]
    for name, a in faults:
        print(f"{name} is wrong: {a}")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
