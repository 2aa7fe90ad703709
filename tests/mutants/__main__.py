"""`python -m tests.mutants`: which broken lines no test notices.

    python -m tests.mutants                 all; about two hours on one core
    python -m tests.mutants -j 2            two copies at a time
    python -m tests.mutants checker likq    those whose file or text holds one of these words
    python -m tests.mutants --list          what would be tried, with its number
    python -m tests.mutants --campaign norms 1000 norm
                                            which of them 1,000 cases of a campaign notice, and no test is run

The test that notices a mutant is run once more without it, and must pass.  The exit status is 1 where more than
one mutant in twenty survives, and 2 where a mutant is no longer found in the source or a test fails without any.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from .mutant import ROOT, Judge, Mutant, by_campaign, by_tests, copied, tried
from .tables import MUTANTS

#: The part of the mutants that may survive.
ALLOWED = 0.05


def chosen(words: list[str]) -> list[tuple[int, Mutant]]:
    """The mutants, numbered, whose file or text holds one of the words."""
    numbered = list(enumerate(MUTANTS))
    return [(i, m) for i, m in numbered if not words or any(word in f"{m.file} {m.old} {m.new}" for word in words)]


def missing(mutants: list[tuple[int, Mutant]]) -> list[str]:
    """What is wrong with the table: texts that are not found, or more than once."""
    said = []
    for number, mutant in mutants:
        try:
            mutant.broken((ROOT / "absnormal" / mutant.file).read_text(encoding="utf-8"))
        except (LookupError, OSError) as error:
            said.append(f"{number}: {error}")
    return said


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description="Which broken lines no test notices.")
    parser.add_argument("words", nargs="*", help="parts of file names or of texts; all by default")
    parser.add_argument("-j", "--jobs", type=int, default=1, help="copies at a time")
    parser.add_argument("--list", action="store_true", help="only list them")
    parser.add_argument("--campaign", nargs=2, metavar=("FRONT", "CASES"), help="let a campaign notice them, not tests")
    options = parser.parse_args(arguments)
    mutants = chosen(options.words)
    wrong = missing(mutants)
    if wrong or not mutants:
        print("\n".join(wrong or ["no mutant holds these words"]))
        return 2
    if options.list:
        for number, mutant in mutants:
            print(f"{number}\n{mutant.diff()}")
        return 0
    judge = by_campaign(options.campaign[0], int(options.campaign[1])) if options.campaign else by_tests
    with tempfile.TemporaryDirectory() as folder:
        try:
            survivors = _survivors(mutants, options.jobs, Path(folder), judge)
        except RuntimeError as error:
            print(error)
            return 2
    for number, mutant in survivors:
        print(f"\n{number} survives {', '.join(options.campaign or mutant.tests)}:\n{mutant.diff()}")
    print(f"{len(mutants) - len(survivors)} of {len(mutants)} noticed")
    return int(len(survivors) > ALLOWED * len(mutants))


def _survivors(
    mutants: list[tuple[int, Mutant]], jobs: int, folder: Path, judge: Judge
) -> list[tuple[int, Mutant]]:
    """Those that nothing notices; an error at the end where something was noticed without any mutant."""
    copies: SimpleQueue[Path] = SimpleQueue()
    failing: list[str] = []
    for number in range(jobs):
        (folder / str(number)).mkdir()
        copies.put(copied(folder / str(number)))

    def trial(numbered: tuple[int, Mutant]) -> str:
        number, mutant = numbered
        own, start = copies.get(), time.monotonic()
        try:
            found = tried(mutant, own, judge)
        except RuntimeError as error:
            found = str(error)
            failing.append(f"{number}: {error}")
        finally:
            copies.put(own)
        print(f"{number:3} {mutant.file}: {found or 'SURVIVES'} ({time.monotonic() - start:.0f} s)", flush=True)
        return found

    with ThreadPoolExecutor(jobs) as pool:
        found = list(pool.map(trial, mutants))
    if failing:
        raise RuntimeError("\n".join(failing))
    return [numbered for numbered, notice in zip(mutants, found, strict=True) if not notice]


if __name__ == "__main__":
    sys.exit(main())
