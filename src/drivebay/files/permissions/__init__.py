"""Permissions on items, and which items an access reaches."""
