"""The URL of a bucket: path-style (`host/bucket`) or virtual-hosted-style (`bucket.host`)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from ..bucket import Misconfigured
from .sigv4 import escape_path


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """One bucket at one endpoint. `origin` is the scheme and host of every URL. `host` is the Host header that clients
    send. `base_path` is the encoded path of the bucket, which is empty for virtual-hosted-style URLs."""

    bucket: str
    origin: str
    host: str
    base_path: str

    @classmethod
    def parse(cls, endpoint: str, bucket: str, virtual_hosted: bool, setting: str) -> BucketAddress:
        """Return the address of a bucket at an endpoint such as `https://s3.example.com:9000`.

        Raises Misconfigured if the endpoint is not valid. `setting` is the name of the setting for its message.
        """
        parts = urlsplit(endpoint)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("http", "https") or not parts.hostname or port == -1 or parts.path.strip("/"):
            raise Misconfigured(
                f"{parts.geturl()!r} is not the address of a store: set {setting} to http(s)://host[:port]"
            )
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        if port and port != {"http": 80, "https": 443}[parts.scheme]:
            host = f"{host}:{port}"
        if virtual_hosted:
            host = f"{bucket}.{host}"
        return cls(bucket, f"{parts.scheme}://{host}", host, "" if virtual_hosted else f"/{bucket}")

    def path(self, key: str) -> str:
        """Return the encoded path of an object, or of the bucket for an empty key."""
        return f"{self.base_path}/{escape_path(key)}" if key else self.base_path or "/"
