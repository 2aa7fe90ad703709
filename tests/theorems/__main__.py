"""`python -m tests.theorems COUNT SEED [THEOREM]`: so many random exact cases for every theorem, a line a theorem.

With the name of a theorem it alone is asked, about cases from where its own tests have them.  The exit status is 1
where a theorem says what the oracle does not.  Each case is asked about as it is, and as if its switches were too many
to be listed.  On one core 1,000 cases take about a minute.  What is known of another program for the same function is
asked about cases of its own: is it the same function, and are verdicts by it right?
"""

from __future__ import annotations

import sys

from absnormal.judgement.ladder import RUNGS

from .campaign import OWN, REWRITINGS, SOURCES, campaign, named, rewritten


def main(arguments: list[str]) -> int:
    rungs = [rung for rung in RUNGS if named(rung) in (arguments[2:] or [named(rung)])]
    others = [name for name in REWRITINGS if name in (arguments[2:] or [name])]
    if len(arguments) not in (2, 3) or not rungs + others:
        print("usage: python -m tests.theorems COUNT SEED [THEOREM]")
        return 2
    source = OWN.get(arguments[-1], SOURCES)
    count, seed = int(arguments[0]), int(arguments[1])
    tallies = campaign(count, seed, rungs, source) if rungs else {}
    tallies |= {name: rewritten(name, count, seed) for name in others}
    for name, tally in tallies.items():
        print(f"{name:42} {tally.cases:8} cases {tally.decided:8} decided {len(tally.wrong):4} wrong"
              f" {tally.seconds:8.1f} s")
    faults = [(name, a) for name, tally in tallies.items() for a in tally.wrong]
    for name, a in faults:
        print(f"{name} is wrong: {a}")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
