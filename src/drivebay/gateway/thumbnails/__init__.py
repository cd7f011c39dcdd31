"""Thumbnails of files."""
