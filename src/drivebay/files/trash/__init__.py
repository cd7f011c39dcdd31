"""The trash: entries that can be restored until their grace period ends."""
