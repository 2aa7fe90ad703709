"""Sweeps: the only numerical contact with a program. Four verbs, and the accumulation of sparse rows."""
