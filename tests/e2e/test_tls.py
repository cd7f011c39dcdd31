"""Six processes on six addresses, each proving to the others who it is."""

import socket
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from drivebay.certs import Authority
from drivebay.testing import world
from drivebay.testing.client import Client, eventually
from drivebay.testing.world import PARTS

from .conftest import FAST, assert_sound, http_client

pytestmark = pytest.mark.slow


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [int(listener.getsockname()[1]) for listener in listeners]


def certificates(folder: Path) -> dict[str, dict[str, str]]:
    authority = Authority(folder, datetime.now(UTC), timedelta(days=1))
    issued = {part: authority.issue(part) for part in (*PARTS, "cli")}
    return {
        part: {
            "DRIVEBAY_TLS_CERT": str(cert),
            "DRIVEBAY_TLS_KEY": str(key),
            "DRIVEBAY_TLS_CA": str(authority.file),
        }
        for part, (cert, key) in issued.items()
    }


async def test_six_services_with_certificates_work_as_one(tmp_path: Path, server_environment: dict[str, str]) -> None:
    ports = dict(zip(("auth", "files", "storage"), free_ports(3), strict=True))
    addresses = {f"DRIVEBAY_{name.upper()}_ADDRESS": f"127.0.0.1:{port}" for name, port in ports.items()}
    own = certificates(tmp_path / "certs")
    # `drivebay check` runs in this World without a part of its own.
    environment = FAST | server_environment | addresses | own["cli"]
    async with world.run(tmp_path, environment, "six", own) as running, http_client() as http:
        user = await Client(http, running.api).sign_up()
        file = await user.store("a.txt", b"a")
        upload = await user.begin("by event.txt", b"b")
        assert (await user.put(upload, b"b")).status_code == 200

        async def there() -> bool:
            return await user.names() == ["a.txt", "by event.txt"]

        await eventually(there, within=20)
        assert await user.download(file["id"]) == b"a"
        await assert_sound(running)

        # The janitor's certificate opens no door to accounts, whatever address it is given.
        await running.stop("gateway")
        running.own = {**own, "gateway": own["janitor"]}
        await running.start("gateway")

        async def shut_out() -> bool:
            try:
                answer = await http.get(f"{running.api}/readyz")
            except httpx.TransportError:
                return False
            return answer.status_code == 503 and "does not let this process in" in answer.text

        await eventually(shut_out, within=30)
