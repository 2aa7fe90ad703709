"""`python -m tests.frontier [WORD ...]`: problems whose family or name holds a word, a line a family.

The exit status is 1 where a verdict is wrong or takes longer than its budget.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict

from .grid import problems
from .problem import outcome


def main(words: list[str]) -> int:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    faults = 0
    for problem in problems():
        if words and not any(word in f"{problem.family}: {problem.name}" for word in words):
            continue
        found = outcome(problem)
        counts[problem.family][found.verdict] += 1
        told = [word for word, is_so in (("WRONG", found.wrong), ("OVER", found.over)) if is_so]
        faults += len(told)
        if told or found.verdict not in ("CLARKE", "NOT_CLARKE"):
            print(f"{problem.family}: {problem.name}: {found.verdict} ({found.method}), {found.seconds:.1f} s",
                  *told, flush=True)
    everything: Counter[str] = sum(counts.values(), Counter())
    for family, own in (*counts.items(), ("all", everything)):
        open_ = 100 * (own["UNDECIDED"] + own["refused"]) / max(1, own.total())
        print(f"{family:22} {own.total():4} problems, {open_:4.1f} % open   {dict(own)}")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
