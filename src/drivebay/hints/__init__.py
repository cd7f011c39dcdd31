"""Hints: messages that a drive has changed. They wake requests that wait for changes.

A hint may be lost, repeated or late. It contains only the id of the drive, so its receiver reads the change feed. The
receiver also polls the feed from time to time, because hints may be lost.
"""

from .hint_channel import HintChannel

__all__ = ["HintChannel"]
