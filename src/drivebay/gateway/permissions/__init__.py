"""Permissions on items over HTTP, and what is shared with a user."""
