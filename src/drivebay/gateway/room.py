"""Room for requests: how many are inside, and whether one more may come in.

What could not be answered in time is refused at the door, where that costs next to nothing; inside it would
wait, and make everybody else wait as well. The bound moves: while most answers come late there is a queue
somewhere behind us, whoever's it is, and fewer are let in until it is gone.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge

WORK: Final = "work"
HASHING: Final = "hashing"
STREAMS: Final = "streams"
OPEN: Final = "open"
"""Rooms by name. Logins wait for a core each, so a rush of them has a room apart; so have requests whose bytes go
through us, which are long and hold two parts of a file each; who asks whether we live is let in always."""

LEAST: Final = 32
"""So many may always be inside: enough to keep a busy machine at work, too few to make a queue worth the name."""
PATIENCE: Final = 0.1
"""An answer that took longer, in seconds, is late."""
_JUDGE_EVERY: Final = 0.25
REFUSALS: Final = 2000
"""So many a second are refused at once. More would keep a good part of a core busy with nothing else."""
HOLD: Final = 0.5
"""Seconds for which others are kept waiting for their refusal, at most."""
_BURST: Final = 0.2

_INSIDE: Final = Gauge("drivebay_http_requests_inside", "Requests being worked on, by room", ["room"])
_LIMIT: Final = Gauge("drivebay_http_requests_limit", "How many may be worked on at the moment, by room", ["room"])
_SHED: Final = Counter("drivebay_http_requests_shed_total", "Requests refused because there was no room", ["room"])


class Room:
    """`most` is how many may ever be inside. `moves` is whether the bound goes down while answers are late.

    Who was let in by `enter` calls `leave` once. Times are of one clock, in seconds.
    """

    __slots__ = ("_held_to", "_judged_at", "_late", "_least", "_most", "_moves", "_shed", "inside", "limit", "shed")

    def __init__(self, name: str, most: int, *, moves: bool = False) -> None:
        self.inside = 0
        self.limit = most
        self.shed = 0
        self._most = most
        self._least = min(LEAST, most)
        self._moves = moves
        self._late = 0  # late answers since the last judgement, less those in time
        self._judged_at = 0.0
        self._held_to = 0.0  # when the last refusal is due, if they are given at an even pace
        self._shed = _SHED.labels(name)
        # Asked when somebody looks: a figure kept at each request would be dearer than the counting.
        _INSIDE.labels(name).set_function(lambda: self.inside)
        _LIMIT.labels(name).set_function(lambda: self.limit)

    def enter(self) -> bool:
        """Whether there is room; if so, one more is inside."""
        if self.inside >= self.limit:
            self.shed += 1
            self._shed.inc()
            return False
        self.inside += 1
        return True

    def hold(self, now: float) -> float:
        """For how many seconds to keep somebody waiting who finds no room.

        Clients that come back at once would else be refused so often that nobody is served: a waiting one
        costs nothing. A fifth of a second's worth goes at once, whatever was before.
        """
        self._held_to = max(self._held_to, now) + 1 / REFUSALS
        wait = self._held_to - now - _BURST
        if wait > HOLD:
            self._held_to = now + _BURST + HOLD
            return HOLD
        return max(0.0, wait)

    def leave(self, entered: float, now: float) -> None:
        self.inside -= 1
        self._late += 1 if now - entered > PATIENCE else -1
        if self._moves and now - self._judged_at >= _JUDGE_EVERY:
            self._judge(now)

    def step_out(self) -> None:
        """Make room while waiting for the client, who may be slow on purpose."""
        self.inside -= 1

    def step_in(self) -> None:
        """Back inside, whether or not it is full: who was let in once stays let in."""
        self.inside += 1

    def _judge(self, now: float) -> None:
        # The many decide: a few calls are slow by nature, and a few wrong ones are refused in no time. Where few
        # are inside, nobody is late because of the others.
        if self._late > 0 and self.inside >= self._least // 2:
            self.limit = max(self._least, self.limit * 3 // 4)
        else:
            self.limit = min(self._most, self.limit + max(1, self.limit // 16))
        self._late = 0
        self._judged_at = now


def rooms(most: int) -> dict[str, Room]:
    """The rooms of a gateway. A login takes as long as its queue, so lateness says nothing among those."""
    return {
        WORK: Room(WORK, most, moves=True),
        HASHING: Room(HASHING, most),
        STREAMS: Room(STREAMS, max(1, most // 4)),
        OPEN: Room(OPEN, 2**31),
    }
