"""All models, precisions and plants; exit status 1 where something is wrong."""

from __future__ import annotations

import sys
import time
from collections import Counter

import torch

from tests.planted.campaign import LIMITS, faults_of, own, wrong
from tests.planted.subjects import SUBJECTS, subject

SEEDS = 10
#: The part of the models' own gradients in bfloat16 that may be left open.
_OPEN = 0.05


def main(names: list[str]) -> int:
    torch.set_num_threads(1)
    counts: Counter[str] = Counter()
    faults = 0
    precisions = [name for name in names if name in LIMITS] or [*LIMITS]
    chosen = [name for name in names if name not in LIMITS] or [*SUBJECTS]
    for precision in precisions:
        told_all: Counter[str] = Counter()
        for name in chosen:
            start = time.perf_counter()
            told: Counter[str] = Counter()
            outcomes = [*(own(subject(name, precision, seed)) for seed in range(SEEDS)),
                        *wrong(subject(name, precision, 0))]  # fmt: skip
            for outcome in outcomes:
                told[("own " if outcome.plant == "none" else "planted ") + outcome.verdict] += 1
                for fault in faults_of(outcome):
                    faults += 1
                    print(f"{fault}: {outcome}")
            told_all += told
            print(f"{name} {precision}: {dict(told)}  {time.perf_counter() - start:.0f} s", flush=True)
        if told_all["own UNDECIDED"] > _OPEN * SEEDS * len(chosen):
            faults += 1
            print(f"too many of the models' own gradients are left open in {precision}")
        counts += told_all
    print(f"{faults} faults; {dict(counts)}")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
