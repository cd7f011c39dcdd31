"""Search over names."""
