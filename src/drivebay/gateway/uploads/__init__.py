"""Uploads over HTTP, one by one and in batches."""
