"""The authority of `drivebay certs`: how long it and its certificates are valid, and what is said before it expires."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from cryptography import x509
from typer.testing import CliRunner

from drivebay.cli.operator.certificate_checks import check_certificates
from drivebay.cli.operator.certificates import AUTHORITY_VALIDITY, CertificateAuthority
from drivebay.cli.operator.certs import app
from drivebay.cli.operator.findings import Finding, Verdict
from drivebay.rpc.tls import Identity

if TYPE_CHECKING:
    from drivebay.node import Services

DAY = timedelta(days=1)
YEAR = 365 * DAY


def end_of(certificate: Path) -> datetime:
    return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc


def present() -> datetime:
    """The time now, in the whole seconds of a certificate."""
    return datetime.now(UTC).replace(microsecond=0)


def test_the_authority_is_valid_for_ten_years_and_its_certificates_for_less(tmp_path: Path) -> None:
    begin = present()
    first = CertificateAuthority(tmp_path, begin, YEAR)
    assert end_of(first.ca_cert_file) == first.expires_at == begin + AUTHORITY_VALIDITY >= begin + 10 * YEAR
    assert end_of(first.issue("files")[0]) == begin + YEAR
    assert first.expiry_warning == ""

    # The same authority renews certificates when the first ones have expired.
    later = CertificateAuthority(tmp_path, begin + YEAR + DAY, YEAR)
    certificate = x509.load_pem_x509_certificate(later.issue("files")[0].read_bytes())
    assert certificate.not_valid_after_utc == begin + 2 * YEAR + DAY
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(first.ca_cert_file.read_bytes()))


def test_a_certificate_does_not_outlive_its_authority_and_a_warning_says_what_to_do(tmp_path: Path) -> None:
    begin = present()
    end = CertificateAuthority(tmp_path, begin, YEAR).expires_at
    late = CertificateAuthority(tmp_path, end - 30 * DAY, YEAR)
    assert end_of(late.issue("files")[0]) == end
    assert f"expire on {end:%Y-%m-%d}" in late.expiry_warning
    assert f"delete ca.pem and ca.key in {tmp_path}" in late.expiry_warning


def test_an_expired_authority_issues_nothing_and_its_error_says_what_to_do(tmp_path: Path) -> None:
    begin = present()
    end = CertificateAuthority(tmp_path, begin, YEAR).expires_at
    with pytest.raises(ValueError, match=r"expired on .*: delete ca\.pem and ca\.key in .*, and restart every process"):
        CertificateAuthority(tmp_path, end, YEAR)
    (tmp_path / "ca.pem").unlink()
    (tmp_path / "ca.key").unlink()
    assert CertificateAuthority(tmp_path, end, YEAR).expires_at == end + AUTHORITY_VALIDITY


def test_the_command_prints_the_warning(tmp_path: Path) -> None:
    CertificateAuthority(tmp_path, present() - AUTHORITY_VALIDITY + 30 * DAY, YEAR)
    shown = CliRunner().invoke(app, [str(tmp_path)])
    assert (shown.exit_code, "Before this day, delete ca.pem" in shown.stderr) == (0, True), shown.output
    assert "Before this day" in json.loads(CliRunner().invoke(app, [str(tmp_path), "--json"]).stdout)["warning"]
    short = CliRunner().invoke(app, [str(tmp_path), "--days", "7"])
    assert (short.exit_code, short.stderr) == (0, "")


async def test_the_doctor_says_what_to_do_about_an_authority_that_expires(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path, present(), YEAR)
    identity = Identity(*authority.issue("cli"), authority.ca_cert_file)

    services = cast("Services", SimpleNamespace(settings=SimpleNamespace(identity=identity)))

    async def found(now: datetime) -> list[Finding]:
        return await check_certificates(services, lambda: now)

    assert [finding.verdict for finding in await found(present())] == [Verdict.OK, Verdict.OK]
    certificate, ca = await found(authority.expires_at - DAY)
    assert (certificate.verdict, ca.verdict) == (Verdict.FAILED, Verdict.WARNING)
    assert "renew" in certificate.fix
    assert "new authority" in ca.fix
    assert "restart all processes" in ca.fix
