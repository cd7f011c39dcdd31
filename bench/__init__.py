"""Speed, as figures and ratios: `make bench` or `python -m bench [part ...]`. Results go to `bench/results/`.

Absolute figures are of the machine they were taken on; ratios within one run are what to compare. Each
figure is the median of several runs. `python -m bench load` is apart: minutes of users, then too many of them.
"""
