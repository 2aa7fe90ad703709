"""All models, precisions and plants; exit status 1 where something is wrong."""

from __future__ import annotations

import sys
import time
from collections import Counter

import torch

from tests.planted.campaign import faults_of, own, wrong
from tests.planted.models import DEEP, SHALLOW

SEEDS = 10
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def main(names: list[str]) -> int:
    torch.set_num_threads(1)
    counts: Counter[str] = Counter()
    faults = 0
    precisions = [PRECISIONS[name] for name in names if name in PRECISIONS] or [*PRECISIONS.values()]
    chosen = [name for name in names if name not in PRECISIONS] or [*SHALLOW, *DEEP]
    for dtype in precisions:
        for name in chosen:
            start = time.perf_counter()
            told: Counter[str] = Counter()
            outcomes = [*(own(name, dtype, seed) for seed in range(SEEDS)), *wrong(name, dtype, 0)]
            for outcome in outcomes:
                told[("own " if outcome.plant == "none" else "planted ") + outcome.verdict] += 1
                for fault in faults_of(outcome, dtype):
                    faults += 1
                    print(f"{fault}: {outcome}")
            counts += told
            print(f"{name} {dtype}: {dict(told)}  {time.perf_counter() - start:.0f} s", flush=True)
    print(f"{faults} faults; {dict(counts)}")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
