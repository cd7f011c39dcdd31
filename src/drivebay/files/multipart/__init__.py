"""Uploads in parts: parts, their checksums and their assembly."""
