"""The frames of a stream that many calls share.

A message of the stream is a MessagePack array of frames. A frame is an array too: its kind, then its fields.

    client                                     server
    Greeting ───────────────────────────────►
             ◄─────────────────────────────── Welcome, or Refusal: the client uses unary RPCs
    Call     ───────────────────────────────►
             ◄─────────────────────────────── Result or Failure, before it any number of Pieces
    Cancel   ───────────────────────────────►  (no response)
             ◄─────────────────────────────── Drain: the client makes new calls on another stream

All frames that are ready in one iteration of the event loop are sent in one message. That is why a call on a stream
costs less than a unary RPC. A later release may add fields to the end of a frame. Receivers skip fields that they do
not know.
"""

from __future__ import annotations

from typing import Final

import msgspec

PROTOCOL: Final = 1
"""The version of the frames. Another version is refused."""
MAX_CALLS: Final = 1024
"""A client of a service has at most this many calls in flight. A server runs at most this many calls of one stream.
Further calls are refused."""
MAX_PAYLOAD: Final = 256 * 1024
"""The maximum number of bytes of a request on a stream. A larger request is sent as a unary RPC, so that it does not
delay the calls behind it."""
PIECE_SIZE: Final = 64 * 1024
"""The maximum number of bytes of a piece of a result. A larger result is sent in pieces, each in another message."""
MAX_UNSENT: Final = 8 * 2**20
"""The maximum number of bytes that wait to be sent to a client. Above it, the server reads no further calls from this
client."""
HANDSHAKE_TIMEOUT: Final = 5.0
"""Seconds that each side waits for the first frame of the other side."""


class Greeting(msgspec.Struct, array_like=True, frozen=True, tag=0):
    """The first frame of a client. `contract` is the full name of the proto service.

    `fields` are the arguments, results, fields and enum members of the contract, each as text with its name and type
    (see `msgpack_codec.contract_fields`).
    """

    protocol: int
    contract: str
    release: str
    fields: frozenset[str]


class Call(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """A call of one method. `id` is unique on the stream. `seconds` is the time until the deadline."""

    id: int
    method: str
    seconds: float
    payload: bytes
    metadata: dict[str, str] = {}


class Cancel(msgspec.Struct, array_like=True, frozen=True, tag=2):
    """The caller does not wait for the result of a call any more."""

    id: int


class Welcome(msgspec.Struct, array_like=True, frozen=True, tag=3):
    """The server accepts the stream. `methods` are the methods of this server, `process` identifies its process."""

    release: str
    process: str
    methods: frozenset[str]


class Refusal(msgspec.Struct, array_like=True, frozen=True, tag=4):
    """The server does not accept the stream, and ends it: the contracts or the versions of the frames do not fit."""

    reason: str


class Piece(msgspec.Struct, array_like=True, frozen=True, tag=5):
    """A piece of a large result. The frame `Result` has the last piece."""

    id: int
    payload: bytes


class Result(msgspec.Struct, array_like=True, frozen=True, tag=6):
    """The result of a call."""

    id: int
    payload: bytes


class Failure(msgspec.Struct, array_like=True, frozen=True, tag=7):
    """The call failed. `error` is encoded by `error_codec`, as in the trailer of a unary RPC."""

    id: int
    error: bytes


class Drain(msgspec.Struct, array_like=True, frozen=True, tag=8):
    """The server will end the stream. It still responds to every call that it receives before the client ends its
    side."""


ClientFrame = Greeting | Call | Cancel
ServerFrame = Welcome | Refusal | Piece | Result | Failure | Drain

_ENCODER: Final = msgspec.msgpack.Encoder()
_CLIENT_FRAMES: Final = msgspec.msgpack.Decoder(list[ClientFrame])
_SERVER_FRAMES: Final = msgspec.msgpack.Decoder(list[ServerFrame])


class InvalidFrames(Exception):
    """A message is not an array of frames, or its frames break the protocol."""


def encode_frames(frames: list[ClientFrame | ServerFrame]) -> bytes:
    """Return the bytes of one message."""
    return _ENCODER.encode(frames)


def decode_client_frames(data: bytes) -> list[ClientFrame]:
    """Return the frames in a message of a client. Raises InvalidFrames."""
    try:
        return _CLIENT_FRAMES.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InvalidFrames(str(error)) from error


def decode_server_frames(data: bytes) -> list[ServerFrame]:
    """Return the frames in a message of a server. Raises InvalidFrames."""
    try:
        return _SERVER_FRAMES.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InvalidFrames(str(error)) from error
