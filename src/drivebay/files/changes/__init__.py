"""The change feed of a drive."""
