"""Token buckets in PostgreSQL, and the networks from which accounts logged in."""
