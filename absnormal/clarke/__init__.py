"""The generalized gradient explicitly: one certified element, open cells, the whole set."""
