"""Jobs: copies of large folders, which the worker runs in steps."""
