"""What the fuzzer's targets promise, tried on what it knows and on a little noise: `make fuzz` tries the rest."""

from __future__ import annotations

from random import Random

import pytest
from fuzz.targets import INPUTS, TARGETS, known

BENT = 400
"""Inputs made from known ones, for each target."""


@pytest.mark.parametrize("name", TARGETS)
def test_what_was_found_once_holds_ever_after(name: str) -> None:
    for data in known(name):
        TARGETS[name].holds(data)


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_known_holds_when_it_is_bent(name: str) -> None:
    random = Random(name)
    sources, words = known(name), (*TARGETS[name].words, b"\0", b"\xff", b"\xed\xa0\x80")
    for _ in range(BENT):
        data = bytearray(random.choice(sources))
        for _ in range(random.randint(1, 3)):
            at = random.randint(0, len(data))
            data[at : at + random.choice((0, 1, 1, 8))] = random.choice((b"", random.randbytes(1), *words))
        TARGETS[name].holds(bytes(data))


def test_every_kept_input_belongs_to_a_target() -> None:
    assert {path.name.removesuffix(".txt") for path in INPUTS.iterdir()} <= set(TARGETS)
