"""The usage row of each owner: its lock, its bytes and its limit."""
