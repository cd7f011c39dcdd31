"""tus with third-party clients, over connections that break at random offsets."""

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
TIMEOUT = 40.0
HAS_NODE = shutil.which("node") is not None and shutil.which("npm") is not None


@asynccontextmanager
async def breaking_proxy(api: str, seed: int, max_bytes: int) -> AsyncIterator[tuple[str, list[int]]]:
    """Yield the URL of the API behind a proxy that resets each connection after some bytes, and those byte counts."""
    target = urlsplit(api)
    chance, cut_offsets = random.Random(seed), list[int]()
    async with proxy.run((target.hostname or "", target.port or 80)) as proxy_server, asyncio.TaskGroup() as tasks:

        async def change() -> None:
            while True:
                proxy_server.cut_after = chance.randrange(200_000, max_bytes)
                cut_offsets.append(proxy_server.cut_after)
                await asyncio.sleep(0.05)

        changing = tasks.create_task(change())
        yield f"http://{proxy_server.host_port}", cut_offsets
        changing.cancel()


class RecordingUploader(Uploader):  # type: ignore[misc]
    """An uploader that records the stored offsets that the server reports."""

    offsets: list[int]

    def get_offset(self) -> int:
        offset = int(super().get_offset())
        self.offsets.append(offset)
        return offset


def send(api: str, token: str, name: str, body: bytes, **options: Any) -> tuple[str, list[int]]:
    """Upload with tuspy, which blocks. Return the URL and the reported offsets."""
    client = TusClient(f"{api}/v1/tus", headers={"Authorization": f"Bearer {token}"})
    uploader = RecordingUploader(
        client=client, file_stream=BytesIO(body), metadata={"filename": name}, retries=1000, retry_delay=0, **options
    )
    uploader.offsets = []
    uploader.upload()
    return str(uploader.url), uploader.offsets


async def assert_stored(user: Client, name: str, body: bytes) -> None:
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
async def test_tuspy_uploads_a_file_over_breaking_connections(user: Client, name: str, options: Json) -> None:
    async with breaking_proxy(user.api, len(name), 9 * MIB) as (api, _):
        sending = asyncio.to_thread(send, api, user.tokens["access_token"], name, BODY, **options)
        _, offsets = await asyncio.wait_for(sending, TIMEOUT)
    assert len(offsets) > 2, "no connection broke"
    assert offsets == sorted(offsets)
    await assert_stored(user, name, BODY)


@pytest.mark.parametrize("size", [0, 1, 8 * MIB])
async def test_tuspy_uploads_files_of_boundary_sizes(user: Client, size: int) -> None:
    await asyncio.to_thread(send, user.api, user.tokens["access_token"], f"{size}.bin", BODY[:size])
    await assert_stored(user, f"{size}.bin", BODY[:size])


@pytest.fixture(scope="session")
async def tus_js(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tus-js-client installed."""
    folder = tmp_path_factory.mktemp("node")
    npm = await asyncio.create_subprocess_exec(
        *("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder, "tus-js-client@4"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await asyncio.wait_for(npm.communicate(), TIMEOUT)
    assert npm.returncode == 0, err.decode()
    return folder


@pytest.mark.skipif(not HAS_NODE, reason="Node is not installed")
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("whole.js", {}),
        ("in-chunks.js", {"chunkSize": 3 * MIB, "uploadDataDuringCreation": True}),
        ("deferred-length.js", {"chunkSize": 3 * MIB, "uploadLengthDeferred": True}),
    ],
)
async def test_tus_js_client_uploads_a_file_over_breaking_connections(
    user: Client, tus_js: Path, tmp_path: Path, name: str, options: Json
) -> None:
    source = tmp_path / name
    source.write_bytes(BODY)
    chance = random.Random(len(name))
    # tus-js-client 4.3.1 has two bugs with streams: after an abort it continues in parallel, and after an interruption
    # at the end of a stream it reads forever.
    deferred = "uploadLengthDeferred" in options
    async with breaking_proxy(user.api, len(name), 9 * MIB) as (api, _):
        arguments = {
            "installed": str(tus_js),
            "api": api,
            "calm": user.api,
            "calmFrom": len(BODY) - 8 * MIB if deferred else len(BODY),
            "token": user.tokens["access_token"],
            "file": str(source),
            "name": name,
            "options": options,
            "key": str(uuid4()),
            "breaks": [chance.randrange(len(BODY)) for _ in range(0 if deferred else 5)],
        }
        node = await asyncio.create_subprocess_exec(
            *("node", Path(__file__).with_name("tus_upload.mjs"), json.dumps(arguments)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await asyncio.wait_for(node.communicate(), TIMEOUT)
        finally:
            if node.returncode is None:
                node.kill()
                await node.wait()
    assert node.returncode == 0, err.decode()
    result = json.loads(out)
    assert result["left"] == 0
    assert result["accepted"] == sorted(result["accepted"])
    await assert_stored(user, name, BODY)
    head = await user.call("HEAD", urlsplit(result["url"]).path, headers={"Tus-Resumable": "1.0.0"})
    assert (head.status_code, int(head.headers["Upload-Offset"])) == (200, len(BODY))
