"""What is fuzzed: functions of any bytes that fail, by whatever exception, when a promise is broken.

Each has inputs to begin with, and words that mutations are made of. Nothing here knows the fuzzer, so the
test suite runs the same functions.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from drivebay.ingest.events import Created, render

from . import messages, text
from .messages import KEY, NOON

INPUTS: Final = Path(__file__).with_name("inputs")
"""`inputs/<target>/`: what once broke something; `inputs/<target>.txt`: what reached something new, in base64."""


class Target(NamedTuple):
    holds: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()


TARGETS: Final = {
    "events": Target(
        messages.events,
        (
            render(Created("drivebay", KEY, 5, NOON, "e")),
            render(Created("b", "a b%2F\u00fc", 2**63 - 1, datetime.max.replace(tzinfo=UTC))),
            b'{"Service":"Amazon S3","Event":"s3:TestEvent"}',
            b'{"EventName":"","Key":"","Records":null}',
            b"Put\ndrivebay\n" + KEY.encode() + b"\n12\n2026-01-01T12:00:00.000Z\ne",
        ),
        (
            *(b'"Records"', b'"eventName"', b'"s3"', b'"bucket"', b'"object"', b'"key"', b'"size"', b'"eventTime"'),
            *(b"ObjectCreated:Put", b"ObjectCreated:Copy", b"%00", b"%ff", b"%ed%a0%80", b"\\ud800", b"1e400"),
            *(b"18446744073709551615", b"9999-12-31T23:59:59", b"0001-01-01T00:00:00", b"+00:00", b"-23:59", b"Z"),
        ),
    ),
    "changes": Target(
        messages.changes,
        (messages.filer_said(), messages.filer_said(new_parent_path=""), b"\1\n\5\n" + KEY.replace("/", "\n").encode()),
        (KEY.encode(), b"/.uploads/", b"\x80" + bytes(7), b"\xff" * 8),
    ),
    "codec": Target(
        messages.codec, messages.seeds_of_codec(), (str(messages.OWNER).encode(), b"\x08" + b"\xff" * 8 + b"\x7f")
    ),
    "failure": Target(messages.failure, messages.seeds_of_failure()),
    "cursor": Target(text.cursor, text.SEEDS_OF_CURSOR),
    "disposition": Target(
        text.disposition,
        (b"\x01image/png\x00report.pdf", b'\x00text/html; a=b\x00\xc3\xbc".exe', b"\x01image/svg+xml\x00a%20b"),
        (b"image/", b"application/pdf", b"svg", b"+xml", b"html", b";", b"\r\n", b"%22", b"\xed\xa0\x80"),
    ),
}


def known(name: str) -> tuple[bytes, ...]:
    """Every input that is kept for a target: its seeds, what once broke it, and what reached something new."""
    kept = INPUTS / f"{name}.txt"
    lines = kept.read_text("ascii").split() if kept.exists() else []
    broken = sorted(path for path in (INPUTS / name).glob("*") if path.is_file())
    return (*TARGETS[name].seeds, *(path.read_bytes() for path in broken), *map(base64.b64decode, lines))
