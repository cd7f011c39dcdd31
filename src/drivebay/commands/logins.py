"""Which server, who, and their tokens: in the system's keyring if there is one, else in a file with mode 0600.

There is one login at a time. `DRIVEBAY_SERVER` names another server, `DRIVEBAY_TOKEN` brings an access token along; a
token is never sent to another server than the one that gave it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import platformdirs

from drivebay.client import InMemory, Session, Tokens

from . import files
from .exits import Exit, Wrong

_SERVICE = "drivebay"
_LOG_IN = "`drivebay login --server https://... --email ...` begins a session"


class Login(msgspec.Struct, frozen=True):
    """`tokens` is None where the keyring has them."""

    server: str
    email: str
    tokens: Tokens | None = None

    def __repr__(self) -> str:
        return f"Login({self.server!r}, {self.email!r})"


class Kept:
    """Implements `Session` on this computer, for all processes of its user."""

    def __init__(self, server: str, email: str, folder: Path | None = None) -> None:
        self._server = server
        self._email = email
        self._file = (folder or _folder()) / "login.json"

    def tokens(self) -> Tokens | None:
        login = stored(self._file)
        if login is None or (login.server, login.email) != (self._server, self._email):
            return None
        if login.tokens is not None:
            return login.tokens
        ring = keyring()
        found = None if ring is None else ring.get_password(_SERVICE, self._entry)
        return None if found is None else msgspec.json.decode(found, type=Tokens)

    def keep(self, tokens: Tokens | None) -> None:
        ring = keyring()
        if tokens is None:
            if ring is not None:
                _forgotten(ring, self._entry)
            self._file.unlink(missing_ok=True)
            return
        in_ring = ring is not None and _taken(ring, self._entry, msgspec.json.encode(tokens).decode())
        login = Login(self._server, self._email, None if in_ring else tokens)
        files.write(self._file, msgspec.json.encode(login))

    @contextmanager
    def alone(self) -> Iterator[None]:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._file.with_name("login.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @property
    def _entry(self) -> str:
        return f"{self._email} at {self._server}"


def current() -> tuple[str, Session]:
    """The server to talk to, and as whom. Raises Wrong if that is not known."""
    server = os.environ.get("DRIVEBAY_SERVER", "").rstrip("/")
    token = os.environ.get("DRIVEBAY_TOKEN", "")
    login = stored(_folder() / "login.json")
    if token:
        at = server or (login.server if login else "")
        if not at:
            raise Wrong("DRIVEBAY_TOKEN is set, but no server", Exit.REFUSED, "set DRIVEBAY_SERVER too")
        return at, InMemory(Tokens(token))
    if login is None:
        raise Wrong("nobody is logged in", Exit.REFUSED, _LOG_IN)
    if server and server != login.server:
        raise Wrong(f"nobody is logged in at {server}, but {login.email} at {login.server}", Exit.REFUSED, _LOG_IN)
    return login.server, Kept(login.server, login.email)


def stored(file: Path) -> Login | None:
    body = files.read(file)
    try:
        return None if body is None else msgspec.json.decode(body, type=Login)
    except msgspec.MsgspecError:
        raise Wrong(f"{file} cannot be read", Exit.REFUSED, "remove it, and log in again") from None


def server_for(given: str | None) -> str:
    """The server to log in to. Raises Wrong."""
    login = stored(_folder() / "login.json")
    server = given or os.environ.get("DRIVEBAY_SERVER") or (login.server if login else None)
    if server is None:
        raise Wrong("which server?", Exit.USAGE, "say --server https://..., or set DRIVEBAY_SERVER")
    return server.rstrip("/")


def keyring() -> Any | None:
    """The system's keyring, if the package is there (`drivebay[keyring]`), it works, and nobody said no."""
    if os.environ.get("DRIVEBAY_KEYRING", "").lower() == "off":
        return None
    try:
        import keyring as ring
    except ImportError:
        return None
    # Backends of a priority under 1 are for nobody's secrets: none at all, or plain text.
    return ring if ring.get_keyring().priority >= 1 else None


def _taken(ring: Any, entry: str, secret: str) -> bool:
    try:
        ring.set_password(_SERVICE, entry, secret)
    except ring.errors.KeyringError:
        return False  # it is locked, perhaps; then the file has to do
    return True


def _forgotten(ring: Any, entry: str) -> None:
    try:
        ring.delete_password(_SERVICE, entry)
    except ring.errors.KeyringError:
        return  # nothing was there


def _folder() -> Path:
    return platformdirs.user_config_path("drivebay")
