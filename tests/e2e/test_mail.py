"""Mail in a running deployment: from the sign-up over the worker to the mailbox, and the doctor's check."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from drivebay.testing import world
from drivebay.testing.client import Client

from ..mail_server import link_of, serve, token_of
from .conftest import FAST


@pytest.mark.slow
async def test_mails_reach_the_mailbox_and_their_links_work(tmp_path: Path, server_environment: dict[str, str]) -> None:
    async with serve() as mail, httpx.AsyncClient(timeout=30) as http:
        settings = {
            "DRIVEBAY_SMTP_URL": f"smtp://127.0.0.1:{mail.port}",
            "DRIVEBAY_MAIL_FROM": "Drivebay <drive@example.com>",
            "DRIVEBAY_PUBLIC_URL": "https://drive.example.com",
        }
        async with world.run(tmp_path, FAST | server_environment | settings, "six") as running:
            await running.start("worker")
            user = Client(http, running.api)
            await user.sign_up()
            link = link_of(await mail.next_mail())
            assert link.startswith("https://drive.example.com/verify-email?token=")
            status, _, errors = await running.command("verify-email", link, "--server", running.api)
            assert status == 0, errors
            assert (await user.ok("GET", "/v1/me"))["email_verified"]
            status, output, errors = await running.command(
                "reset-password", "--email", user.email, "--server", running.api
            )
            assert status == 0, errors
            assert "the server sends a mail" in output
            token = token_of(await mail.next_mail(1))
            user.password = "a quiet green table"
            body = {"token": token, "password": user.password}
            assert (await http.post(f"{running.api}/v1/password/reset/confirm", json=body)).status_code == 204
            await user.log_in()
            _, output, _ = await running.command("doctor", "--json")
            findings = [each for each in json.loads(output)["findings"] if each["check"] == "mail"]
            assert [each["verdict"] for each in findings] == ["ok"], findings
            assert "127.0.0.1 accepts the connection" in findings[0]["detail"]
            assert token not in running.logs()
            assert link.partition("token=")[2] not in running.logs()
