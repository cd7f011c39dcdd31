"""Drives and their members over HTTP."""
