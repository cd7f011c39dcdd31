"""Archives: the list of entries of each ZIP file."""
