"""Scans of the bucket: their positions and leases."""
