"""A place for unfinished uploads, and content that tells where it is wrong."""

from __future__ import annotations

from random import Random

from drivebay.client import Begun, Unfinished

MIB = 2**20


class Kept:
    """Implements `Resume` in memory: what a second process would find."""

    def __init__(self) -> None:
        self.items: dict[str, Unfinished] = {}
        self.begun: dict[str, Begun] = {}
        self.ended: list[Begun] = []
        """Of processes that have ended, for whoever asks first."""

    def note(self, begun: Begun) -> None:
        self.begun[begun.key] = begun

    def drop(self, key: str) -> None:
        del self.begun[key]

    def abandoned(self, server: str) -> list[Begun]:
        found, self.ended = [begun for begun in self.ended if begun.server == server], []
        self.begun.update({begun.key: begun for begun in found})
        return found

    def find(self, key: str) -> Unfinished | None:
        return self.items.get(key)

    def keep(self, unfinished: Unfinished) -> None:
        self.items[unfinished.key] = unfinished

    def forget(self, key: str) -> None:
        self.items.pop(key, None)


def random_bytes(size: int, seed: int = 1) -> bytes:
    return Random(seed).randbytes(size)
