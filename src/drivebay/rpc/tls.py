"""Mutual TLS between services: the certificate of a process, its key, and the authority that both sides trust.

Both sides present a certificate from that authority. A client expects the name of the service in the certificate of the
server, as a DNS name among the subject alternative names (`files` for the files service). A server accepts the names in
its list of callers. A server reloads its files at each handshake. A client reads them once, so a process must restart
before its client certificate expires.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc

_SUBJECT_ALTERNATIVE_NAME: Final = "x509_subject_alternative_name"


@dataclass(frozen=True, slots=True)
class Identity:
    """PEM files: the certificate with its intermediates, its key, and the certificate of the authority."""

    cert: Path
    key: Path
    ca: Path

    def check(self) -> None:
        """Check that the files can be used together. Raises ValueError with one line that names the wrong file."""
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization

        chain = _read(self.cert)
        try:
            certificate = x509.load_pem_x509_certificates(chain)[0]
        except (ValueError, IndexError):
            raise ValueError(f"{self.cert} contains no PEM certificate") from None
        try:
            key = serialization.load_pem_private_key(_read(self.key), None)
        except (ValueError, TypeError):
            raise ValueError(f"{self.key} contains no PEM key, or a key with a password") from None
        if _public_bytes(key.public_key()) != _public_bytes(certificate.public_key()):
            raise ValueError(f"{self.key} is not the key of {self.cert}")
        try:
            x509.load_pem_x509_certificates(_read(self.ca))
        except ValueError:
            raise ValueError(f"{self.ca} contains no PEM certificate") from None

    def client_credentials(self) -> grpc.ChannelCredentials:
        """Return the credentials of a client, read from the files now. Raises ValueError if a file cannot be read."""
        key, cert, ca = self._read_files()
        return grpc.ssl_channel_credentials(ca, key, cert)

    def server_credentials(self) -> grpc.ServerCredentials:
        """Return the credentials of a server, which reads the files again at each handshake.

        Raises ValueError if a file cannot be read now. Later, the files that were read last stay in use.
        """
        loaded = self._read_files()

        def configuration() -> grpc.ServerCertificateConfiguration:
            key, cert, ca = loaded
            return grpc.ssl_server_certificate_configuration([(key, cert)], ca)

        def reload_if_changed() -> grpc.ServerCertificateConfiguration | None:
            # During a replacement, the certificate and the key on disk may not match. Until they do, the loaded files
            # stay in use.
            nonlocal loaded
            try:
                self.check()
                files = self._read_files()
            except ValueError:
                return None
            if files == loaded:
                return None
            loaded = files
            return configuration()

        # guard: caller-certificate
        return grpc.dynamic_ssl_server_credentials(
            configuration(), reload_if_changed, require_client_authentication=True
        )

    def _read_files(self) -> tuple[bytes, bytes, bytes]:
        return _read(self.key), _read(self.cert), _read(self.ca)


def is_allowed(auth_context: Mapping[str, Iterable[bytes]], callers: frozenset[str]) -> bool:
    """Return whether the certificate of a connection has the name of one of the callers."""
    return any(name in callers for name in certificate_names(auth_context))


def certificate_names(auth_context: Mapping[str, Iterable[bytes]]) -> tuple[str, ...]:
    """Return the names in the certificate of a connection.

    `auth_context` is the return value of gRPC's `ServicerContext.auth_context()`.
    """
    return tuple(name.decode("ascii", "replace") for name in auth_context.get(_SUBJECT_ALTERNATIVE_NAME, ()))


def _public_bytes(key: object) -> bytes:
    from cryptography.hazmat.primitives import serialization

    encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    encoded: bytes = key.public_bytes(encoding, form)  # type: ignore[attr-defined]
    return encoded


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ValueError(f"{file}: {error.strerror}") from error
