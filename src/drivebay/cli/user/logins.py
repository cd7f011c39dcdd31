"""The login of this user: server, email address and tokens.

One login is stored for each profile, which `--profile` or DRIVEBAY_PROFILE names. Its tokens are in the system's
keyring if there is one, otherwise in a file with mode 0600. A stored token is sent only to the server that issued it.

If `DRIVEBAY_TOKEN` is set, this token is used instead of the stored login. The stored login is not changed. The token
is sent to `DRIVEBAY_SERVER`, or if that is not set, to the server of the stored login.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import platformdirs

from drivebay.client import MemoryTokenStore, Tokens, TokenStore

from .atomic_files import read_if_exists, write_atomically
from .exit_codes import CommandError, ExitCode
from .server_names import validate_server

_KEYRING_SERVICE: Final = "drivebay"
_MIN_KEYRING_PRIORITY: Final = 1
"""The lowest priority of a keyring backend that is used. Backends with a lower priority store nothing, or store plain
text."""
_PROFILE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Login(msgspec.Struct, frozen=True):
    """The content of the login file of a profile. `tokens` is None if they are in the keyring."""

    server: str
    email: str
    tokens: Tokens | None = None

    def __repr__(self) -> str:
        return f"Login({self.server!r}, {self.email!r})"


class StoredTokens:
    """A `TokenStore` for one account on one server, shared by all processes of this user."""

    def __init__(self, server: str, email: str) -> None:
        self._server = server
        self._email = email
        self._file = _login_file()

    def load(self) -> Tokens | None:
        login = read_login(self._file)
        if login is None or (login.server, login.email) != (self._server, self._email):
            return None
        if login.tokens is not None:
            return login.tokens
        keyring = system_keyring()
        secret = None if keyring is None else _read_secret(keyring, self._keyring_entry)
        return None if secret is None else msgspec.json.decode(secret, type=Tokens)

    def save(self, tokens: Tokens | None) -> None:
        keyring = system_keyring()
        if tokens is None:
            if keyring is not None:
                _delete_secret(keyring, self._keyring_entry)
            self._file.unlink(missing_ok=True)
            return
        secret = msgspec.json.encode(tokens).decode()
        in_keyring = keyring is not None and _store_secret(keyring, self._keyring_entry, secret)
        login = Login(self._server, self._email, None if in_keyring else tokens)
        write_atomically(self._file, msgspec.json.encode(login))

    @contextmanager
    def refresh_lock(self) -> Iterator[None]:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._file.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @property
    def _keyring_entry(self) -> str:
        profile = current_profile()
        return f"{self._email} at {self._server}" + (f" ({profile})" if profile else "")


def current_login() -> tuple[str, TokenStore]:
    """Return the server and the tokens that commands use.

    Raises CommandError if there is no stored login and no DRIVEBAY_TOKEN, if DRIVEBAY_SERVER is not the server of the
    stored login, or if no server is known for DRIVEBAY_TOKEN.
    """
    server = os.environ.get("DRIVEBAY_SERVER", "")
    server = validate_server(server) if server else ""
    token = os.environ.get("DRIVEBAY_TOKEN", "")
    login = read_login(_login_file())
    if token:
        token_server = server or (login.server if login else "")
        if not token_server:
            raise CommandError(
                "DRIVEBAY_TOKEN is set, but no server is known",
                ExitCode.REFUSED,
                "set DRIVEBAY_SERVER too",
            )
        return token_server, MemoryTokenStore(Tokens(token))
    if login is None:
        raise CommandError("you are not logged in", ExitCode.REFUSED, _log_in_step())
    if server and server != login.server:
        message = f"you are logged in as {login.email} at {login.server}, but DRIVEBAY_SERVER is {server}"
        raise CommandError(message, ExitCode.REFUSED, f"{_log_in_step()}, or unset DRIVEBAY_SERVER")
    return login.server, StoredTokens(login.server, login.email)


def read_login(file: Path) -> Login | None:
    """Return the stored login, or None if there is none. Raises CommandError if the file is not valid."""
    content = read_if_exists(file)
    try:
        return None if content is None else msgspec.json.decode(content, type=Login)
    except msgspec.MsgspecError:
        raise CommandError(f"{file} is not valid", ExitCode.REFUSED, "remove the file and log in again") from None


def server_for_login(option: str | None) -> str:
    """Return the server for a login: `option`, DRIVEBAY_SERVER, or the server of the stored login. Raises
    CommandError."""
    server = find_server() if option is None else option
    if server is None:
        raise CommandError("no server given", ExitCode.USAGE, "add --server https://..., or set DRIVEBAY_SERVER")
    return validate_server(server)


def find_server() -> str | None:
    """Return DRIVEBAY_SERVER, or the server of the stored login, or None. Raises CommandError."""
    login = read_login(_login_file())
    return os.environ.get("DRIVEBAY_SERVER") or (login.server if login else None)


def system_keyring() -> Any | None:
    """Return the `keyring` module, or None if it is not installed (`drivebay[keyring]`), unusable or turned off."""
    if os.environ.get("DRIVEBAY_KEYRING", "").lower() == "off":
        return None
    try:
        import keyring
    except ImportError:
        return None
    return keyring if keyring.get_keyring().priority >= _MIN_KEYRING_PRIORITY else None


def _read_secret(keyring: Any, entry: str) -> str | None:
    try:
        secret: str | None = keyring.get_password(_KEYRING_SERVICE, entry)
    except keyring.errors.KeyringError as error:
        next_step = "unlock the keyring, or log in again with DRIVEBAY_KEYRING=off"
        raise CommandError(f"the keyring cannot be read: {error}", ExitCode.REFUSED, next_step) from None
    return secret


def _store_secret(keyring: Any, entry: str, secret: str) -> bool:
    try:
        keyring.set_password(_KEYRING_SERVICE, entry, secret)
    except keyring.errors.KeyringError:
        return False  # for example a locked keyring: the tokens are stored in the file instead
    return True


def _delete_secret(keyring: Any, entry: str) -> None:
    try:
        keyring.delete_password(_KEYRING_SERVICE, entry)
    except keyring.errors.KeyringError:
        return  # the entry does not exist, or the keyring is locked and the tokens stay in it


def current_profile() -> str:
    """Return the name of the profile that commands use, or an empty string. Raises CommandError if it is not valid."""
    profile = os.environ.get("DRIVEBAY_PROFILE", "")
    if profile and not _PROFILE.fullmatch(profile):
        next_step = "use letters, digits, `-` and `_`"
        raise CommandError(f"{profile!r} cannot be the name of a profile", ExitCode.USAGE, next_step)
    return profile


def _login_file() -> Path:
    folder, profile = platformdirs.user_config_path("drivebay"), current_profile()
    return folder / "profiles" / f"{profile}.json" if profile else folder / "login.json"


def _log_in_step() -> str:
    profile = current_profile()
    option = f" --profile {profile}" if profile else ""
    return f"log in with `drivebay login{option} --server https://... --email ...`"
