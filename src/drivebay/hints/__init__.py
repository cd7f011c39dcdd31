"""Hints: messages that a drive has changed, or that sessions have ended.

A hint may be lost, repeated or late. It contains at most the id of the drive, so its receiver reads the change feed or
the list of ended sessions. The receiver also polls them from time to time, because hints may be lost.
"""

from .hint_channel import HintChannel

__all__ = ["HintChannel"]
