"""Links to files and folders, for people without an account."""
