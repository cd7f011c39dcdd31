"""The ingest service: turns uploads into files soon after their bytes are in the store.

Events of the store only make this faster. The `sweeper` finds the uploads that no event reported.
"""
