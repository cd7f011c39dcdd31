"""The usage row of each drive: its lock, its bytes and its limit."""
