"""Drivebay, a cloud-storage backend. Start reading at `contract/`, then `node.py`."""
