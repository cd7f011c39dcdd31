"""Files and folders outside the trash."""
