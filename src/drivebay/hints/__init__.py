"""Hints: messages that a drive has changed. They wake requests that wait for changes.

A hint may be lost, repeated or late, and carries no data. Who gets one reads the change feed, and looks there from time
to time without one.
"""

from .hint_channel import HintChannel

__all__ = ["HintChannel"]
