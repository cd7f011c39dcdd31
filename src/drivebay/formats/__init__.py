"""Formats that several services write: ZIP files, and values of HTTP headers. They do not depend on services."""
