"""Certificates for a try: an authority of one's own, and one certificate for each part.

Good for a laptop, a test, a first cluster. In production an authority that renews them (cert-manager,
Vault, step-ca) issues certificates with the same names.
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

_EARLY: Final = timedelta(minutes=5)
"""Clocks of machines differ: a certificate is valid a little before it was made."""


class Authority:
    """An authority in a folder: `ca.pem`, `ca.key`. Made on the first use."""

    def __init__(self, folder: Path, now: datetime, life: timedelta) -> None:
        self._folder = folder
        self._now = now
        self._life = life
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.file = folder / "ca.pem"
        if self.file.exists():
            self._cert = x509.load_pem_x509_certificate(self.file.read_bytes())
            key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
            if not isinstance(key, ec.EllipticCurvePrivateKey):
                raise ValueError(f"{folder / 'ca.key'} is not a key of ours")
            self._key = key
            return
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._cert = (
            self._builder("Drivebay development CA", self._key.public_key(), None)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        _write(folder / "ca.key", _key_pem(self._key))
        _write(self.file, self._cert.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, hosts: Iterable[str] = ()) -> tuple[Path, Path]:
        """A certificate for `name` (and for `hosts`, DNS names or addresses), and its key: their files."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([_alternative(each) for each in (name, *hosts)])
        purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        certificate = (
            self._builder(name, key.public_key(), self._cert)
            .add_extension(names, critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(purposes, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        cert_file, key_file = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        _write(key_file, _key_pem(key))
        _write(cert_file, certificate.public_bytes(serialization.Encoding.PEM))
        return cert_file, key_file

    def _builder(
        self, name: str, key: ec.EllipticCurvePublicKey, issuer: x509.Certificate | None
    ) -> x509.CertificateBuilder:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if issuer is None else issuer.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - _EARLY)
            .not_valid_after(self._now + self._life)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
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


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(file: Path, content: bytes) -> None:
    """Replace a file at once, for our user alone."""
    new = file.with_name(file.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as writing:
        writing.write(content)
    new.replace(file)
