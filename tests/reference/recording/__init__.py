"""A second, independent reading of docs/design/recording-format.md, in plain Python.

It is documentation that runs: written from the page alone, slow and short. The engine's crate and
this package are held against the same vectors in `tests/vectors/recording`.
"""
