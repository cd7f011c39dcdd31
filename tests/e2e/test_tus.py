"""tus with clients that others wrote, over connections that break at random places."""

import asyncio
import hashlib
import json
import random
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from tusclient.client import TusClient
from tusclient.uploader import Uploader

from drivebay.testing import proxy
from drivebay.testing.client import Client, Json

MIB = 2**20
BODY = random.Random(3).randbytes(37 * MIB + 11)
WITHIN = 40.0
NODE = shutil.which("node") is not None and shutil.which("npm") is not None


@asynccontextmanager
async def breaking(api: str, seed: int, upto: int) -> AsyncIterator[tuple[str, list[int]]]:
    """The API over connections each of which is reset after some bytes; and after how many."""
    there = urlsplit(api)
    chance, places = random.Random(seed), list[int]()
    async with proxy.run((there.hostname or "", there.port or 80)) as between, asyncio.TaskGroup() as tasks:

        async def change() -> None:
            while True:
                between.cut_after = chance.randrange(200_000, upto)
                places.append(between.cut_after)
                await asyncio.sleep(0.05)

        changing = tasks.create_task(change())
        yield f"http://{between.host_port}", places
        changing.cancel()


class Watched(Uploader):  # type: ignore[misc]
    """An uploader that remembers what it was told is kept."""

    told: list[int]

    def get_offset(self) -> int:
        offset = int(super().get_offset())
        self.told.append(offset)
        return offset


def send(api: str, token: str, name: str, body: bytes, **options: Any) -> tuple[str, list[int]]:
    """With tuspy, which blocks."""
    client = TusClient(f"{api}/v1/tus", headers={"Authorization": f"Bearer {token}"})
    uploader = Watched(
        client=client, file_stream=BytesIO(body), metadata={"filename": name}, retries=1000, retry_delay=0, **options
    )
    uploader.told = []
    uploader.upload()
    return str(uploader.url), uploader.told


async def is_whole(user: Client, name: str, body: bytes) -> None:
    (file,) = [item for item in (await user.ok("GET", "/v1/files"))["items"] if item["name"] == name]
    assert file["size"] == len(body)
    assert hashlib.sha256(await user.download(file["id"])).digest() == hashlib.sha256(body).digest()
    usage = (await user.ok("GET", "/v1/me"))["usage"]
    assert usage["reserved_bytes"] == 0


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("whole.bin", {}),
        ("in-chunks.bin", {"chunk_size": 5 * MIB}),
        ("checked.bin", {"chunk_size": 6 * MIB, "upload_checksum": True}),
    ],
)
async def test_tuspy_brings_a_file_home(user: Client, name: str, options: Json) -> None:
    async with breaking(user.api, len(name), 9 * MIB) as (api, _):
        sending = asyncio.to_thread(send, api, user.tokens["access_token"], name, BODY, **options)
        _, told = await asyncio.wait_for(sending, WITHIN)
    assert len(told) > 2, "nothing broke off"
    assert told == sorted(told)
    await is_whole(user, name, BODY)


@pytest.mark.parametrize("size", [0, 1, 8 * MIB])
async def test_tuspy_brings_files_of_odd_sizes(user: Client, size: int) -> None:
    await asyncio.to_thread(send, user.api, user.tokens["access_token"], f"{size}.bin", BODY[:size])
    await is_whole(user, f"{size}.bin", BODY[:size])


@pytest.fixture(scope="session")
async def tus_js(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tus-js-client in it."""
    folder = tmp_path_factory.mktemp("node")
    npm = await asyncio.create_subprocess_exec(
        *("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder, "tus-js-client@4"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await asyncio.wait_for(npm.communicate(), WITHIN)
    assert npm.returncode == 0, err.decode()
    return folder


@pytest.mark.skipif(not NODE, reason="Node is not here")
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("whole.js", {}),
        ("in-chunks.js", {"chunkSize": 3 * MIB, "uploadDataDuringCreation": True}),
        ("length-told-last.js", {"chunkSize": 3 * MIB, "uploadLengthDeferred": True}),
    ],
)
async def test_tus_js_client_brings_a_file_home(
    user: Client, tus_js: Path, tmp_path: Path, name: str, options: Json
) -> None:
    film = tmp_path / name
    film.write_bytes(BODY)
    chance = random.Random(len(name))
    # Told to stop in the middle of a stream, this client goes on beside itself; and what broke off at a stream's end it
    # reads for once more, for ever (4.3.1).
    deferred = "uploadLengthDeferred" in options
    async with breaking(user.api, len(name), 9 * MIB) as (api, _):
        asked = {
            "installed": str(tus_js),
            "api": api,
            "calm": user.api,
            "calmFrom": len(BODY) - 8 * MIB if deferred else len(BODY),
            "token": user.tokens["access_token"],
            "file": str(film),
            "name": name,
            "options": options,
            "key": str(uuid4()),
            "breaks": [chance.randrange(len(BODY)) for _ in range(0 if deferred else 5)],
        }
        node = await asyncio.create_subprocess_exec(
            *("node", Path(__file__).with_name("tus_upload.mjs"), json.dumps(asked)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await asyncio.wait_for(node.communicate(), WITHIN)
        finally:
            if node.returncode is None:
                node.kill()
                await node.wait()
    assert node.returncode == 0, err.decode()
    told = json.loads(out)
    assert told["left"] == 0
    assert told["accepted"] == sorted(told["accepted"])
    await is_whole(user, name, BODY)
    head = await user.call("HEAD", urlsplit(told["url"]).path, headers={"Tus-Resumable": "1.0.0"})
    assert (head.status_code, int(head.headers["Upload-Offset"])) == (200, len(BODY))
