"""`python -m tests.oracle.norms COUNT SEED [NAME ...]`: theorems about norms on random forms, judged by brute force.

Of every theorem, or of those named, COUNT cases from consecutive seeds; the exit status is 1 where one is refuted.  A
name of a wrong variant shows its smallest counterexample.  1,000 cases take two or three seconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from itertools import count, islice

from .claims import THEOREMS, Claim
from .drawn_forms import Claimed, Drawn
from .form import NormForm
from .refuted import refuted


def cases(claim: Claim, seed: int) -> Iterator[tuple[int, Claimed]]:
    """What is drawn from consecutive seeds where it meets the hypotheses."""
    for s in count(seed):
        drawn = claim(Drawn(s))
        if drawn is not None:
            yield s, drawn


def size(form: NormForm) -> tuple[int, int, int, int]:
    """How large a form is: blocks, inputs, entries, and entries that are not 0."""
    numbers = [a for block in form.blocks for row in (*block.R, *block.L) for a in row]
    return len(form.blocks), form.n, sum(form.sizes), sum(1 for a in (*numbers, *form.J, *form.Y) if a)


def shown(claim: Claim, seed: int) -> str:
    """A case, to be done by hand."""
    drawn = claim(Drawn(seed))
    assert drawn is not None
    form, c = drawn

    def text(rows: object) -> str:
        return str(rows) if not isinstance(rows, tuple) else f"[{', '.join(map(text, rows))}]"

    parts = [f"z{i} = {text(block.R)} d + {text(block.L)} |z|" for i, block in enumerate(form.blocks)]
    parts += [f"y = {text(form.J)} d + {text(form.Y)} |z|", f"c = {text(c)}", f"g_c = {text(form.gradient(c))}"]
    return "; ".join(parts)


def main(arguments: list[str]) -> int:
    if len(arguments) < 2 or not all(a.isdigit() for a in arguments[:2]):
        print("usage: python -m tests.oracle.norms COUNT SEED [NAME ...]")
        return 2
    number, seed, names = int(arguments[0]), int(arguments[1]), arguments[2:]
    claims = [claim for theorem, wrong in THEOREMS.items() for claim in (theorem, *wrong)]
    chosen = [claim for claim in claims if claim.__name__ in names] if names else [*THEOREMS]
    failed = False
    for claim in chosen:
        start = time.perf_counter()
        found = {s: case[0] for s, case in islice(cases(claim, seed), number) if refuted(*case, s)}
        taken = time.perf_counter() - start
        print(f"{claim.__name__}: {number} cases, {len(found)} refuted, {taken:.0f} s", flush=True)
        if found:
            least = min(found, key=lambda s: size(found[s]))
            print(f"    {least}: {shown(claim, least)}")
        failed |= bool(found) and claim in THEOREMS
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
