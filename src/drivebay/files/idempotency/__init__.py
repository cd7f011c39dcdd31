"""Idempotency keys and the results of the requests that used them."""
