"""Versions: the contents that files have and had, and the objects that versions share."""
