"""Jobs: copies of large folders, and copies into other drives, which the worker runs in steps."""
