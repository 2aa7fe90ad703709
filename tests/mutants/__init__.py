"""Broken lines that the tests must notice: `python -m tests.mutants` breaks them one at a time, in a copy.

A `mutant.Mutant` is a line of the package and what it is turned into: an operator, a sign, a bound, a guard.  `tables`
lists them with the test files that concern them.  Each is put into a scratch copy of the repository, and its test files
are run until the first failure; a mutant with which all of them pass survives, and is shown as a diff.
"""
