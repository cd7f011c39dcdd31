"""Copies of files and folders into other drives, whose bytes the store copies."""
