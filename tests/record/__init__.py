"""A frozen record of behaviour: `python -m tests.record` compares every verdict with the one on file.

Groups of cases (`cases`) are run one by one; what a case gives (`outcome`: verdict, method, gradients, certificate,
notes) is held against its line in ``tests/data/record`` (`comparison`, `files`).  A difference is shown case by case.
A change that is meant is recorded anew with ``--write``, in a commit of its own whose message says why.
"""
