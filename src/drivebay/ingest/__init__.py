"""The ingest service: turns uploads into files soon after their bytes are in the store.

With events of the store, this happens at once. The `sweeper` finds the uploads that no event reported.
"""
