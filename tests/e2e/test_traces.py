"""With an OTLP endpoint set, one request is one trace through HTTP, gRPC, PostgreSQL and the store."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from drivebay.testing import world
from drivebay.testing.client import Client, eventually

from .conftest import FAST, http_client

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
WANTED = {"POST /v1/uploads/{id}/complete", "Files.complete", "Storage.arrived", "postgres"}


class Collector(BaseHTTPRequestHandler):
    """Keeps the spans it is sent."""

    spans: list[tuple[str, str]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                type(self).spans += [(span.trace_id.hex(), span.name) for span in scope.spans]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.mark.slow
@pytest.mark.events
async def test_one_request_is_one_trace_through_all_processes(
    tmp_path: Path, server_environment: dict[str, str]
) -> None:
    Collector.spans = []

    async def all_there() -> bool:
        one = {name for trace, name in Collector.spans if trace == TRACE}
        stored = any(name.startswith("store ") for name in one)
        return one >= WANTED and stored and any(name == "ingest.batch" for _, name in Collector.spans)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = FAST | server_environment | {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.server_port}"}
    try:
        async with world.run(tmp_path, environment, "six") as running, http_client() as http:
            user = await Client(http, running.api).sign_up()
            upload = await user.begin("a.txt", b"a")
            # Before the bytes: after them the event may be first, and then nobody asks the store.
            early = await user.call(
                "POST",
                f"/v1/uploads/{upload['id']}/complete",
                headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"},
            )
            assert early.json()["code"] == "not_uploaded"
            await user.put(upload, b"a")
            # Each process sends its spans every few seconds.
            await eventually(all_there, within=40)
    finally:
        server.shutdown()
        server.server_close()
