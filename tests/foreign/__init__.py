"""Are losses, layers and filters of other libraries judged, or refused for a reason that a user accepts?

    python -m tests.foreign [--all] [LIBRARY ...]  all cases of the libraries that are installed, and a table
    python -m tests.foreign.once_refused [--all]   what was once refused of code for torch, kind by kind
    python -m pytest tests/foreign/checks.py     the same as tests
    python -m tests.foreign.autograd_tests [--all] [FOLDER]     what autograd's own tests check, see there

A function runs at random points and at degenerate ones: zeros, equal rows, rows that occur twice.  It is *followed*
where there is a program, whose value is that of the function; *decided* where there is a verdict.  Where no kink is
active, the certified gradient is held against the library's own; at all points the slopes of the program are held
against differences of values, which a jump has none of.  The libraries belong to no extra of the package, so that the
job is one of its own (`.github/workflows/nightly.yml`).
"""
