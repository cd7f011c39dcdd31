"""Formats that several services write: ZIP files, values of HTTP headers, and cursors. They depend on no service."""
