"""All metadata and every rule about it: uploads, files, folders, quota, trash and what is to be purged."""
