"""Certificates: evidence, its check against the program, and a checker that shares no code with the search."""
