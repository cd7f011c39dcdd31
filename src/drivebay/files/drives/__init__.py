"""Shared drives, their members, and access to drives."""
