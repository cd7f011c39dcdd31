"""The deletion of a whole drive: everything in it goes to the trash and is purged."""
