"""Encoded contract values that are stored, or whose hash is stored, stay readable after an upgrade."""

from __future__ import annotations

from uuid import UUID

import msgspec

from drivebay.contract.files import ItemError, UploadIntent
from drivebay.contract.ids import ROOT
from drivebay.files.uploads.intents import fingerprint_fields


def test_an_encoded_intent_keeps_the_field_names_that_stored_hashes_depend_on() -> None:
    intent = UploadIntent("a", 0, "text/plain", ROOT, multipart=True, deferred_length=True, client_note="n")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(fingerprint_fields(intent))) == {
        "name": "a",
        "size": 0,
        "content_type": "text/plain",
        "parent": str(ROOT),
        "on_conflict": "rename",
        "sha256": None,
        "multipart": True,
        "deferred": True,
        "note": "n",
    }


def test_stored_results_of_a_batch_can_be_decoded() -> None:
    upload = UUID(int=1)
    stored = msgspec.msgpack.encode([upload, {"code": "name_taken", "detail": "The name is taken", "field": "name"}])
    results = msgspec.msgpack.decode(stored, type=list[UUID | ItemError])
    assert results == [upload, ItemError("name_taken", "The name is taken", "name")]
