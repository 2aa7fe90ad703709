"""The NumPy front end: arrays that record what is done with them, and a table a kind of operation."""
