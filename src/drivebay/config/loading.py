"""Loads settings from the environment and `.env` and checks that they can be used together.

An unknown name or an invalid value stops the start with one line: the name, the problem and the accepted values.
"""

from __future__ import annotations

import difflib
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from dotenv.parser import parse_stream

from . import parsing
from .declarations import PREFIX, Declaration
from .secret_file import load_or_create_root_secret
from .settings import SETTINGS, Settings, SettingsError

_CLIENT_NAMES: Final = (
    *("DRIVEBAY_SERVER", "DRIVEBAY_TOKEN", "DRIVEBAY_KEYRING"),
    *("DRIVEBAY_PROFILE", "DRIVEBAY_DRIVE", "DRIVEBAY_SHARED"),
)
"""Settings of the user commands. A server accepts them too, because a user may have them in the environment."""
_TEST_PREFIX: Final = "DRIVEBAY_TEST_"
_DECLARED_NAMES: Final = frozenset(declaration.name for declaration in SETTINGS)


def load_process(overrides: Mapping[str, str], *, existing: frozenset[str] = frozenset()) -> Settings:
    """Return the settings of this process, with their root secret.

    `overrides` take precedence over environment variables, and environment variables take precedence over `.env` in the
    working directory. For the services in `existing` (`auth`, `files`) no new database is created: the settings must
    contain their addresses or a database, or the data folder must contain a database. Raises SettingsError.
    """
    # The gRPC library writes to standard error without a logger. Every problem that matters is also raised as an error.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    settings = load({**os.environ, **overrides}, Path.cwd())
    _check_database_exists(settings, existing)
    return load_or_create_root_secret(settings)


def load(environ: Mapping[str, str], folder: Path) -> Settings:
    """Return the settings in `environ`. Names that `environ` lacks are read from `<folder>/.env`. Raises
    SettingsError."""
    texts = {**_read_env_file(folder / ".env"), **environ}
    _refuse_unknown_names(texts)
    values = {declaration.field: _parse(declaration, texts.get(declaration.name)) for declaration in SETTINGS}
    settings = msgspec.convert(values, Settings)
    _check_store(settings)
    _check_events(settings)
    _check_mail(settings)
    _check_oidc(settings)
    _check_tls(settings)
    return settings


def _check_database_exists(settings: Settings, services: frozenset[str]) -> None:
    addresses = {"auth": settings.auth_address, "files": settings.files_address}
    is_needed = any(address is None for service, address in addresses.items() if service in services)
    if is_needed and settings.database_url is None and not (settings.data / "postgres").exists():
        raise SettingsError(
            f"{settings.data.absolute()} contains no database. Run the command in the folder in which `drivebay run` "
            "was started and with the same settings, or start `drivebay run` first. If the deployment has no data "
            "folder here, set DRIVEBAY_DATABASE_URL, or the addresses of its services."
        )


def _read_env_file(file: Path) -> dict[str, str]:
    # dotenv's own loader replaces `$NAME` in values, which would change passwords.
    if not file.is_file():
        return {}
    try:
        text = file.read_text("utf-8")
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise SettingsError(f"{file} is not UTF-8") from None
    values = {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            # The message does not show the line, which may hold a secret.
            raise SettingsError(f"{file}, line {binding.original.line}: not NAME=value")
        if binding.key is not None:
            values[binding.key] = binding.value or ""
    return values


def _refuse_unknown_names(names: Mapping[str, str]) -> None:
    for name in names:
        if not name.startswith(PREFIX) or name.startswith(_TEST_PREFIX):
            continue
        if name not in _DECLARED_NAMES and name not in _CLIENT_NAMES:  # guard: setting-name
            similar = difflib.get_close_matches(name, sorted(_DECLARED_NAMES), 1, 0.6)
            suggestion = f"; did you mean {similar[0]}?" if similar else ""
            raise SettingsError(f"{name} is not a setting{suggestion}")


def _parse(declaration: Declaration, text: str | None) -> Any:
    # An empty value counts as not set, so an empty environment variable cancels a line of `.env`.
    text = text or declaration.default
    if text is None:
        return None
    try:
        return declaration.parse(text)
    except ValueError as error:
        described_value = "its value" if declaration.secret else repr(text)
        raise SettingsError(f"{declaration.name}: {described_value} is not {error}") from None


def _check_store(settings: Settings) -> None:
    keys = (settings.s3_access_key, settings.s3_secret_key)
    if settings.s3_endpoint is not None and None in keys:
        raise SettingsError("DRIVEBAY_S3_ENDPOINT is set: set DRIVEBAY_S3_ACCESS_KEY and DRIVEBAY_S3_SECRET_KEY too")
    if settings.s3_endpoint is None and keys != (None, None):
        raise SettingsError(
            "DRIVEBAY_S3_ENDPOINT is not set, but other settings of the store are: set it, or remove the others"
        )


def _check_events(settings: Settings) -> None:
    if (settings.webhook_address is None) != (settings.webhook_token is None):
        raise SettingsError("DRIVEBAY_WEBHOOK_ADDRESS and DRIVEBAY_WEBHOOK_TOKEN belong together: set both, or neither")
    if settings.webhook_address is not None and settings.events == "off":
        raise SettingsError("DRIVEBAY_EVENTS is off: remove DRIVEBAY_WEBHOOK_ADDRESS, or set DRIVEBAY_EVENTS to auto")
    if settings.events == "seaweedfs" and settings.s3_endpoint is not None and settings.filer_address is None:
        raise SettingsError("DRIVEBAY_EVENTS is seaweedfs: set DRIVEBAY_FILER_ADDRESS too")


def _check_mail(settings: Settings) -> None:
    if (settings.smtp_url is None) != (settings.mail_from is None):
        raise SettingsError("DRIVEBAY_SMTP_URL and DRIVEBAY_MAIL_FROM belong together: set both, or neither")


def _check_oidc(settings: Settings) -> None:
    if (settings.oidc_issuer is None) != (settings.oidc_client_id is None):
        raise SettingsError("DRIVEBAY_OIDC_ISSUER and DRIVEBAY_OIDC_CLIENT_ID belong together: set both, or neither")
    if settings.oidc_issuer is not None:
        return
    others = (settings.oidc_client_secret, settings.oidc_admin_claim)
    if others != (None, None) or settings.oidc_auto_create or settings.oidc_link_by_email:
        raise SettingsError("DRIVEBAY_OIDC_ISSUER is not set, but other settings of the identity provider are")
    if not settings.passwords:
        raise SettingsError("DRIVEBAY_PASSWORDS is off: set DRIVEBAY_OIDC_ISSUER too, otherwise no login is possible")


def _check_tls(settings: Settings) -> None:
    files = {"CERT": settings.tls_cert, "KEY": settings.tls_key, "CA": settings.tls_ca}
    missing = [name for name, file in files.items() if file is None]
    if 0 < len(missing) < len(files):
        raise SettingsError(f"DRIVEBAY_TLS_{missing[0]} is not set: set DRIVEBAY_TLS_CERT, _KEY and _CA together")
    identity = settings.identity
    if identity is not None:
        try:
            identity.check()
        except ValueError as error:
            raise SettingsError(f"DRIVEBAY_TLS_CERT, _KEY, _CA: {error}") from None
        return
    for service in ("auth", "files", "storage"):
        address = getattr(settings, f"{service}_address")
        if address is not None and not parsing.is_local(address):  # guard: service-address-tls
            raise SettingsError(
                f"DRIVEBAY_{service.upper()}_ADDRESS: {address} is not loopback: set DRIVEBAY_TLS_CERT, _KEY and _CA "
                "(`drivebay certs` creates certificates for testing)"
            )
