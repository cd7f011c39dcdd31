"""Permissions on items over HTTP, and the items that are shared with a user."""
