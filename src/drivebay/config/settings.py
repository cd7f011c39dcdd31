"""Every setting, declared once: type, parser, default, description and secrecy. The guide is generated from them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from ..auth.settings import OidcProvider, Rate, SignupMode
from ..auth.settings import Settings as AuthSettings
from ..contract.auth import relying_party
from ..contract.files import ReceiverRules
from ..files.settings import MIN_PURGES
from ..files.settings import Settings as FilesSettings
from ..gateway.settings import Settings as GatewaySettings
from ..gateway.settings import WebSettings
from ..ingest.settings import EventSource
from ..ingest.settings import Settings as IngestSettings
from ..janitor.settings import Settings as JanitorSettings
from ..rpc.tls import Identity
from ..storage.settings import Settings as StorageSettings
from ..web.content_security import origin_of
from ..worker.settings import Settings as WorkerSettings
from ..worker.settings import SmtpServer
from ..worker.thumbnail_subprocess import MAX_VIDEO, has_libraries, has_video_library
from .declarations import declarations, setting
from .parsing import (
    audit_age,
    choice,
    claim,
    comma_separated,
    duration,
    host_port,
    host_ports,
    idle_timeout,
    integer,
    issuer_url,
    mail_sender,
    matching,
    nats_servers,
    networks,
    on_or_off,
    origins,
    positive_duration,
    positive_size,
    public_url,
    rate,
    receiver_rules,
    root_secret,
    service_address,
    signed_url_lifetime,
    size,
    smtp_url,
    token_lifetime,
    url,
)

_any_text = matching(r"\S(?:.*\S)?", "text")
_host = matching(r"[0-9A-Za-z.:-]+", "a host name or address")
_region = matching(r"[A-Za-z0-9-]{1,64}", "a region's name")
_bucket = matching(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "a bucket's name")
_subject = matching(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*", "a NATS subject such as drivebay.events")
_arn = matching(r"arn:[!-~]+", "an ARN such as arn:minio:sqs::drivebay:nats")
_web_name = matching(r"[^\x00-\x1f<>]{1,60}", "a name of up to 60 characters")
_web_color = matching(r"#[0-9A-Fa-f]{6}", "a color such as #0b7285")
_bearer_token = matching(r"[!-~]{32,}", "at least 32 printable characters without a space")


class SettingsError(Exception):
    """A setting cannot be used. The message is one line: the name, the problem and the accepted values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one process. None means not set.

    The composition root fills in the addresses of embedded servers after it has started them.
    """

    # fmt: off
    host: str = setting("IP address that the gateway listens on. If it is not a loopback address, the S3 port of the embedded store listens on it too.", _host, "127.0.0.1")
    port: int = setting("Port of the gateway.", integer(1, 65535), "8080")
    public_url: str | None = setting("URL under which clients reach the gateway, with its path if it has one. `Location` headers, the URLs of links and archives, the links in mails, the redirects of sign-ins and the `source` of webhook events begin with it. Set it for gateway, auth, files and worker. Passkeys belong to its host name: they need https, and are lost when the host name changes.", public_url, default_note="made from the request; in mails from `DRIVEBAY_HOST` and `DRIVEBAY_PORT`")
    data: Path = setting("Folder with the data of the embedded servers. Two instances can run side by side with different folders and ports.", Path, "./data")
    database_url: str | None = setting("URL of the PostgreSQL database.", url("postgresql", "postgres"), default_note="embedded", secret=True)
    database_connections: int = setting("Maximum number of connections of a process to PostgreSQL, for each of auth and files.", integer(1, 1000), "10")
    nats_url: str | None = setting("URL of NATS, with JetStream. For a cluster, the URLs of its servers with commas and no spaces: Drivebay uses one that responds.", nats_servers, default_note="embedded", secret=True)
    nats_replicas: int = setting("Number of servers of a NATS cluster that keep a copy of the events: 3 in a cluster of three. If you set a higher number, the existing stream gets more copies. With a lower number, it keeps its copies.", integer(1, 5), "1")
    s3_endpoint: str | None = setting("URL of the store for the services.", url("http", "https"), default_note="embedded")
    s3_public_endpoint: str | None = setting("URL of the store for clients. It is part of every presigned URL.", url("http", "https"), default_note="value of `DRIVEBAY_S3_ENDPOINT`; for the embedded store, made from `DRIVEBAY_HOST`")
    s3_access_key: str | None = setting("Access key of the store.", _any_text, default_note="embedded")
    s3_secret_key: str | None = setting("Secret key of the store.", _any_text, default_note="embedded", secret=True)
    s3_region: str = setting("Region of the store.", _region, "us-east-1")
    s3_addressing: str = setting("Where a URL names the bucket: in its `path` or in its `host`.", choice("path", "host"), "path")
    s3_bucket: str = setting("Bucket that holds every object.", _bucket, "drivebay")
    sign_locally: bool = setting("`on`: a gateway process without the storage service signs URLs itself, which saves a call for each upload and download. It then needs the `DRIVEBAY_S3_*` settings of the storage service.", on_or_off, "off")
    filer_address: str | None = setting("gRPC `host:port` of an external SeaweedFS filer, whose events ingest reads. For a cluster, the addresses of all its filers with commas and no spaces.", host_ports, default_note="embedded")
    auth_address: str | None = setting("`unix:/path` or `host:port` of the auth service. An address that is not loopback needs TLS. The processes that call the service may have several addresses: `10.0.0.1:7001,10.0.0.2:7001`.", service_address, default_note="in process")
    files_address: str | None = setting("Address of the files service, in the form of `DRIVEBAY_AUTH_ADDRESS`.", service_address, default_note="in process")
    storage_address: str | None = setting("Address of the storage service, in the form of `DRIVEBAY_AUTH_ADDRESS`.", service_address, default_note="in process")
    auth_callers: tuple[str, ...] = setting("Certificate names that may call the auth service over TLS.", comma_separated, "gateway,worker,cli")
    files_callers: tuple[str, ...] = setting("Certificate names that may call the files service over TLS.", comma_separated, "gateway,ingest,janitor,worker,cli")
    storage_callers: tuple[str, ...] = setting("Certificate names that may call the storage service over TLS.", comma_separated, "gateway,files,janitor,worker,cli")
    tls_cert: Path | None = setting("Certificate that this process presents to other services, in PEM, with its chain.", Path, default_note="no TLS")
    tls_key: Path | None = setting("Private key of the certificate in `DRIVEBAY_TLS_CERT`, in PEM, without a password.", Path, default_note="no TLS")
    tls_ca: Path | None = setting("Authority that issues the certificates of the services, in PEM.", Path, default_note="no TLS")
    metrics_address: str | None = setting("`host:port` of `/metrics` for Prometheus. Processes without a gateway need it. A gateway has `/metrics` on its own port, or at `DRIVEBAY_OPERATIONS_ADDRESS`.", host_port)
    operations_address: str | None = setting("`host:port` of `/metrics` and of `/readyz` with all details. The port of the gateway then has no `/metrics`, and its `/readyz` has no details.", host_port)
    stop_delay: timedelta = setting("How long a gateway that gets SIGTERM still handles requests while `/readyz` responds with 503, so that load balancers stop sending requests. Set it to several intervals of their health check. The program that sends SIGTERM must wait at least 20 seconds longer before it sends SIGKILL.", duration, "0s")
    workers: int = setting("Number of gateway processes, which share the port of the gateway.", integer(1, 256), "1")
    max_requests: int = setting("Maximum number of requests that one gateway process handles at the same time. Further requests get 503. While responses are slow, the process accepts fewer requests.", integer(1, 100_000), "256")
    shared_drives: str = setting("Who may create shared drives: `anyone` or `admins`.", choice("anyone", "admins"), "anyone")
    user_requests: int = setting("Maximum number of requests of one user that a gateway process handles at the same time. Requests without a login are counted by network (an IPv4 address or an IPv6 /64). Further requests get 429.", integer(1, 100_000), "64")
    user_streams: int = setting("Maximum number of requests of one user that send bytes over tus at the same time, in each gateway process. Further requests get 429.", integer(1, 100_000), "16")
    archives: int = setting("Maximum number of archives that a gateway process sends at the same time. Further downloads get 503 with `Retry-After`.", integer(1, 100_000), "16")
    user_archives: int = setting("Maximum number of archives of one user that a gateway process sends at the same time. Downloads with a link, without an account, are counted by network.", integer(1, 100_000), "4")
    archive_timeout: timedelta = setting("How long the client of an archive may take to accept the next bytes. Then the client is disconnected. While an archive is sent, the access to it is checked again at this interval.", positive_duration, "1m")
    user_waits: int = setting("Maximum number of requests of one user that wait for changes (`wait=` and `/v1/events`), in each gateway process. Further requests get 429.", integer(1, 100_000), "256")
    web: bool = setting("The web app at `/`. `off`: `/` shows the documentation of the API.", on_or_off, "on")
    web_name: str = setting("Name that the web app shows.", _web_name, "Drivebay")
    web_color: str | None = setting("Accent color of the web app, such as `#0b7285`.", _web_color, default_note="blue")
    idle_timeout: timedelta = setting("How long a connection may wait for the complete headers of its next request, or how long a response may wait for a client that does not read it. Make it longer than your proxy keeps idle connections.", idle_timeout, "30s")
    quota: int = setting("Bytes that a drive may store, including old versions, trash and pending uploads.", size, "10GiB")
    max_entries: int = setting("Files and folders that a drive may have, including trash and pending uploads. A drive may have up to twice as many tombstones (at least 1,000,000). Beyond that, uploads get 429.", integer(1, 2**53), "10000000")
    max_file_size: int = setting("Largest file. Stores accept 5 TiB at most.", positive_size, "5TiB")
    multipart_threshold: int = setting("Size above which an upload must be sent in parts. Clients may use parts earlier. Stores accept 5 GiB at most in one request.", positive_size, "64MiB")
    parts_ttl: timedelta = setting("How long an upload in parts waits for the next request for a part.", positive_duration, "1d")
    upload_ttl: timedelta = setting("Lifetime of a presigned upload URL, and how long an upload waits for its bytes.", signed_url_lifetime, "15m")
    download_ttl: timedelta = setting("Lifetime of a presigned download URL.", signed_url_lifetime, "5m")
    archive_ttl: timedelta = setting("How long the URL of an archive (`POST /v1/archives`) works. The URL ends earlier when the creator of the archive loses access to one of the items, or when the account of the creator is disabled or deleted.", positive_duration, "6h")
    trash_grace: timedelta = setting("How long deleted files can be restored from the trash. Then they are purged. Keep it at least as long as you keep database backups.", duration, "30d")
    versions_keep: int = setting("Number of old versions of a file that are kept, in addition to the current version. With 0, replaced content is deleted immediately.", integer(0, 100_000), "20")
    versions_age: timedelta = setting("How long an old version is kept after it was replaced.", duration, "30d")
    sweep_interval: timedelta = setting("Pause between sweeps for uploads that no event reported.", positive_duration, "10s")
    sweep_rate: int = setting("Maximum number of uploads that the sweeps look up in a second while events arrive. After an interruption of the events, the sweeps look up all pending uploads without this limit.", integer(1, 1_000_000), "50")
    janitor_interval: timedelta = setting("Pause between rounds of the janitor. Items that are deleted from the trash count in the quota until the next round.", positive_duration, "30s")
    events: str = setting("Source of object events: `auto` (depends on the store), `minio`, `seaweedfs` or `off`. With `off` only the sweep finds uploads.", choice("auto", "minio", "seaweedfs", "off"), "auto")
    events_subject: str = setting("NATS subject of the events of this deployment. The stream is named after it.", _subject, "drivebay.events")
    events_target: str = setting("ARN of the NATS target that the configuration of the store has for Drivebay. The notification rule of the bucket names it.", _arn, "arn:minio:sqs::drivebay:nats")
    webhook_address: str | None = setting("`host:port` of the event endpoint of ingest, to which a store POSTs its events (`/events`). In spite of its name, this setting has nothing to do with the webhooks of users.", host_port)
    webhook_token: str | None = setting("Bearer token that a request to the event endpoint must have.", _bearer_token, secret=True)
    access_token_ttl: timedelta = setting("Lifetime of an access token.", token_lifetime, "15m")
    bcrypt_cost: int = setting("Cost of a password hash. 4 is for tests.", integer(4, 31), "12")
    signup: str = setting("Who may create an account: with `open`, everybody. With `closed` and `invite`, sign-ups are refused, and admins can invite people. `closed` and `invite` differ only in the message of the refusal.", choice("open", "invite", "closed"), "open")
    signup_limit: Rate | None = setting("Sign-ups from one network. `off` is for load tests.", rate, "60/m")
    login_limit: Rate | None = setting("Failed logins of one account from one network, and five times as many from one network to all accounts. `off` is for load tests.", rate, "20/m")
    smtp_url: SmtpServer | None = setting("Mail server: `smtp://user:password@host:587`, which needs STARTTLS, or `smtps://`. User and password are percent-encoded. A server on this machine needs no TLS, except with `?tls=starttls`. With `?tls=off`, a server on another machine needs no TLS either.", smtp_url, default_note="no mail", secret=True)
    mail_from: str | None = setting("Sender of mails, such as `Drivebay <drive@example.com>`.", mail_sender, default_note="no mail")
    webhooks_allow: ReceiverRules = setting("Receivers of webhooks that are allowed besides HTTPS to public IP addresses: `http` allows URLs without TLS, `private` allows private and loopback IP addresses. Both: `http,private`. With `private`, every user can send requests into the network of the worker.", receiver_rules, "", default_note="neither")
    thumbnails: bool = setting("Thumbnails of images and PDF documents, which the worker makes. Set it for files and worker. With `off`, `GET /v1/files/{id}/thumbnail` responds with 404.", on_or_off, "on")
    passwords: bool = setting("`off`: people can sign in only with the identity provider. Sign-ups and logins with a password are refused.", on_or_off, "on")
    oidc_issuer: str | None = setting("URL of an identity provider (OpenID Connect), as its configuration names it.", issuer_url, default_note="none")
    oidc_client_id: str | None = setting("Client id at the identity provider. Its redirect URI is `<DRIVEBAY_PUBLIC_URL>/v1/oidc/callback`.", _any_text, default_note="none")
    oidc_client_secret: str | None = setting("Client secret at the identity provider. A public client has no secret.", _any_text, default_note="none", secret=True)
    oidc_auto_create: bool = setting("`on`: a person whom the identity provider knows, and whose email address it has verified, gets an account at the first sign-in.", on_or_off, "off")
    oidc_link_by_email: bool = setting("`on`: at the first sign-in a person gets the account that has their email address, if the provider has verified it.", on_or_off, "off")
    oidc_admin_claim: tuple[str, str] | None = setting("Claim of the ID token that makes an account an admin, such as `groups=drivebay-admins`. An account without the claim loses the role.", claim, default_note="roles stay as they are")
    audit_age: timedelta = setting("How long the audit log keeps its records.", audit_age, "365d")
    allowed_origins: tuple[str, ...] = setting("Origins of web pages that may call the API. The CORS rule of the store allows these origins and, with the web app, the origin of `DRIVEBAY_PUBLIC_URL`. If this is empty, the store allows all origins.", origins, "", default_note="none")
    trusted_proxies: tuple[str, ...] = setting("Networks of proxies whose `X-Forwarded-For` or `Forwarded` is trusted.", networks, "", default_note="none")
    hsts: bool = setting("`on` behind TLS: responses have the header Strict-Transport-Security.", on_or_off, "off")
    log: str = setting("Lowest level that is logged: `debug`, `info`, `warning` or `error`.", choice("debug", "info", "warning", "error"), "info")
    secret: bytes | None = setting("Root secret, from which other keys are derived (password pepper, cursors, key encryption, metadata of objects). Every process needs the same secret.", root_secret, default_note="`<data>/secret`, created at the first start", secret=True)
    otlp_endpoint: str | None = setting("Where traces are sent (OTLP over HTTP).", url("http", "https"), variable="OTEL_EXPORTER_OTLP_ENDPOINT")
    # fmt: on

    def auth(self) -> AuthSettings:
        """Return the settings of the auth service. Raises SettingsError without a root secret."""
        return AuthSettings(
            secret=self._require_secret(),
            access_token_ttl=self.access_token_ttl,
            bcrypt_cost=self.bcrypt_cost,
            bcrypt_threads=max(1, (os.cpu_count() or 1) - 1),
            signup=SignupMode(self.signup),
            signup_limit=self.signup_limit,
            login_limit=self.login_limit,
            audit_age=self.audit_age,
            sends_mail=self.smtp_url is not None,
            oidc=self._oidc_provider(),
            passwords=self.passwords,
            public_url=self.public_url,
        )

    def files(self) -> FilesSettings:
        """Return the settings of the files service. Raises SettingsError without a root secret."""
        return FilesSettings(
            secret=self._require_secret(),
            quota=self.quota,
            max_entries=self.max_entries,
            max_purges=max(2 * self.max_entries, MIN_PURGES),
            max_file_size=self.max_file_size,
            multipart_threshold=self.multipart_threshold,
            parts_ttl=self.parts_ttl,
            upload_ttl=self.upload_ttl,
            archive_ttl=self.archive_ttl,
            trash_grace=self.trash_grace,
            bcrypt_cost=self.bcrypt_cost,
            versions_keep=self.versions_keep,
            versions_age=self.versions_age,
            receivers=self.webhooks_allow,
            thumbnails=self.thumbnails and has_libraries(),
            max_video_source=MAX_VIDEO if has_video_library() else 0,
        )

    def storage(self) -> StorageSettings:
        """Return the settings of the storage service. Raises SettingsError without a store or a root secret."""
        if self.s3_endpoint is None or self.s3_access_key is None or self.s3_secret_key is None:
            raise SettingsError(
                "set DRIVEBAY_S3_ENDPOINT, DRIVEBAY_S3_ACCESS_KEY and DRIVEBAY_S3_SECRET_KEY: signing URLs needs them"
            )
        return StorageSettings(
            endpoint=self.s3_endpoint,
            public_endpoint=self.s3_public_endpoint,
            access_key=self.s3_access_key,
            secret_key=self.s3_secret_key,
            region=self.s3_region,
            virtual_hosted=self.s3_addressing == "host",
            bucket=self.s3_bucket,
            allowed_origins=self._store_origins,
            events_target=None if self.events in ("off", "seaweedfs") or self.filer_address else self.events_target,
            root_secret=self._require_secret(),
        )

    def ingest(self) -> IngestSettings:
        """Return the settings of ingest."""
        return IngestSettings(
            bucket=self.s3_bucket,
            nats_url=self.nats_url,
            source=EventSource(self.events),
            filer_address=self.filer_address,
            stream=re.sub(r"\W", "_", self.events_subject).upper(),
            subject=self.events_subject,
            replicas=self.nats_replicas,
            sweep_interval=self.sweep_interval,
            sweep_rate=self.sweep_rate,
        )

    def janitor(self) -> JanitorSettings:
        """Return the settings of the janitor."""
        return JanitorSettings(interval=self.janitor_interval)

    def worker(self) -> WorkerSettings:
        """Return the settings of the worker."""
        return WorkerSettings(
            smtp=self.smtp_url,
            mail_from=self.mail_from or "",
            link_base=self.link_base,
            receivers=self.webhooks_allow,
            thumbnails=self.thumbnails,
        )

    def gateway(self) -> GatewaySettings:
        """Return the settings of the gateway."""
        return GatewaySettings(
            upload_ttl=self.upload_ttl,
            download_ttl=self.download_ttl,
            public_url=self.public_url,
            has_operations_address=self.operations_address is not None,
            trusted_proxies=self.trusted_proxies,
            allowed_origins=self.allowed_origins,
            hsts=self.hsts,
            max_concurrent_requests=self.max_requests,
            user_requests=self.user_requests,
            user_streams=self.user_streams,
            user_waits=self.user_waits,
            archives=self.archives,
            user_archives=self.user_archives,
            archive_timeout=self.archive_timeout,
            max_file_size=self.max_file_size,
            shared_drives=self.shared_drives,
            web=self._web(),
        )

    def _web(self) -> WebSettings | None:
        if not self.web:
            return None
        party = relying_party(self.public_url)
        return WebSettings(
            name=self.web_name,
            color=self.web_color or "",
            signup=self.signup == "open" and self.passwords,
            passwords=self.passwords,
            oidc=self.oidc_issuer is not None and self.oidc_client_id is not None,
            passkey_host="" if party is None or not self.passwords else party.id,
            mail=self.smtp_url is not None,
        )

    def _oidc_provider(self) -> OidcProvider | None:
        if self.oidc_issuer is None or self.oidc_client_id is None:
            return None
        return OidcProvider(
            issuer=self.oidc_issuer,
            client_id=self.oidc_client_id,
            client_secret=self.oidc_client_secret,
            public_url=self.link_base,
            auto_create=self.oidc_auto_create,
            link_by_email=self.oidc_link_by_email,
            admin_claim=self.oidc_admin_claim,
        )

    @property
    def _store_origins(self) -> tuple[str, ...]:
        """The origins whose pages may use the store. The web app is one of them."""
        web_origin = (origin_of(self.public_url),) if self.web and self.public_url else ()
        return tuple(dict.fromkeys((*self.allowed_origins, *web_origin))) if self.allowed_origins else ("*",)

    @property
    def link_base(self) -> str:
        """The URL of the gateway for links in mails and redirects, which are made without a request."""
        return self.public_url or f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def identity(self) -> Identity | None:
        """The certificate of this process for other services, or None without TLS."""
        if self.tls_cert is None or self.tls_key is None or self.tls_ca is None:
            return None
        return Identity(self.tls_cert, self.tls_key, self.tls_ca)

    def child_environment(self) -> dict[str, str]:
        """Return the environment for a child process that uses the same servers and the same root secret."""
        shared = {
            "DRIVEBAY_DATABASE_URL": self.database_url,
            "DRIVEBAY_NATS_URL": self.nats_url,
            "DRIVEBAY_S3_ENDPOINT": self.s3_endpoint,
            "DRIVEBAY_S3_PUBLIC_ENDPOINT": self.s3_public_endpoint,
            "DRIVEBAY_S3_ACCESS_KEY": self.s3_access_key,
            "DRIVEBAY_S3_SECRET_KEY": self.s3_secret_key,
            "DRIVEBAY_FILER_ADDRESS": self.filer_address,
            "DRIVEBAY_SECRET": self._require_secret().hex(),
        }
        return {**os.environ, **{name: value for name, value in shared.items() if value is not None}}

    def _require_secret(self) -> bytes:
        if self.secret is None:
            raise SettingsError("DRIVEBAY_SECRET is not set")
        return self.secret


SETTINGS: Final = declarations(Settings)
