"""Commits: the step that turns a pending upload into a file."""
