"""Functions of six numbers as people write them with NumPy and SciPy: a module a field, its table `SNIPPETS`."""
