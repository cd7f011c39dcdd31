"""Invariants, dead letters, the backlog and health."""
