"""Bodies of batches. Each item is decoded separately, so that a wrong item does not affect the others.

Usually the complete body is valid JSON, and the decoder finds the items. If one item is not JSON in UTF-8, or is nested
too deeply, the items are found by their brackets and commas instead.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from typing import Annotated, Final, TypeAlias, TypeVar
from uuid import UUID

import msgspec

from ..contract.files import BatchResult, ItemError, RefusedItem
from ..errors import Error, InvalidRequest, MalformedBody
from .http_request import Request, decode_json, parse_uuid, read_json_body

T = TypeVar("T")

# A JSON string without a closing quote matches up to the end of the body, so that no byte is scanned twice.
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{]+|[\]}]+|,', re.DOTALL)
"""The tokens that show where an item ends: a string, opening brackets, closing brackets, or a comma."""
_MAX_TOKENS: Final = 30_000
"""Bounds the time for a body. A batch of a hundred uploads has about 3,000 tokens."""


_id_decoder: Final = msgspec.json.Decoder(str)

UndecodedItems: TypeAlias = Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1, max_length=100)]


class BatchItems(msgspec.Struct, frozen=True):
    """The undecoded items of a batch, and the body with a zero in the place of each item."""

    items: tuple[bytes, ...]
    body: bytes


async def read_batch(req: Request, field: str, decoder: msgspec.json.Decoder[T]) -> tuple[T, tuple[bytes, ...]]:
    """Return the decoded body, and the undecoded items of its list `field`.

    `decoder` reads a type whose list `field` has items of type `msgspec.Raw`. Raises the errors of `read_json`.
    """
    body = await read_json_body(req)
    try:
        decoded = decoder.decode(body)
    except msgspec.ValidationError:
        return decode_json(body, decoder), ()  # raises the error of the body
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # guard: batch-undecodable-item
        split = split_items(body, field)
        return decode_json(split.body, decoder), split.items
    return decoded, tuple(bytes(item) for item in getattr(decoded, field))


def decode_item(item: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Return a decoded item. Raises MalformedBody, InvalidRequest."""
    try:
        return decode_json(item, decoder)
    except MalformedBody:
        raise MalformedBody("the item is not valid JSON in UTF-8, or is nested too deeply") from None


def split_items(body: bytes, field: str) -> BatchItems:
    """Return the items of the list `field` in a body, without decoding them. Raises MalformedBody."""
    start = re.search(rb'"%s"\s*:\s*\[' % field.encode(), body)
    if start is None:
        raise MalformedBody
    items: list[bytes] = []
    depth, begin = 0, start.end()
    tokens = islice(_TOKEN.finditer(body, begin), _MAX_TOKENS)  # guard: batch-tokens
    for token in tokens:
        kind = body[token.start() : token.start() + 1]
        if kind in (b"[", b"{"):
            depth += len(token[0])
        elif kind == b"," and depth == 0:
            items.append(body[begin : token.start()])
            begin = token.end()
        elif kind in (b"]", b"}"):
            depth -= len(token[0])
            if depth < 0:
                # The run of brackets closes the last item and then the list.
                end = token.end() + depth
                items.append(body[begin:end])
                zeros = b",".join(b"0" if item.strip() else b"" for item in items)
                return BatchItems(tuple(items), body[: start.end()] + zeros + body[end:])
    raise MalformedBody


def parse_item_id(item: bytes) -> UUID | BatchResult:
    """Return the id, or the error result of an item that is not an id."""
    try:
        return parse_uuid(decode_item(item, _id_decoder), "id")
    except (InvalidRequest, MalformedBody) as error:  # guard: batch-id-error
        return failed_item(error)


def failed_item(error: Error) -> BatchResult:
    """Return the result of an item that the gateway refuses."""
    return BatchResult(error=ItemError(error.code, error.detail, error.errors[0].field if error.errors else None))


def refused_items(items: Sequence[bytes], parsed: Sequence[object]) -> tuple[RefusedItem, ...]:
    """Return the items that are refused: those whose place in `parsed` has an error result."""
    return tuple(
        RefusedItem(position, item_digest(item))
        for position, (item, result) in enumerate(zip(items, parsed, strict=True))
        if isinstance(result, BatchResult)
    )


def item_digest(item: bytes) -> bytes:
    """Return a digest of an item. If the item is JSON, spaces and the order of its fields do not matter."""
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        item = msgspec.json.encode(msgspec.json.decode(item), order="deterministic")
    return hashlib.sha256(item).digest()
