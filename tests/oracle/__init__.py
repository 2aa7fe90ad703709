"""An exact brute-force oracle on rationals for scalar piecewise-linear programs; it shares no code with the package."""
