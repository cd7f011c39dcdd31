"""Checks names, and the URL of the server, before any request. A wrong name or URL in an argument is an error of
usage."""

from __future__ import annotations

import unicodedata
from typing import Final
from urllib.parse import urlsplit

from .exit_codes import CommandError, ExitCode

_MAX_NAME_BYTES: Final = 255


def validate_name(name: str) -> None:
    """Check that a file on the server can have this name. Raises CommandError if it cannot."""
    reason = _describe_invalid(name)
    if reason:
        raise CommandError(f"{name!r} cannot be the name of a file: {reason}", ExitCode.USAGE, "give another --name")


def check_local_name(name: str) -> None:
    """Check that a file or folder on the server can have the name of a local file or folder. Raises CommandError if it
    cannot."""
    reason = _describe_invalid(name)
    if reason:
        message = f"{name!r} cannot be a name on the server: {reason}"
        raise CommandError(message, ExitCode.FAILED, "rename it, or upload it with `drivebay put --name`")


def validate_server(url: str) -> str:
    """Return the URL of a server without a slash at the end. Raises CommandError if the text is not such a URL."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        message = f"{url!r} is not the URL of a server"
        raise CommandError(message, ExitCode.USAGE, "write it like https://drive.example.com")
    return url.rstrip("/")


def is_id_or_name(text: str, id: str, name: str) -> bool:
    """Return whether an argument is this id or this name. The Unicode form does not matter: names are stored in NFC."""
    return text == id or unicodedata.normalize("NFC", text) == unicodedata.normalize("NFC", name)


def _describe_invalid(name: str) -> str:
    if not name:
        return "it is empty"
    if "/" in name:
        return "it contains a slash: give the folder with --to"
    if name in (".", ".."):
        return "this name always means a folder"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        return "it contains a control character, or bytes that are not UTF-8"
    if len(unicodedata.normalize("NFC", name).encode()) > _MAX_NAME_BYTES:
        return f"it has more than {_MAX_NAME_BYTES} bytes"
    return ""
