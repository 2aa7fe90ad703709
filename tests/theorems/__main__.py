"""`python -m tests.theorems COUNT SEED [THEOREM]`: so many random exact cases for every theorem, a line a theorem.

With the name of a theorem it alone is asked, about cases from where its own tests have them.  The exit status is 1
where a theorem says what the oracle does not.  Each case is asked about as it is, and as if its switches were too many
to be listed.  On one core 1,000 cases take about a minute.
"""

from __future__ import annotations

import sys

from absnormal.judgement.ladder import RUNGS

from .campaign import OWN, SOURCES, campaign, named


def main(arguments: list[str]) -> int:
    rungs = [rung for rung in RUNGS if named(rung) in (arguments[2:] or [named(rung)])]
    if len(arguments) not in (2, 3) or not rungs:
        print("usage: python -m tests.theorems COUNT SEED [THEOREM]")
        return 2
    source = OWN.get(arguments[-1], SOURCES)
    tallies = campaign(int(arguments[0]), int(arguments[1]), rungs, source)
    for name, tally in tallies.items():
        print(f"{name:42} {tally.cases:8} cases {tally.decided:8} decided {len(tally.wrong):4} wrong"
              f" {tally.seconds:8.1f} s")
    faults = [(name, a) for name, tally in tallies.items() for a in tally.wrong]
    for name, a in faults:
        print(f"{name} is wrong: {a}")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
