"""Archives: several files and folders as one ZIP file, made while a client reads it."""
