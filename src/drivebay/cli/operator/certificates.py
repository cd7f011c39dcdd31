"""A certificate authority in a folder, for development and tests.

In production, use an authority that renews certificates (cert-manager, Vault, step-ca), with the same DNS names (the
names of the services).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_VALIDITY: Final = timedelta(days=3650)
"""How long a new authority is valid. A new authority needs new certificates for all processes at the same time, so it
is replaced as rarely as possible."""
_CLOCK_TOLERANCE: Final = timedelta(minutes=5)
"""A certificate is valid from this long before its creation, because the clocks of machines differ."""


class CertificateAuthority:
    """An authority with its files `ca.pem` and `ca.key` in `folder`.

    If `ca.pem` does not exist, a new authority is created, which is valid for AUTHORITY_VALIDITY. `validity` is how
    long issued certificates are valid, from `now`, but no certificate is valid longer than its authority. Raises
    OSError, and ValueError if the authority has expired or its key is not one that `drivebay certs` created.
    """

    def __init__(self, folder: Path, now: datetime, validity: timedelta) -> None:
        self._folder = folder
        self._now = now
        self._validity = validity
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.ca_cert_file = folder / "ca.pem"
        if self.ca_cert_file.exists():
            self._cert = x509.load_pem_x509_certificate(self.ca_cert_file.read_bytes())
            if self.expires_at <= now:  # guard: expired-authority
                raise ValueError(f"{self.ca_cert_file} expired on {self.expires_at:%Y-%m-%d}: {self._how_to_replace}")
            key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
            if not isinstance(key, ec.EllipticCurvePrivateKey):
                raise ValueError(
                    f"{folder / 'ca.key'} was not created by this command. "
                    "Use another folder, or remove ca.pem and ca.key"
                )
            self._key = key
            return
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._cert = (
            self._builder("Drivebay development CA", self._key.public_key(), None, now + AUTHORITY_VALIDITY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        _replace_file(folder / "ca.key", _key_pem(self._key))
        _replace_file(self.ca_cert_file, self._cert.public_bytes(serialization.Encoding.PEM))

    @property
    def expires_at(self) -> datetime:
        """The time at which the authority expires, and with it all its certificates."""
        return self._cert.not_valid_after_utc

    @property
    def expiry_warning(self) -> str:
        """What to do if the authority expires before `validity` from now. Otherwise an empty string."""
        if self.expires_at >= self._now + self._validity:
            return ""
        return (
            f"{self.ca_cert_file} and all certificates of this authority expire on {self.expires_at:%Y-%m-%d}. "
            f"Before this day, {self._how_to_replace}"
        )

    @property
    def _how_to_replace(self) -> str:
        return f"delete ca.pem and ca.key in {self._folder}, run `drivebay certs` again, and restart every process"

    def issue(self, name: str, hosts: Iterable[str] = ()) -> tuple[Path, Path]:
        """Create a certificate for `name` and `hosts` (DNS names or IP addresses), and its key.

        Returns the paths of the certificate and of the key. Replaces files of an earlier call with the same name.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([_general_name(host) for host in (name, *hosts)])
        expires_at = min(self._now + self._validity, self.expires_at)  # guard: certificate-within-authority
        purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        certificate = (
            self._builder(name, key.public_key(), self._cert, expires_at)
            .add_extension(names, critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(purposes, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        cert_file, key_file = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        _replace_file(key_file, _key_pem(key))
        _replace_file(cert_file, certificate.public_bytes(serialization.Encoding.PEM))
        return cert_file, key_file

    def _builder(
        self, name: str, key: ec.EllipticCurvePublicKey, issuer: x509.Certificate | None, expires_at: datetime
    ) -> x509.CertificateBuilder:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if issuer is None else issuer.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - _CLOCK_TOLERANCE)
            .not_valid_after(expires_at)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _replace_file(file: Path, content: bytes) -> None:
    """Replace a file atomically. Only the current user can read it."""
    new = file.with_name(file.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output:
        output.write(content)
    new.replace(file)
