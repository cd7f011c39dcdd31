"""A stranger who can download an object learns neither its owner nor its name. The deployment's secret opens both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from drivebay.contract.storage import AssemblyStatus, Disposition, PartSpec, PutSpec
from drivebay.storage import service
from drivebay.storage.sealed_metadata import METADATA_HEADER, MetadataSeal, UnreadableMetadata, open_metadata
from drivebay.storage.service import Service, Settings

Send = Callable[..., Awaitable[httpx.Response]]

SECRET, OLD_SECRET = bytes(range(32)), bytes(range(32, 64))
KEY = f"{uuid4()}/{uuid7()}"
METADATA = {"owner": "01234567", "name": "Résumé.pdf"}


def changed(value: str) -> str:
    return value[:-5] + ("A" if value[-5] != "A" else "B") + value[-4:]


@given(st.dictionaries(st.text("abc-"), st.text(st.characters(exclude_categories=["Cs"]))))
def test_what_was_sealed_can_be_opened(metadata: dict[str, str]) -> None:
    seal = MetadataSeal(SECRET)
    value = seal.seal(KEY, metadata)
    assert value.isascii()
    assert value.isprintable()
    assert seal.open(KEY, value) == metadata


def test_the_same_metadata_gives_the_same_value() -> None:
    assert MetadataSeal(SECRET).seal(KEY, METADATA) == MetadataSeal(SECRET).seal(KEY, METADATA)


def test_the_length_does_not_tell_the_length_of_the_name() -> None:
    seal = MetadataSeal(SECRET)
    assert len(seal.seal(KEY, {"name": "a"})) == len(seal.seal(KEY, {"name": "a" * 100}))


def test_the_longest_name_fits_in_the_metadata_of_a_store() -> None:
    metadata = {"owner": str(uuid4()), "upload": str(uuid7()), "name": '"' * 255}
    assert len(METADATA_HEADER) + len(MetadataSeal(SECRET).seal(KEY, metadata)) <= 2048


@pytest.mark.parametrize("name", ["\ud800", "a\ud800.txt"])
def test_a_single_surrogate_is_replaced(name: str) -> None:
    seal = MetadataSeal(SECRET)
    assert seal.open(KEY, seal.seal(KEY, {"name": name})) == {"name": name.replace("\ud800", "?")}


def test_a_value_of_an_older_secret_is_opened_with_that_secret() -> None:
    value = MetadataSeal(OLD_SECRET).seal(KEY, METADATA)
    with pytest.raises(UnreadableMetadata, match="another secret"):
        open_metadata(KEY, value, [SECRET])
    assert open_metadata(KEY, value, [SECRET, OLD_SECRET]) == METADATA


def test_a_changed_value_or_one_of_another_object_is_refused() -> None:
    value = MetadataSeal(SECRET).seal(KEY, METADATA)
    for key, refused in ((KEY, changed(value)), ("other/key", value), (KEY, value[:-8]), (KEY, value + "!")):
        with pytest.raises(UnreadableMetadata, match="changed, or belongs to another object"):
            open_metadata(key, refused, [SECRET])
    for refused in ("", "v2.a.b", "Drivebay"):
        with pytest.raises(UnreadableMetadata, match="not sealed metadata"):
            open_metadata(KEY, refused, [SECRET])


@pytest.mark.parametrize("form", [".incoming/{}", "{}~0123456789abcdef", ".quarantine/{}", ".quarantine/{}~0123"])
def test_a_copy_of_the_object_keeps_metadata_that_opens(form: str) -> None:
    value = MetadataSeal(SECRET).seal(KEY, METADATA)
    assert open_metadata(form.format(KEY), value, [SECRET]) == METADATA


# -- on the real store ----------------------------------------------------------------------------


def shown(headers: Mapping[str, str]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in headers.items())


def new_put() -> PutSpec:
    owner, upload = uuid4(), uuid7()
    metadata = {"owner": str(owner), "upload": str(upload), "name": "salaries 2026.ods"}
    return PutSpec(f"{owner}/{upload}", 5, "text/plain", None, metadata)


async def check_download(storage: Service, send: Send, put: PutSpec, key: str) -> None:
    """Check that a download shows nothing of the metadata, and that the secret opens it."""
    signed = await storage.presign_get(key, "x", "text/plain", Disposition.ATTACHMENT, 60)
    response = await send(signed)
    assert response.status_code == 200
    for value in put.metadata.values():
        assert value not in shown(response.headers)
    assert [name for name in response.headers if name.startswith("x-amz-meta-")] == [METADATA_HEADER]
    assert open_metadata(key, response.headers[METADATA_HEADER], [SECRET]) == put.metadata


async def test_a_download_shows_neither_owner_nor_name(storage: Service, send: Send) -> None:
    put = new_put()
    signed = await storage.presign_put(put, datetime.now(UTC), 60)
    assert not any(value in shown(signed.headers) for value in put.metadata.values())
    assert (await send(signed, b"hello")).status_code == 200
    await check_download(storage, send, put, put.key)
    assert await storage.quarantine_object(put.key)
    await check_download(storage, send, put, f".quarantine/{put.key}")


async def test_a_download_of_an_upload_in_parts_shows_neither_owner_nor_name(storage: Service, send: Send) -> None:
    put = new_put()
    multipart = await storage.begin_multipart(put, False)
    await storage.write_part(put.key, multipart, PartSpec(1, 5), b"hello")
    assembled = await storage.assemble_parts(put.key, multipart.id, (5,), ())
    assert assembled.status is AssemblyStatus.DONE
    await check_download(storage, send, put, put.key)


async def test_without_a_secret_an_object_has_no_metadata(settings: Settings, send: Send) -> None:
    async with service.open(replace(settings, root_secret=None), now=lambda: datetime.now(UTC)) as storage:
        signed = await storage.presign_put(new_put(), datetime.now(UTC), 60)
    assert not any(name.lower().startswith("x-amz-meta") for name in signed.headers)
