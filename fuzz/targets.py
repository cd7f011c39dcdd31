"""The fuzz targets: functions of any bytes that raise an exception if a promise is broken.

Each target has seeds, the inputs to start with, and words that the fuzzer inserts. Nothing here depends on the fuzzer,
so the test suite runs the same functions.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from drivebay.ingest.events import ObjectCreated, render_event

from . import message_targets, text_targets
from .message_targets import KEY, NOON, error_seeds, filer_message

INPUTS: Final = Path(__file__).with_name("inputs")
"""`inputs/<target>/` has the inputs that failed, `inputs/<target>.txt` those that reached new branches, in base64."""


class Target(NamedTuple):
    """A function to fuzz."""

    check: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()


TARGETS: Final = {
    "events": Target(
        message_targets.events,
        (
            render_event(ObjectCreated("drivebay", KEY, 5, NOON, "e")),
            render_event(ObjectCreated("b", "a b%2F\u00fc", 2**63 - 1, datetime.max.replace(tzinfo=UTC))),
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
        message_targets.changes,
        (
            filer_message(),
            filer_message(new_parent_path=""),
            b"\1\n\5\n" + KEY.replace("/", "\n").encode(),
        ),
        (KEY.encode(), b"/.uploads/", b"\x80" + bytes(7), b"\xff" * 8),
    ),
    "codec": Target(
        message_targets.codec,
        message_targets.codec_seeds(),
        (str(message_targets.OWNER).encode(), b"\x08" + b"\xff" * 8 + b"\x7f"),
    ),
    "stream_codec": Target(
        message_targets.stream_codec,
        message_targets.codec_seeds(message_targets.STREAMED),
        (message_targets.OWNER.bytes, b"\xcf" + b"\xff" * 8, b"\xcb\x43\xe0" + bytes(6), b"2026-01-01T00:00:00+01:00"),
    ),
    "frames": Target(message_targets.frames, message_targets.frame_seeds()),
    "failure": Target(message_targets.failure, error_seeds()),
    "cursor": Target(text_targets.cursor, text_targets.CURSOR_SEEDS),
    "disposition": Target(
        text_targets.disposition,
        (b"\x01image/png\x00report.pdf", b'\x00text/html; a=b\x00\xc3\xbc".exe', b"\x01image/svg+xml\x00a%20b"),
        (b"image/", b"application/pdf", b"svg", b"+xml", b"html", b";", b"\r\n", b"%22", b"\xed\xa0\x80"),
    ),
}


def known_inputs(name: str) -> tuple[bytes, ...]:
    """Return the seeds of a target and all inputs that are kept for it."""
    file = INPUTS / f"{name}.txt"
    lines = file.read_text("ascii").split() if file.exists() else []
    failed = sorted(path for path in (INPUTS / name).glob("*") if path.is_file())
    return (*TARGETS[name].seeds, *(path.read_bytes() for path in failed), *map(base64.b64decode, lines))
