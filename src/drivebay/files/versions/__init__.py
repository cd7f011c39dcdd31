"""Versions: the current and old contents of files, and the objects that versions share."""
