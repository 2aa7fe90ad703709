"""The abs-only evaluation form: nodes, checking, listing."""
