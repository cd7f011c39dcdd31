"""`drivebay certs`: create certificates for testing."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from ... import node
from ...node import SERVICES
from .certificates import CertificateAuthority
from .command_runner import JsonOption, fail

app = typer.Typer()

_MAX_DAYS: Final = 825
"""The maximum of `--days`. Some TLS clients refuse certificates that are valid longer."""


@app.command()
def certs(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The folder for the authority, the certificates and the keys.")
    ],
    host: Annotated[
        list[str] | None, typer.Option(help="A DNS name or IP address to add to every certificate. Repeatable.")
    ] = None,
    days: Annotated[
        int,
        typer.Option(
            min=1, max=_MAX_DAYS, help="How many days the certificates are valid, at most as long as the authority."
        ),
    ] = 365,
    as_json: JsonOption = False,
) -> None:
    """Create TLS certificates for testing: a certificate authority and one certificate for each service.

    Run the command again to renew the certificates. The authority in the folder is kept: it is valid for ten years, and
    no certificate is valid longer. To replace the authority, delete ca.pem and ca.key first. Running processes present
    the new certificates to their callers at once, and use them for outgoing calls only after a restart.
    """
    try:
        # Use absolute paths, because the printed settings are for processes that start in other folders.
        authority = CertificateAuthority(folder.resolve(), node.now(), timedelta(days=days))
        files = {name: authority.issue(name, host or ()) for name in (*SERVICES, "cli")}
    except (OSError, ValueError) as error:
        fail(str(error))
    if as_json:
        rows = {name: {"cert": str(cert), "key": str(key)} for name, (cert, key) in files.items()}
        result = {"ca": str(authority.ca_cert_file), "certificates": rows, "warning": authority.expiry_warning}
        typer.echo(json.dumps(result))
        return
    for name, (cert, key) in files.items():
        typer.echo(f"{name}: DRIVEBAY_TLS_CERT={cert} DRIVEBAY_TLS_KEY={key} DRIVEBAY_TLS_CA={authority.ca_cert_file}")
    if authority.expiry_warning:
        typer.echo(f"drivebay: {authority.expiry_warning}", err=True)
