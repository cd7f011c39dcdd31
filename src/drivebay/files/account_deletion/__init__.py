"""The data of a deleted account: its drive is emptied, and its permissions and memberships in other drives end."""
