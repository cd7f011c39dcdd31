"""Uploads become files soon after their bytes are in the store, because the store says so; and anyway.

An event is a hint that makes it fast. `sweep` finds what no event told us about.
"""
