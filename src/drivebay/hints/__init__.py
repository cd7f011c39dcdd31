"""Hints: messages that a drive has changed. They wake requests that wait for changes.

A hint may be lost, repeated or late, and has no data. A receiver of a hint reads the change feed. It also polls the
feed from time to time, because hints may be lost.
"""

from .hint_channel import HintChannel

__all__ = ["HintChannel"]
