"""One test file a theorem: the counterexamples to its shortcuts, fuzz against the oracle, planted wrong rules."""
