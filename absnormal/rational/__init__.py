"""Rational arithmetic that knows nothing of programs: ranks, linear programs, theorems of the alternative."""
