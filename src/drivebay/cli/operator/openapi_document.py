"""`drivebay openapi`: print the OpenAPI document."""

from __future__ import annotations

import typer

from ... import node, rpc
from ...contract.auth import Auth
from ...contract.files import Files
from ...contract.storage import Storage
from ...gateway import app as gateway
from ...gateway import routes
from ...gateway.changes.change_waiters import ChangeWaiters
from ...gateway.readiness import ReadinessMonitor
from ...gateway.settings import Settings as GatewaySettings
from ...hints import HintChannel

app = typer.Typer()


@app.command()
def openapi() -> None:
    """Print the OpenAPI document of the HTTP API. Needs no running services."""
    # The document is generated from the route table. No service is called.
    storage: Storage = rpc.unconfigured_client(Storage, "DRIVEBAY_STORAGE_ADDRESS")
    table = routes.build_routes(
        rpc.unconfigured_client(Auth, "DRIVEBAY_AUTH_ADDRESS"),
        rpc.unconfigured_client(Files, "DRIVEBAY_FILES_ADDRESS"),
        storage,
        GatewaySettings(),
        now=node.now,
        readiness=ReadinessMonitor({}, storage),
        waiters=ChangeWaiters(HintChannel(), 1),
    )
    typer.echo(gateway.encode_document(table).decode())
