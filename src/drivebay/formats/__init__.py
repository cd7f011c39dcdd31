"""Formats that several services write: ZIP files, and values of HTTP headers. Nothing here knows a service."""
