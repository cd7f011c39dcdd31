"""Log lines of a real process: their form, their fields, and the secrets that they never show."""

from __future__ import annotations

import ast
import gzip
import http.server
import json
import os
import pty
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import drivebay

SIGNED = "https://store.example/drivebay/key?X-Amz-Credential=canary&X-Amz-Signature=canary"

_SETUP = """
import logging, structlog
from drivebay.observability import logs
shutdown = logs.setup({level!r}, otlp_endpoint=None, service="probe")
log = structlog.get_logger("probe")
"""


def command(code: str, level: str) -> list[str]:
    return [sys.executable, "-c", _SETUP.format(level=level) + code]


def log_lines(code: str, level: str = "info") -> list[dict[str, Any]]:
    """Return what a process that runs `code` logs when its standard error is no terminal."""
    done = subprocess.run(command(code, level), capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == ""
    return [json.loads(line) for line in done.stderr.splitlines()]


def terminal_output(code: str) -> str:
    controller, terminal = pty.openpty()
    with subprocess.Popen(command(code, "info"), stderr=terminal) as process:
        os.close(terminal)
        shown = b""
        try:
            while part := os.read(controller, 4096):
                shown += part
        except OSError:  # Linux reports the closed side of a terminal as an error
            pass
        finally:
            os.close(controller)
    assert process.returncode == 0
    return shown.decode()


def test_line_is_json_without_a_terminal() -> None:
    (line,) = log_lines('log.info("purged", bytes=17)')
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "purged", "bytes": 17, "level": "info"}


def test_line_on_a_terminal_is_readable_and_redacted() -> None:
    shown = terminal_output(f'log.info("purged", bytes=17, url={SIGNED!r})')
    assert "purged" in shown
    assert not shown.lstrip().startswith("{")
    assert "canary" not in shown


def test_line_has_the_id_of_its_own_request_only() -> None:
    first, second = log_lines(
        """
with structlog.contextvars.bound_contextvars(request_id="r-1"):
    log.info("inside")
log.info("outside")
"""
    )
    assert first["request_id"] == "r-1"
    assert "request_id" not in second


def test_concurrent_tasks_keep_their_own_request_ids() -> None:
    found = log_lines(
        """
import asyncio
async def request(name):
    with structlog.contextvars.bound_contextvars(request_id=name):
        await asyncio.sleep(0)
        log.info("worked", own=name)
async def main():
    await asyncio.gather(*(request(f"r-{n}") for n in range(5)))
asyncio.run(main())
"""
    )
    assert [line["request_id"] for line in found] == [line["own"] for line in found]
    assert {line["own"] for line in found} == {f"r-{n}" for n in range(5)}


def test_line_inside_a_span_has_its_trace_id() -> None:
    (line,) = log_lines(
        """
from opentelemetry import trace
context = trace.SpanContext(0xabc, 0xdef, is_remote=False)
with trace.use_span(trace.NonRecordingSpan(context)):
    log.info("worked")
"""
    )
    assert line["trace_id"] == "0" * 29 + "abc"


def test_lines_below_the_level_are_not_written() -> None:
    found = log_lines('log.info("small"); log.warning("large")', level="warning")
    assert [line["event"] for line in found] == ["large"]


def test_libraries_log_in_the_same_form_from_warnings_up() -> None:
    (line,) = log_lines(
        f"""
other = logging.getLogger("some.library")
other.info("chatter")
with structlog.contextvars.bound_contextvars(request_id="r-1"):
    other.warning("could not reach %s", {SIGNED!r})
"""
    )
    assert line["event"] == "could not reach https://store.example/drivebay/key?[redacted]"
    assert (line["logger"], line["level"], line["request_id"]) == ("some.library", "warning", "r-1")


def test_grpc_call_cancelled_by_its_caller_is_not_logged() -> None:
    found = log_lines(
        "import logging\n"
        "log = logging.getLogger('grpc._cython.cygrpc')\n"
        "log.error('ExecuteBatchError raised in core by servicer method [%s]', '/drivebay.storage.v1.Storage/Tail')\n"
        "log.error('Unexpected [%s] raised by servicer method [%s]', 'KeyError', '/drivebay.storage.v1.Storage/Tail')\n"
    )
    assert [line["event"].partition(" ")[0] for line in found] == ["Unexpected"]


def test_exception_is_one_line_with_traceback_and_without_local_variables() -> None:
    (line,) = log_lines(
        """
def work(hidden):
    raise ValueError("it broke")
try:
    work("can" + "ary")
except ValueError:
    log.exception("call_failed")
"""
    )
    assert line["level"] == "error"
    assert "ValueError: it broke" in line["exception"]
    assert "canary" not in line["exception"]


_LEAKY = f"""
try:
    try:
        raise OSError("PUT " + {SIGNED!r})
    except OSError as error:
        raise ValueError("nats://can" + "ary@broker is away") from error
except ValueError:
    {{statement}}
"""


@pytest.mark.parametrize("statement", ['log.exception("failed")', 'logging.getLogger("library").exception("failed")'])
def test_traceback_is_redacted_in_every_form(statement: str) -> None:
    (line,) = log_lines(_LEAKY.replace("{statement}", statement))
    shown = terminal_output(_LEAKY.replace("{statement}", statement))
    for text in (line["exception"], shown):
        assert "OSError: PUT https://store.example/drivebay/key?[redacted]" in text
        assert "ValueError: nats://[redacted]@broker is away" in text
        assert "canary" not in text


_TRACED = """
import os, time
os.environ["OTEL_EXPORTER_OTLP_TIMEOUT"] = "600"
shutdown = logs.setup("info", otlp_endpoint="http://127.0.0.1:{port}", service="probe")
from opentelemetry import trace
with trace.get_tracer("probe").start_as_current_span("the-span"):
    pass
started = time.monotonic()
shutdown()
log.info("ended", seconds=time.monotonic() - started)
"""


@pytest.mark.parametrize("accepts", [True, False])
def test_shutdown_does_not_wait_for_an_unreachable_collector(accepts: bool) -> None:
    with socket.socket() as collector:
        collector.bind(("127.0.0.1", 0))
        if accepts:  # accepts connections and never answers
            collector.listen()
        found = log_lines(_TRACED.format(port=collector.getsockname()[1]))
    (ended,) = [line for line in found if line["event"] == "ended"]
    assert ended["seconds"] < 120  # the exporter itself would wait ten minutes


def test_spans_are_sent_at_shutdown() -> None:
    sent: list[tuple[str, bytes]] = []

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sent.append((self.path, gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            log_lines(_TRACED.format(port=server.server_port))
        finally:
            server.shutdown()
            thread.join(10)
    ((path, body),) = sent
    assert path == "/v1/traces"
    assert b"the-span" in body
    assert b"probe" in body


def test_without_an_endpoint_no_span_is_recorded() -> None:
    code = 'from opentelemetry import trace\nlog.info("k", kind=str(trace.get_tracer_provider()))\nshutdown()'
    (line,) = log_lines(code)
    assert "ProxyTracerProvider" in line["kind"]


def test_no_log_call_uses_a_reserved_field_name() -> None:
    # A call with a keyword `event` raises TypeError, which fails the code that wanted to log.
    reserved = {"event", "level", "timestamp", "exception"}
    calls = [
        (file.name, node.lineno, {keyword.arg for keyword in node.keywords} & reserved)
        for file in Path(drivebay.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "log"
    ]
    assert len(calls) > 30
    assert [call for call in calls if call[2]] == []
