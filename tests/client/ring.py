"""A keyring in a file, for a computer without one."""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError


class Ring(KeyringBackend):
    priority = 9  # type: ignore[assignment]

    def _all(self) -> dict[str, str]:
        file = Path(os.environ["TEST_RING"])
        return dict(json.loads(file.read_text())) if file.exists() else {}

    def _write(self, entries: dict[str, str]) -> None:
        Path(os.environ["TEST_RING"]).write_text(json.dumps(entries))

    def get_password(self, service: str, username: str) -> str | None:
        return self._all().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._write(self._all() | {f"{service} {username}": password})

    def delete_password(self, service: str, username: str) -> None:
        entries = self._all()
        if f"{service} {username}" not in entries:
            raise PasswordDeleteError("no such password")
        del entries[f"{service} {username}"]
        self._write(entries)
