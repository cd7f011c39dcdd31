"""Thumbnails of the contents of files, and the queue of those that the worker makes."""
