"""Settings out of the environment and `.env`: read once, checked whole, handed to each service as its own value.

This is the only reader of the environment. A name that is not in the table, or a value that cannot be,
stops the start with one line that says which and what is accepted.
"""

from __future__ import annotations

import difflib
import io
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from dotenv.parser import parse_stream

from . import values
from .auth.service import Settings as AuthSettings
from .auth.throttle import Rate
from .files.settings import Settings as FilesSettings
from .gateway.settings import Settings as GatewaySettings
from .ingest.settings import EventSource
from .ingest.settings import Settings as IngestSettings
from .janitor.settings import Settings as JanitorSettings
from .storage.settings import Settings as StorageSettings
from .wire.tls import Identity

PREFIX: Final = "DRIVEBAY_"
_OF_USERS: Final = ("DRIVEBAY_SERVER", "DRIVEBAY_TOKEN", "DRIVEBAY_KEYRING")
"""Not ours, but those of the user's commands: who has them in the environment may run a server too."""
_TESTS: Final = "DRIVEBAY_TEST_"
_SECRET_BYTES: Final = 32


class SettingsError(Exception):
    """One line for whoever starts us: the name, what is wrong, what is accepted."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, typed. What is None was not set; servers' addresses are filled in when embedded ones run."""

    host: str
    port: int
    data: Path
    database_url: str | None = field(repr=False)
    nats_url: str | None = field(repr=False)
    s3_endpoint: str | None
    s3_public_endpoint: str | None
    s3_access_key: str | None
    s3_secret_key: str | None = field(repr=False)
    s3_region: str
    s3_addressing: str
    s3_bucket: str
    filer_address: str | None
    auth_address: str | None
    files_address: str | None
    storage_address: str | None
    auth_callers: tuple[str, ...]
    files_callers: tuple[str, ...]
    storage_callers: tuple[str, ...]
    tls_cert: Path | None
    tls_key: Path | None
    tls_ca: Path | None
    metrics_address: str | None
    workers: int
    max_requests: int
    quota: int
    max_file_size: int
    multipart_threshold: int
    parts_ttl: timedelta
    upload_ttl: timedelta
    download_ttl: timedelta
    trash_grace: timedelta
    sweep_interval: timedelta
    janitor_interval: timedelta
    events: str
    events_subject: str
    events_target: str
    webhook_address: str | None
    webhook_token: str | None = field(repr=False)
    access_token_ttl: timedelta
    bcrypt_cost: int
    signup_limit: Rate | None
    login_limit: Rate | None
    allowed_origins: tuple[str, ...]
    trusted_proxies: tuple[str, ...]
    hsts: bool
    log: str
    secret: bytes | None = field(repr=False)
    otlp_endpoint: str | None

    def auth(self) -> AuthSettings:
        return AuthSettings(
            secret=self._secret(),
            access_token_ttl=self.access_token_ttl,
            bcrypt_cost=self.bcrypt_cost,
            bcrypt_threads=max(1, (os.cpu_count() or 1) - 1),
            signup_limit=self.signup_limit,
            login_limit=self.login_limit,
        )

    def files(self) -> FilesSettings:
        return FilesSettings(
            secret=self._secret(),
            quota=self.quota,
            max_file_size=self.max_file_size,
            multipart_threshold=self.multipart_threshold,
            parts_ttl=self.parts_ttl,
            upload_ttl=self.upload_ttl,
            trash_grace=self.trash_grace,
        )

    def storage(self) -> StorageSettings:
        if self.s3_endpoint is None or self.s3_access_key is None or self.s3_secret_key is None:
            raise SettingsError("DRIVEBAY_S3_ENDPOINT, _ACCESS_KEY and _SECRET_KEY are needed for the storage service")
        return StorageSettings(
            endpoint=self.s3_endpoint,
            public_endpoint=self.s3_public_endpoint,
            access_key=self.s3_access_key,
            secret_key=self.s3_secret_key,
            region=self.s3_region,
            in_host=self.s3_addressing == "host",
            bucket=self.s3_bucket,
            allowed_origins=self.allowed_origins or ("*",),
            events_target=None if self.events in ("off", "seaweedfs") or self.filer_address else self.events_target,
        )

    def ingest(self) -> IngestSettings:
        return IngestSettings(
            bucket=self.s3_bucket,
            nats_url=self.nats_url,
            source=EventSource(self.events),
            filer_address=self.filer_address,
            stream=re.sub(r"\W", "_", self.events_subject).upper(),
            subject=self.events_subject,
            sweep_interval=self.sweep_interval,
        )

    def janitor(self) -> JanitorSettings:
        return JanitorSettings(interval=self.janitor_interval)

    def gateway(self) -> GatewaySettings:
        return GatewaySettings(
            upload_ttl=self.upload_ttl,
            download_ttl=self.download_ttl,
            trusted_proxies=self.trusted_proxies,
            allowed_origins=self.allowed_origins,
            hsts=self.hsts,
            max_requests=self.max_requests,
            max_file_size=self.max_file_size,
        )

    @property
    def identity(self) -> Identity | None:
        """Who this process is to other services; None without TLS."""
        if self.tls_cert is None or self.tls_key is None or self.tls_ca is None:
            return None
        return Identity(self.tls_cert, self.tls_key, self.tls_ca)

    def environment(self) -> dict[str, str]:
        """The environment of another process of ours: this one's, and the way to the same servers and secret."""
        told = {
            "DRIVEBAY_DATABASE_URL": self.database_url,
            "DRIVEBAY_NATS_URL": self.nats_url,
            "DRIVEBAY_S3_ENDPOINT": self.s3_endpoint,
            "DRIVEBAY_S3_ACCESS_KEY": self.s3_access_key,
            "DRIVEBAY_S3_SECRET_KEY": self.s3_secret_key,
            "DRIVEBAY_FILER_ADDRESS": self.filer_address,
            "DRIVEBAY_SECRET": self._secret().hex(),
        }
        return {**os.environ, **{name: value for name, value in told.items() if value is not None}}

    def _secret(self) -> bytes:
        if self.secret is None:
            raise SettingsError("DRIVEBAY_SECRET is not set")
        return self.secret


# -- the table ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Setting:
    """`default` is text as it would be written, or None for not set; `shown` is what the guide says instead."""

    name: str
    field: str
    parse: Callable[[str], Any]
    default: str | None
    meaning: str
    shown: str = ""
    secret: bool = False


def _row(
    field: str, parse: Callable[[str], Any], default: str | None, meaning: str, shown: str = "", *, secret: bool = False
) -> Setting:
    return Setting(PREFIX + field.upper(), field, parse, default, meaning, shown, secret)


_text = values.pattern(r"\S(?:.*\S)?", "text")
SETTINGS: Final = (
    _row("host", values.pattern(r"[0-9A-Za-z.:-]+", "a host name or address"), "127.0.0.1", "where the gateway listens"),
    _row("port", values.within(1, 65535), "8080", "its port"),
    _row("data", Path, "./data", "the embedded servers' data; two folders and two ports run side by side"),
    _row("database_url", values.url("postgresql", "postgres"), None, "PostgreSQL", "embedded", secret=True),
    _row("nats_url", values.url("nats", "tls"), None, "NATS with JetStream", "embedded", secret=True),
    _row("s3_endpoint", values.url("http", "https"), None, "the store as services reach it", "embedded"),
    _row("s3_public_endpoint", values.url("http", "https"), None, "the store as clients reach it", "as services"),
    _row("s3_access_key", _text, None, "the store's access key", "embedded"),
    _row("s3_secret_key", _text, None, "the store's secret key", "embedded", secret=True),
    _row("s3_region", values.pattern(r"[A-Za-z0-9-]{1,64}", "a region's name"), "us-east-1", "the store's region"),
    _row("s3_addressing", values.one_of("path", "host"), "path", "where the store wants the bucket's name in a URL"),
    _row("s3_bucket", values.pattern(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "a bucket's name"), "drivebay", "the one bucket"),
    _row("filer_address", values.host_port, None, "gRPC `host:port` of an external SeaweedFS filer, for its events", "embedded"),
    _row("auth_address", values.address, None, "`unix:/path` or `host:port` of the auth service; beyond loopback with TLS", "in process"),
    _row("files_address", values.address, None, "the same of the files service", "in process"),
    _row("storage_address", values.address, None, "the same of the storage service", "in process"),
    _row("auth_callers", values.words, "gateway,cli", "names in certificates that may call the auth service over TLS"),
    _row("files_callers", values.words, "gateway,ingest,janitor,cli", "the same for the files service"),
    _row("storage_callers", values.words, "gateway,files,janitor,cli", "the same for the storage service"),
    _row("tls_cert", Path, None, "certificate of this process for the other services, PEM, with its chain", "no TLS"),
    _row("tls_key", Path, None, "its key, PEM without a password", "no TLS"),
    _row("tls_ca", Path, None, "the authority that the services' certificates come from, PEM", "no TLS"),
    _row("metrics_address", values.host_port, None, "`host:port` for Prometheus, for processes without a gateway", "none"),
    _row("workers", values.within(1, 256), "1", "gateway processes"),
    _row("max_requests", values.within(1, 100_000), "256", "requests each of them works on at once, at most; beyond that 503, and sooner while answers are late"),
    _row("quota", values.size, "10GiB", "bytes an owner may hold, trash and pending uploads included"),
    _row("max_file_size", values.some_bytes, "5TiB", "the largest file; stores take 5 TiB at most"),
    _row("multipart_threshold", values.some_bytes, "64MiB", "what is larger comes in parts; stores take 5 GiB at most in one piece"),
    _row("parts_ttl", values.lasting, "1d", "how long an upload in parts waits for the next part to be asked for"),
    _row("upload_ttl", values.signable, "15m", "life of a signed upload URL, and how long an upload waits for its bytes"),
    _row("download_ttl", values.signable, "5m", "life of a signed download URL"),
    _row("trash_grace", values.duration, "30d", "from the trash to the purge; at least the window of database backups"),
    _row("sweep_interval", values.lasting, "10s", "between sweeps for uploads that no event told of"),
    _row("janitor_interval", values.lasting, "60s", "between rounds of the janitor"),
    _row("events", values.one_of("auto", "minio", "seaweedfs", "off"), "auto", "who tells of new objects; `auto` goes by the store, `off` leaves it to the sweeper"),
    _row("events_subject", values.pattern(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*", "a NATS subject such as drivebay.events"), "drivebay.events", "where the events of this deployment arrive; the stream is named after it"),
    _row("events_target", values.pattern(r"arn:[!-~]+", "an ARN such as arn:minio:sqs::drivebay:nats"), "arn:minio:sqs::drivebay:nats", "what the store calls our NATS: the bucket's notification rule names it"),
    _row("webhook_address", values.host_port, None, "`host:port` where ingest takes events that a store POSTs, at `/events`", "none"),
    _row("webhook_token", values.pattern(r"[!-~]{32,}", "at least 32 printable characters without a space"), None, "the bearer token that such a POST must have", secret=True),
    _row("access_token_ttl", values.counted, "15m", "life of an access token"),
    _row("bcrypt_cost", values.within(4, 31), "12", "work for each password; 4 is for tests"),
    _row("signup_limit", values.rate, "60/m", "sign-ups from one address; `off` for load tests"),
    _row("login_limit", values.rate, "20/m", "logins of one account, and five times that from one address; `off` for load tests"),
    _row("allowed_origins", values.origins, "", "origins of pages that may call the API; the store's CORS rule has the same, or any", "none"),
    _row("trusted_proxies", values.networks, "", "networks whose `X-Forwarded-For` is believed", "none"),
    _row("hsts", values.flag, "off", "`on` behind TLS: answers carry Strict-Transport-Security"),
    _row("log", values.one_of("debug", "info", "warning", "error"), "info", "how much is logged"),
    _row("secret", values.secret, None, "the secret that others derive from (passwords' pepper, cursors, key encryption); the same in every process", "`<data>/secret`, made once", secret=True),
    Setting("OTEL_EXPORTER_OTLP_ENDPOINT", "otlp_endpoint", values.url("http", "https"), None, "where traces go (OTLP over HTTP)"),
)  # fmt: skip
_BY_NAME: Final = {setting.name: setting for setting in SETTINGS}


def of_process(more: Mapping[str, str]) -> Settings:
    """The settings of this process: its environment, `.env` in its working directory, and `more` over both."""
    # gRPC's own library writes to standard error past every logger; what matters is raised as well.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    return with_secret(load({**os.environ, **more}, Path.cwd()))


def load(environ: Mapping[str, str], folder: Path) -> Settings:
    """Settings out of `environ` and, for names not in it, `<folder>/.env`. Raises SettingsError."""
    found = {**_written(folder / ".env"), **environ}
    for name in found:
        if name.startswith(PREFIX) and name not in (*_BY_NAME, *_OF_USERS) and not name.startswith(_TESTS):
            near = difflib.get_close_matches(name, _BY_NAME, 1, 0.6)
            raise SettingsError(f"{name} is not a setting" + (f"; did you mean {near[0]}?" if near else ""))
    settings = Settings(**{setting.field: _parsed(setting, found.get(setting.name)) for setting in SETTINGS})
    _check_together(settings)
    return settings


def _written(file: Path) -> dict[str, str]:
    """What a `.env` file says, to the letter: a `$` in a password is a `$`."""
    if not file.is_file():
        return {}
    try:
        text = file.read_text("utf-8")
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise SettingsError(f"{file} is not UTF-8") from None
    found = {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            # The line itself is not shown: it may be a secret's. Nor left out: a secret would be made anew.
            raise SettingsError(f"{file}, line {binding.original.line}: not NAME=value")
        if binding.key is not None:
            found[binding.key] = binding.value or ""
    return found


def _parsed(setting: Setting, text: str | None) -> Any:
    if text is None or text == "":
        text = setting.default
        if text is None:
            return None
    try:
        return setting.parse(text)
    except ValueError as error:
        shown = "its value" if setting.secret else repr(text)
        raise SettingsError(f"{setting.name}: {shown} is not {error}") from None


def _check_together(settings: Settings) -> None:
    _check_tls(settings)
    keys = (settings.s3_access_key, settings.s3_secret_key)
    if settings.s3_endpoint is not None and None in keys:
        raise SettingsError("DRIVEBAY_S3_ENDPOINT is set: DRIVEBAY_S3_ACCESS_KEY and DRIVEBAY_S3_SECRET_KEY are needed")
    if settings.s3_endpoint is None and (keys != (None, None) or settings.s3_public_endpoint is not None):
        raise SettingsError("DRIVEBAY_S3_ENDPOINT is not set, other settings of the store are: set it, or none of them")
    if (settings.webhook_address is None) != (settings.webhook_token is None):
        raise SettingsError("DRIVEBAY_WEBHOOK_ADDRESS and DRIVEBAY_WEBHOOK_TOKEN are set both, or neither")
    if settings.webhook_address is not None and settings.events == "off":
        raise SettingsError("DRIVEBAY_EVENTS is off: take DRIVEBAY_WEBHOOK_ADDRESS away, or set it to auto")
    if settings.events == "seaweedfs" and settings.s3_endpoint is not None and settings.filer_address is None:
        raise SettingsError("DRIVEBAY_EVENTS is seaweedfs: DRIVEBAY_FILER_ADDRESS is needed")


def _check_tls(settings: Settings) -> None:
    files = {"CERT": settings.tls_cert, "KEY": settings.tls_key, "CA": settings.tls_ca}
    lacking = [name for name, file in files.items() if file is None]
    if 0 < len(lacking) < len(files):
        raise SettingsError(f"DRIVEBAY_TLS_{lacking[0]} is needed: _CERT, _KEY and _CA belong together")
    identity = settings.identity
    if identity is not None:
        try:
            identity.check()
        except ValueError as error:
            raise SettingsError(f"DRIVEBAY_TLS_CERT, _KEY, _CA: {error}") from None
        return
    for name in ("auth", "files", "storage"):
        address = getattr(settings, f"{name}_address")
        if address is not None and not values.is_local(address):
            raise SettingsError(
                f"DRIVEBAY_{name.upper()}_ADDRESS: {address} is not loopback: set DRIVEBAY_TLS_CERT, _KEY and _CA "
                "(`drivebay certs` makes some for a try)"
            )


def with_secret(settings: Settings) -> Settings:
    """The settings with their secret: as set, or the one in the data folder, made on the first start.

    Processes that start at once agree: whoever links its file first has made it. Raises SettingsError.
    """
    if settings.secret is not None:
        return settings
    file = settings.data / "secret"
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists():
            _make_secret(file)
        text = file.read_text("ascii").strip()
    except OSError as error:
        raise SettingsError(f"DRIVEBAY_DATA: {error.strerror}: {file}") from error
    if not re.fullmatch(r"[0-9a-f]{64,}", text):
        raise SettingsError(f"{file} does not hold a secret; restore it from a backup, or set DRIVEBAY_SECRET")
    return replace(settings, secret=bytes.fromhex(text))


def _make_secret(file: Path) -> None:
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".secret-")  # mode 0600
    try:
        with os.fdopen(handle, "w") as writing:
            writing.write(secrets.token_hex(_SECRET_BYTES) + "\n")
            writing.flush()
            os.fsync(writing.fileno())
        try:
            os.link(name, file)
        except FileExistsError:
            return
    finally:
        Path(name).unlink()


def as_markdown() -> str:
    """The guide's table of settings."""
    lines = [
        "# Settings",
        "",
        "Environment variables, or lines `NAME=value` in a file `.env` in the working directory (the environment wins).",
        "The file is read to the letter: a `$` in a value is a `$`.",
        "Durations read `90s`, `15m`, `30d`; sizes `10GiB`, `500MB`; rates `20/m` or `off`. Anything else, and any",
        "`DRIVEBAY_` name that is not listed here, stops the start with one line that says why.",
        "",
        "| name | default | meaning |",
        "| --- | --- | --- |",
    ]
    for setting in SETTINGS:
        default = setting.shown or (f"`{setting.default}`" if setting.default else "none")
        lines.append(f"| `{setting.name}` | {default} | {setting.meaning} |")
    return "\n".join([*lines, ""])
