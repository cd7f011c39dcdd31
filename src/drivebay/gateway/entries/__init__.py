"""Files, folders, the trash and downloads over HTTP."""
