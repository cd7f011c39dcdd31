"""Versions of files over HTTP."""
