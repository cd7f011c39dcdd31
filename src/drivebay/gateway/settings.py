"""Settings of the gateway."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class WebSettings:
    """The settings of the web app.

    `name` and `color` are its branding. An empty color is the default color. `signup`, `passwords`, `oidc` and `mail`
    are whether the deployment allows sign-ups, passwords and sign-ins with an identity provider, and sends mail.
    `passkey_host` is the host name to which passkeys belong, empty for a deployment without passkeys.
    """

    name: str = "Drivebay"
    color: str = ""
    signup: bool = True
    passwords: bool = True
    oidc: bool = False
    passkey_host: str = ""
    mail: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one deployment for its gateway.

    `upload_ttl` and `download_ttl` are the lifetimes of presigned URLs. `public_url` is the URL of the gateway for
    clients, with a path if it has one. None: it is taken from each request. `trusted_proxies` are the networks (CIDR)
    of the proxies whose `X-Forwarded-For` or `Forwarded` is used. `allowed_origins` are the web origins that may read
    responses.
    `hsts` adds the header `Strict-Transport-Security`. Set it if clients reach the gateway over TLS.
    `max_concurrent_requests` bounds the requests that run at once. The gateway rejects further requests.
    `user_requests` and `user_streams` bound the requests and the tus requests that one user, or one network without a
    login, runs at once. `user_waits` bounds the requests of one user that wait for changes. `archives` bounds the
    archives that are sent at once, `user_archives` those of one user. `archive_timeout` has three uses: the time that
    the client may take to accept the next bytes, the window in which its rate is measured, and the interval of the
    checks of its access. `body_timeout` is how long a client may take to send a JSON body, or the next bytes of a tus
    body, and the window in which the rate of a tus body is measured. `max_file_size` is in bytes. `shared_drives` is
    who may create shared drives: `anyone` or `admins`. `has_operations_address` is whether metrics and details of
    readiness have an address of their own. `web` are the settings of the web app; None turns the web app off.
    """

    issuer: str = "drivebay"
    audience: str = "drivebay"
    upload_ttl: timedelta = timedelta(minutes=15)
    download_ttl: timedelta = timedelta(minutes=5)
    trusted_proxies: tuple[str, ...] = ()
    public_url: str | None = None
    has_operations_address: bool = False
    allowed_origins: tuple[str, ...] = ()
    hsts: bool = False
    max_concurrent_requests: int = 256
    user_requests: int = 64
    user_streams: int = 16
    user_waits: int = 256
    archives: int = 16
    user_archives: int = 4
    archive_timeout: timedelta = timedelta(minutes=1)
    body_timeout: timedelta = timedelta(seconds=30)
    max_file_size: int = 5 * 2**40
    shared_drives: str = "anyone"
    web: WebSettings | None = None
