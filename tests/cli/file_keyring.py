"""A keyring backend that stores its entries in a file, for computers without a keyring."""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError


class FileKeyring(KeyringBackend):
    priority = 9  # type: ignore[assignment]

    def _read(self) -> dict[str, str]:
        file = Path(os.environ["TEST_KEYRING_FILE"])
        return dict(json.loads(file.read_text())) if file.exists() else {}

    def _write(self, entries: dict[str, str]) -> None:
        Path(os.environ["TEST_KEYRING_FILE"]).write_text(json.dumps(entries))

    def get_password(self, service: str, username: str) -> str | None:
        return self._read().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._write(self._read() | {f"{service} {username}": password})

    def delete_password(self, service: str, username: str) -> None:
        entries = self._read()
        if f"{service} {username}" not in entries:
            raise PasswordDeleteError("no such password")
        del entries[f"{service} {username}"]
        self._write(entries)


class LockedKeyring(FileKeyring):
    """A keyring that the user has locked."""

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked("the user did not unlock it")
