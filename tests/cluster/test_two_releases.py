"""The previous release and this one run side by side on one database, and the previous one runs after this one.

The previous release is the newest tag. While there is none, it is the commit before the newest migration. Both run with
the installed packages. The test is skipped in a checkout without the history. The environment variable
DRIVEBAY_TEST_PREVIOUS_RELEASE may name another commit.
"""

from __future__ import annotations

import io
import itertools
import os
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from drivebay.embedded import Postgres, Store
from drivebay.postgres.migrations import migration_needs
from drivebay.testing import servers, world
from drivebay.testing.client import Client, Json
from drivebay.testing.world import World
from tests.e2e.conftest import FAST, assert_sound, server_settings

ROOT = Path(__file__).parents[2]
MIGRATIONS = tuple(f"src/drivebay/{schema}/migrations" for schema in ("auth", "files"))

TRIES = 5
"""How often a request is sent. Each service of a process meets the new tables once."""


def git(*arguments: str) -> bytes:
    """Run git in this repository and return its output. Raises CalledProcessError."""
    return subprocess.run(("git", *arguments), cwd=ROOT, check=True, capture_output=True).stdout


def previous_release() -> str:
    """Return the commit of the previous release."""
    try:
        if tags := git("tag", "--list", "v*", "--merged", "HEAD^", "--sort=-version:refname").decode().split():
            return tags[0]
        newest = git("log", "-1", "--diff-filter=A", "--format=%H", "--", *MIGRATIONS).decode().strip()
        return git("rev-parse", "--verify", f"{newest}^").decode().strip()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this checkout has no history with the previous release")


def export(commit: str, folder: Path) -> None:
    """Write the source code of a commit to a folder."""
    with tarfile.open(fileobj=io.BytesIO(git("archive", commit, "src"))) as archive:
        archive.extractall(folder, filter="data")


def starts_on_the_new_schema(source: Path) -> bool:
    """Return whether a release starts on the schema of this one: by the marks of the migrations that it lacks."""
    for folder in MIGRATIONS:
        known = {file.stem for file in (source / folder).glob("[0-9]*.sql")}
        for file in (ROOT / folder).glob("[0-9]*.sql"):
            needs = migration_needs(file.read_text("utf-8"))
            if file.stem not in known and (needs is None or (needs and needs not in known)):
                return False
    return "migration_needs" in (source / "src/drivebay/postgres/migrations.py").read_text("utf-8")


class PatientClient(Client):
    """Repeats a request that was refused because a migration has changed the tables since its process began."""

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        parameters: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send a request with the access token of the user."""
        for _ in range(TRIES):
            response = await super().call(method, path, body, parameters, headers)
            if response.status_code != 503 or "changed by an upgrade" not in response.text:
                break
        return response


async def use(client: Client, releases: Sequence[World]) -> None:
    """Do with one release what the other one then shows, changes and undoes, in both directions."""
    for one, other in itertools.permutations(releases, 2):
        body = uuid4().hex.encode()
        client.api = one.api
        folder = await client.ok("POST", "/v1/folders", {"name": uuid4().hex})
        file = await client.store("first.txt", body, parent_id=folder["id"])
        upload = await client.begin("second.txt", body + b"!", fields={"parent_id": folder["id"]})
        client.api = other.api
        assert await client.download(file["id"]) == body
        assert (await client.put(upload, body + b"!")).status_code == 200
        await client.ok("POST", f"/v1/uploads/{upload['id']}/complete")
        await client.ok("PATCH", f"/v1/files/{file['id']}", {"name": "renamed.txt"})
        await client.ok("DELETE", f"/v1/files/{file['id']}")
        client.api = one.api
        await client.ok("POST", f"/v1/files/{file['id']}/restore")
        assert await names_in(client, folder) == ["renamed.txt", "second.txt"]
        await client.ok("DELETE", f"/v1/files/{folder['id']}")
        client.api = other.api
        await client.ok("POST", f"/v1/files/{folder['id']}/restore")
        assert await names_in(client, folder) == ["renamed.txt", "second.txt"]
        await client.ok("DELETE", f"/v1/files/{file['id']}")
        client.api = one.api
        await client.ok("DELETE", f"/v1/trash/{file['id']}")
        assert await names_in(client, folder) == ["second.txt"]


async def names_in(client: Client, folder: Json) -> list[str]:
    """Return the names in a folder."""
    listing = await client.ok("GET", "/v1/files", parameters={"parent_id": folder["id"]})
    return sorted(item["name"] for item in listing["items"])


async def test_the_previous_release_runs_beside_this_one_and_after_it(
    tmp_path: Path, postgres: Postgres, nats_url: str, store: Store
) -> None:
    commit = os.environ.get("DRIVEBAY_TEST_PREVIOUS_RELEASE") or previous_release()
    source, old_folder, new_folder = (tmp_path / name for name in ("source", "old", "new"))
    for folder in (source, old_folder, new_folder):
        folder.mkdir()
    export(commit, source)
    bucket = f"releases-{uuid4().hex}"
    async with (
        servers.database(postgres, "template0", bucket) as url,
        httpx.AsyncClient(timeout=30) as http,
    ):
        settings = FAST | server_settings(url, nats_url, store, bucket) | {"DRIVEBAY_DATA": str(tmp_path / "data")}
        old_settings = settings | {"PYTHONPATH": str(source / "src")}
        async with world.run(old_folder, old_settings) as old:
            early = await PatientClient(http, old.api).sign_up()
            await use(early, (old, old))
            async with world.run(new_folder, settings) as new:
                late = await PatientClient(http, new.api).sign_up()
                for client in (early, late):
                    await use(client, (old, new))
                await old.ready()
                await assert_sound(new)
            for client in (early, late):
                await use(client, (old, old))
            await old.stop("all")
            await old.start("all")
            if starts_on_the_new_schema(source):
                await old.ready()
                for client in (early, late):
                    await use(client, (old, old))
            else:
                assert await old.processes["all"].wait() != 0
                assert "is newer than this release" in old.logs()
