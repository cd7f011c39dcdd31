"""The fuzz targets hold for known inputs and for some mutations of them. `make fuzz` tries many more."""

from __future__ import annotations

from random import Random

import pytest
from fuzz.targets import INPUTS, TARGETS, known_inputs

MUTATIONS = 400
"""For each target."""


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_holds_for_every_known_input(name: str) -> None:
    for data in known_inputs(name):
        TARGETS[name].check(data)


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_holds_for_mutations_of_known_inputs(name: str) -> None:
    random = Random(name)
    sources, words = known_inputs(name), (*TARGETS[name].words, b"\0", b"\xff", b"\xed\xa0\x80")
    for _ in range(MUTATIONS):
        data = bytearray(random.choice(sources))
        for _ in range(random.randint(1, 3)):
            at = random.randint(0, len(data))
            data[at : at + random.choice((0, 1, 1, 8))] = random.choice((b"", random.randbytes(1), *words))
        TARGETS[name].check(bytes(data))


def test_every_kept_input_belongs_to_a_target() -> None:
    assert {path.name.removesuffix(".txt") for path in INPUTS.iterdir()} <= set(TARGETS)
