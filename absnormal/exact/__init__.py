"""Rational arithmetic: linear forms of switching variables, linear programs, ranks, certificates and their checker."""
