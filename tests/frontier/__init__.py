"""A grid of realistic degenerate problems: how many are decided, by family (`python -m tests.frontier`)."""
