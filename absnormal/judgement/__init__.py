"""From a traced call to a verdict, one way for all front ends (THEORY 6.3).

`flow` is that way; `ladder` has the theorems in their order, `comparison` holds the tool's own vector next to the
modelled one, `vector` decides about a bare vector, and `tolerances` says how far apart two vectors may be.
"""
