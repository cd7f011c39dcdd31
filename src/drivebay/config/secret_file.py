"""The root secret in the data folder, created at the first start if no setting contains one."""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

from .settings import Settings, SettingsError

_SECRET_BYTES: Final = 32


def load_or_create_root_secret(settings: Settings) -> Settings:
    """Return the settings with their root secret: the value of the setting, or else the content of `<data>/secret`.

    The file is created if it does not exist. Processes that start at the same time get the same secret.
    Raises SettingsError if the file cannot be created or read, or does not contain a secret.
    """
    if settings.secret is not None:
        return settings
    file = settings.data / "secret"
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists():
            _create_secret(file)
        text = file.read_text("ascii", errors="replace").strip()
    except OSError as error:
        raise SettingsError(f"DRIVEBAY_DATA: {error.strerror}: {file}") from error
    if not re.fullmatch(r"[0-9a-f]{64,}", text):
        raise SettingsError(f"{file} does not contain a secret. Restore it from a backup, or set DRIVEBAY_SECRET.")
    return replace(settings, secret=bytes.fromhex(text))


def _create_secret(file: Path) -> None:
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".secret-")  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as output:
            output.write(secrets.token_hex(_SECRET_BYTES) + "\n")
            output.flush()
            os.fsync(output.fileno())
        try:
            # The link fails if the file exists, so all processes use the secret of the first process.
            os.link(name, file)  # guard: secret-file-first
        except FileExistsError:
            return
    finally:
        Path(name).unlink()
