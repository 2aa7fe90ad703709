"""`python -m tests.campaigns [-x] FRONT COUNT SEED`: verdicts on programs drawn from consecutive seeds.

FRONT is numpy, torch, jax or onnx; norms, torch-norms or jax-norms: functions with norms, which an oracle of their own
judges; claims: such functions of which theorems, and wrong variants of them, claim something; weights: given vectors
for NumPy functions some of whose derivatives are lost in the rounding of values; or masks and thresholds: functions
that read and write by tied masks, or have thresholds of |x|, which differences of values judge.  The exit status is 1
where something is wrong; with -x the campaign ends there.  Of each program the verdict is compared with the oracle's,
the certified gradient too, and certificates are checked, next to their program and alone: those of functions with norms
in one case of four.  On one core 100,000 verdicts of numpy take about half an hour, 10,000 of torch a quarter of one,
of onnx ten minutes, of norms twelve, of claims five, of torch-norms half an hour, of weights ten minutes, of jax an
hour, of jax-norms two: most of their time is compilation.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from itertools import count, islice

from .campaign import FRONTS, run


def main(arguments: list[str]) -> int:
    until_first = arguments[:1] == ["-x"]
    arguments = arguments[until_first:]
    if len(arguments) != 3 or arguments[0] not in FRONTS:
        print(f"usage: python -m tests.campaigns [-x] {'|'.join(FRONTS)} COUNT SEED")
        return 2
    front, cases, seed = arguments[0], int(arguments[1]), int(arguments[2])
    start, wrong, seen = time.perf_counter(), 0, Counter[tuple[str, str]]()
    for done, (verdict, found) in enumerate(islice(run(front, count(seed)), cases), 1):
        seen[verdict] += 1
        wrong += len(found)
        for line in found:
            print(line, flush=True)
        if found and until_first:
            return 1
        if done == cases or done % 500 == 0:
            print(f"{done} of {front} from seed {seed}: {wrong} wrong, {time.perf_counter() - start:.0f} s", flush=True)
    for (name, kind), number in sorted(seen.items()):
        print(f"{number:8} {name:12} {kind}")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
