"""Uploads: intents, their records and their completion."""
