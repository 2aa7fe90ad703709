"""`python -m tests.record`: compares today's behaviour with the record, or writes it anew.

    python -m tests.record                    all groups; about 9 minutes on one core, 6 with -j 2
    python -m tests.record --sample           a fixed sample; under a minute
    python -m tests.record gallery jax        some groups
    python -m tests.record --write [groups]   record anew: in a commit of its own whose message says why

The exit status is 1 where behaviour differs or a case vanished.  Cases that are new are shown.  Digits that another
machine may round differently are counted; with ``--bits`` they are shown, and are differences.
"""

from __future__ import annotations

import argparse
import sys
import time

from .comparison import Difference, compare
from .files import read, recorded_versions, versions, write, write_versions
from .groups import GROUPS, run


def differences(group: str, sample: bool = False, jobs: int = 1) -> tuple[list[Difference], int]:
    """What differs in a group from the record, and how many cases were run."""
    old, new = read(group), run(group, sample, jobs)
    names = dict.fromkeys([*({} if sample else old), *new])
    exact = GROUPS[group].exact
    return [d for name in names for d in compare(name, old.get(name), new.get(name), exact)], len(new)


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.record", description="Compare behaviour with the record.")
    parser.add_argument("groups", nargs="*", choices=[*GROUPS, []], help="which groups; all by default")
    parser.add_argument("--write", action="store_true", help="record anew")
    parser.add_argument("--sample", action="store_true", help="compare a fixed sample only")
    parser.add_argument("--bits", action="store_true", help="digits count, and are shown")
    parser.add_argument("-j", "--jobs", type=int, default=1, help="processes for the random programs")
    options = parser.parse_args(arguments)
    if options.write and options.sample:
        parser.error("a sample cannot be written")
    for package, version in recorded_versions().items():
        if versions().get(package) != version:
            print(f"recorded with {package} {version}, here {versions().get(package)}")
    failed = False
    for group in options.groups or GROUPS:
        start = time.monotonic()
        if options.write:
            outcomes = run(group, jobs=options.jobs)
            write(group, outcomes)
            print(f"{group}: {len(outcomes)} cases written in {time.monotonic() - start:.0f} s", flush=True)
            continue
        found, count = differences(group, options.sample, options.jobs)
        for difference in found:
            if options.bits or not difference.digits:
                print(f"{group} / {difference}")
        wrong = {d.case for d in found if d.counts(options.bits)}
        failed |= bool(wrong)
        digits, seconds = len({d.case for d in found if d.digits} - wrong), time.monotonic() - start
        print(f"{group}: {count} cases, {len(wrong)} differ, {digits} in digits only, {seconds:.0f} s", flush=True)
    if options.write:
        write_versions()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
