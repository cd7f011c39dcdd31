"""Who a process is to the others: a certificate, its key, and the authority that both ends trust.

Each end shows a certificate of that authority. A caller expects the service's own name in it (a DNS name
among the subject's alternative names, `files` for the files service), a service lets in the names that it
knows callers by. Files are read again when they change, so certificates are renewed without a restart:
a server looks at each handshake, a client when its process starts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import serialization

_NAMES: Final = "x509_subject_alternative_name"


@dataclass(frozen=True, slots=True)
class Identity:
    """PEM files: the certificate (with what stands between it and the authority), its key, the authority."""

    cert: Path
    key: Path
    ca: Path

    def check(self) -> None:
        """Raises ValueError, in one line that names the file, for what cannot be used."""
        chain = _read(self.cert)
        try:
            mine = x509.load_pem_x509_certificates(chain)[0]
        except (ValueError, IndexError):
            raise ValueError(f"{self.cert} holds no certificate in PEM") from None
        try:
            key = serialization.load_pem_private_key(_read(self.key), None)
        except (ValueError, TypeError):
            raise ValueError(f"{self.key} holds no key in PEM without a password") from None
        if _public(key.public_key()) != _public(mine.public_key()):
            raise ValueError(f"{self.key} is not the key of {self.cert}")
        try:
            x509.load_pem_x509_certificates(_read(self.ca))
        except ValueError:
            raise ValueError(f"{self.ca} holds no certificate in PEM") from None

    def _now(self) -> tuple[bytes, bytes, bytes]:
        return _read(self.key), _read(self.cert), _read(self.ca)

    def client(self) -> grpc.ChannelCredentials:
        key, cert, ca = self._now()
        return grpc.ssl_channel_credentials(ca, key, cert)

    def server(self) -> grpc.ServerCredentials:
        shown = self._now()

        def configuration() -> grpc.ServerCertificateConfiguration:
            key, cert, ca = shown
            return grpc.ssl_server_certificate_configuration([(key, cert)], ca)

        def renewed() -> grpc.ServerCertificateConfiguration | None:
            # Asked at each handshake. Files that are being replaced just now do not fit together yet.
            nonlocal shown
            try:
                self.check()
                found = self._now()
            except ValueError:
                return None
            if found == shown:
                return None
            shown = found
            return configuration()

        return grpc.dynamic_ssl_server_credentials(configuration(), renewed, require_client_authentication=True)


def allowed(shown: Mapping[str, Iterable[bytes]], callers: frozenset[str]) -> bool:
    """Whether a connection's authentication (`auth_context`) names one of the callers."""
    return any(name in callers for name in names(shown))


def names(shown: Mapping[str, Iterable[bytes]]) -> tuple[str, ...]:
    """The names in the certificate that a connection's authentication (`auth_context`) holds."""
    return tuple(name.decode("ascii", "replace") for name in shown.get(_NAMES, ()))


def _public(key: object) -> bytes:
    encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    found: bytes = key.public_bytes(encoding, form)  # type: ignore[attr-defined]
    return found


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ValueError(f"{file}: {error.strerror}") from error
