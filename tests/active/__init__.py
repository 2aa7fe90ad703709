"""Linear forms, and rows that are equal or zero."""
