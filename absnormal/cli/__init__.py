"""The command `absnormal`: one module a subcommand, each with the parser of its arguments and the work.

Exit status: 0 CLARKE everywhere, 1 NOT_CLARKE somewhere, 2 bad usage, a function that cannot be analysed or ends the
program, or nothing that could be judged, 3 UNDECIDED somewhere and nothing worse, 130 after Ctrl-C.
"""

from absnormal.cli.main import main
from absnormal.cli.targets import load, numbers

__all__ = ["load", "main", "numbers"]
