"""Drivebay, a cloud-storage backend. Start reading at `contract/`, then `node.py`."""

__version__ = "0.1.0"
