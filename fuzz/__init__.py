"""Fuzzing of everything that parses bytes of clients, stores and other processes: `make fuzz SECONDS=600`.

`targets.py` lists the targets, functions that fail if a promise is broken for an input. `__main__.py` runs each target
in a process of its own (`fuzz_process.py`). An input that broke a target is kept in `inputs/`, and the test suite runs
all kept inputs.
"""
