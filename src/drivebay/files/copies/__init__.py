"""Copies of files and folders, whose versions share the objects of the originals."""
