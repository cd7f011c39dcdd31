"""Fuzzing what reads bytes of strangers: `make fuzz SECONDS=600`.

`targets.py` says what must hold for any input; `__main__.py` runs each target in turn, `child.py` is the process
that it runs in. An input that broke something is kept in `inputs/`, where the test suite tries it ever after.
"""
