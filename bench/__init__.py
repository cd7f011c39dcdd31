"""Benchmarks: `make bench` or `python -m bench [part ...]`. Results are written to `bench/results/`.

Absolute figures depend on the machine, so compare ratios within one run. Each figure is the median of several runs.
`python -m bench load` runs simulated users for minutes, then an overload.
"""
