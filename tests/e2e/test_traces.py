"""With an OTLP endpoint, one request is one trace through HTTP, gRPC, PostgreSQL and the store."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from drivebay.testing import world
from drivebay.testing.client import Client, eventually

from .conftest import FAST, http_client

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
EXPECTED_SPANS = {"POST /v1/uploads/{id}/complete", "Files.complete_upload", "Storage.stat_staged", "postgres"}


class Collector(BaseHTTPRequestHandler):
    """An OTLP collector. `spans` are the received ones: trace id and name."""

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

    async def are_all_received() -> bool:
        in_trace = {name for trace, name in Collector.spans if trace == TRACE_ID}
        has_store_span = any(name.startswith("store ") for name in in_trace)
        has_event_span = any(name == "ingest.batch" for _, name in Collector.spans)
        return in_trace >= EXPECTED_SPANS and has_store_span and has_event_span

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = FAST | server_environment | {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.server_port}"}
    try:
        async with world.run(tmp_path, environment, "six") as running, http_client() as http:
            user = await Client(http, running.api).sign_up()
            upload = await user.begin("a.txt", b"a")
            # This request comes before the bytes. After them, an event may commit the upload first, and the request
            # would not reach the store.
            response = await user.call(
                "POST",
                f"/v1/uploads/{upload['id']}/complete",
                headers={"traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-01"},
            )
            assert response.json()["code"] == "not_uploaded"
            await user.put(upload, b"a")
            # Each process exports its spans every few seconds.
            await eventually(are_all_received, within=40)
    finally:
        server.shutdown()
        server.server_close()
