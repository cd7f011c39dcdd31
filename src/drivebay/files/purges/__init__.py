"""Purges: permanent deletions of objects, claimed under leases."""
