"""Six processes on six TCP addresses authenticate each other with mutual TLS."""

import socket
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from drivebay.cli.operator.certificates import CertificateAuthority
from drivebay.testing import world
from drivebay.testing.client import Client, eventually
from drivebay.testing.world import SIX_PROCESSES

from .conftest import FAST, assert_sound, http_client

pytestmark = pytest.mark.slow


def free_ports(count: int) -> list[int]:
    """Return ports on which nothing listens now."""
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [int(listener.getsockname()[1]) for listener in listeners]


def issue_certificates(folder: Path) -> dict[str, dict[str, str]]:
    """Issue a certificate for each service and the command line. Return the settings that name it."""
    authority = CertificateAuthority(folder, datetime.now(UTC), timedelta(days=1))
    issued = {part: authority.issue(part) for part in (*SIX_PROCESSES, "cli")}
    return {
        part: {
            "DRIVEBAY_TLS_CERT": str(cert),
            "DRIVEBAY_TLS_KEY": str(key),
            "DRIVEBAY_TLS_CA": str(authority.ca_cert_file),
        }
        for part, (cert, key) in issued.items()
    }


async def test_six_services_work_with_mutual_tls_and_refuse_a_wrong_certificate(
    tmp_path: Path, server_environment: dict[str, str]
) -> None:
    ports = dict(zip(("auth", "files", "storage"), free_ports(3), strict=True))
    addresses = {f"DRIVEBAY_{name.upper()}_ADDRESS": f"127.0.0.1:{port}" for name, port in ports.items()}
    tls_settings = issue_certificates(tmp_path / "certs")
    # `drivebay check` is no service. It uses the settings that all processes share.
    environment = FAST | server_environment | addresses | tls_settings["cli"]
    async with world.run(tmp_path, environment, "six", tls_settings) as running, http_client() as http:
        user = await Client(http, running.api).sign_up()
        file = await user.store("a.txt", b"a")
        upload = await user.begin("by event.txt", b"b")
        assert (await user.put(upload, b"b")).status_code == 200

        async def are_both_listed() -> bool:
            return await user.names() == ["a.txt", "by event.txt"]

        await eventually(are_both_listed, within=20)
        assert await user.download(file["id"]) == b"a"
        await assert_sound(running)

        # The auth service refuses a gateway with the certificate of the janitor.
        await running.stop("gateway")
        running.own = {**tls_settings, "gateway": tls_settings["janitor"]}
        await running.start("gateway")

        async def is_refused() -> bool:
            try:
                response = await http.get(f"{running.api}/readyz")
            except httpx.TransportError:
                return False
            return response.status_code == 503 and "refuses this process" in response.text

        await eventually(is_refused, within=30)
