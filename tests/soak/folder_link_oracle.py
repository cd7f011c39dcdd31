"""The part of the oracle about links to folders: their passwords, what they show, and their archives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from .shared_drive_records import LinkRecords
from .simulated_user import ApiResponse, Json, SimulatedUser

_MAX_OLD_PASSWORDS: Final = 3


@dataclass
class FolderLinkOracle:
    """Checks one link to a folder of a user when all faults have ended. `report_violation` is that of the oracle."""

    user: SimulatedUser
    link: str
    records: LinkRecords
    report_violation: Callable[[str, str, str, str], None]

    async def check(self) -> None:
        """Run all checks."""
        for path in self.records.ended_archives:
            response = await self._send("HEAD", path)
            if response.status != 404:
                self._report("an archive ends with its link, and with the password", f"{response.status}")
            self.user.counts["ended archives checked at the end"] += 1
        if self.records.state != "link_created":
            return
        session = ""
        if self.records.passwords:
            await self._expect("GET", "/files", 401)
        if self.records.passwords and not self.records.is_password_certain:
            return
        if self.records.passwords:
            # Only the last ones, because a client has ten attempts.
            for old in self.records.passwords[:-1][-_MAX_OLD_PASSWORDS:]:
                await self._expect("POST", "/unlock", 401, body={"password": old})
            response = await self._expect("POST", "/unlock", 200, body={"password": self.records.passwords[-1]})
            session = response.body.get("link_session", "")
        await self._check_folder(session)
        self.user.counts["folder links checked at the end"] += 1

    async def _check_folder(self, session: str) -> None:
        if self.records.role == "uploader":
            await self._expect("GET", "/files", 404, session)
            await self._expect("POST", "/archives", 404, session, body={"ids": ["root"]})
            return
        response = await self._expect("GET", "/files", 200, session)
        listed = {item["name"]: item["size"] for item in response.body.get("items", [])}
        if listed != {file.name: file.size for file in self.user.drives.files}:
            self._report("a link shows its folder", f"{listed}")

    async def _expect(
        self, method: str, path: str, status: int, session: str = "", body: Json | None = None
    ) -> ApiResponse:
        response = await self._send(method, f"/v1/public/{self.records.token}{path}", session, body)
        if response.status != status:
            promise = "a link gives what its role and its password allow"
            self._report(promise, f"{self.records.role}: {method} {path}: {response.status} instead of {status}")
        return response

    async def _send(self, method: str, path: str, session: str = "", body: Json | None = None) -> ApiResponse:
        """Send a request without a token that must get a response, because all faults have ended."""
        headers = {"X-Link-Session": session} if session else {}

        async def send() -> ApiResponse | None:
            response = await self.user.send(method, path, body, headers)
            return None if response is not None and response.status in (429, 503) else response

        return await self.user.retry(send) or ApiResponse(0, {})

    def _report(self, promise: str, detail: str) -> None:
        self.report_violation(promise, detail, self.user.name, self.link)
