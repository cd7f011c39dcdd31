"""The domain and the origin to which browsers bind passkeys (WebAuthn: the relying party).

The domain and the origin follow from the public URL of the deployment. Browsers support passkeys only for host names,
and only over https or on the user's own machine. A deployment without such a URL has no passkeys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

LOCAL: Final = "localhost"
_LOCAL_ORIGIN: Final = re.compile(r"http://localhost(:[0-9]{1,5})?")
_HOST_NAME: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(\.(?!-)[a-z0-9-]{1,63})*")


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """`id` is the host name. `origin` is the origin of the web pages, or None for any port of this machine."""

    id: str
    origin: str | None

    def accepts(self, origin: str) -> bool:
        """Return whether a page of this origin may use the passkeys."""
        if self.origin is None:
            return _LOCAL_ORIGIN.fullmatch(origin) is not None  # guard: passkey-local-origin
        return origin == self.origin


def relying_party(public_url: str | None) -> RelyingParty | None:
    """Return the relying party of a deployment, or None if its public URL cannot have passkeys.

    Without a public URL, passkeys work at `http://localhost`.
    """
    if public_url is None:
        return RelyingParty(LOCAL, None)
    parts = urlsplit(public_url)
    host, is_local = _ascii_host(parts.hostname or ""), parts.hostname == LOCAL
    if host is None or (parts.scheme != "https" and not is_local):
        return None
    default = {"https": 443, "http": 80}[parts.scheme]
    port = "" if parts.port in (None, default) else f":{parts.port}"
    return RelyingParty(host, f"{parts.scheme}://{host}{port}")


def _ascii_host(host: str) -> str | None:
    """Return a host name as browsers write it, or None for an IP address or an invalid name."""
    try:
        name = host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    is_address = ":" in host or name.rpartition(".")[2].isdigit()
    return name if _HOST_NAME.fullmatch(name) and not is_address else None
