"""Webhooks: the changes of a drive are sent to a URL."""
