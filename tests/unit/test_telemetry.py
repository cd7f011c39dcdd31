"""Logs of a real process: their form, what they carry along, and what they never show."""

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
import time
from pathlib import Path
from typing import Any

import pytest

import drivebay
from drivebay.telemetry import redact

SIGNED = "https://store.example/drivebay/key?X-Amz-Credential=canary&X-Amz-Signature=canary"


def redacted(**event: Any) -> dict[str, Any]:
    return dict(redact(None, "info", {"event": "tried", **event}))


# -- redaction ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "token",
        "refresh_token",
        "access_token",
        "password",
        "new_password",
        "secret",
        "Authorization",
        "cookie",
        "signature",
        "pepper",
        "api_key",
        "private_key",
    ],
)
def test_a_field_named_like_a_secret_is_blotted_out(name: str) -> None:
    assert redacted(**{name: "canary"})[name] == "[redacted]"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Authorization: Bearer canary.canary-canary_1", "Authorization: Bearer [redacted]"),
        ("sent bearer canarycanary and waited", "sent bearer [redacted] and waited"),
        (f"PUT {SIGNED} failed", "PUT https://store.example/drivebay/key?[redacted] failed"),
        (f'redirected to "{SIGNED}"', 'redirected to "https://store.example/drivebay/key?[redacted]"'),
        (f"{SIGNED} {SIGNED}", " ".join(["https://store.example/drivebay/key?[redacted]"] * 2)),
        ("postgresql://me:canary@db:5432/x is away", "postgresql://me:[redacted]@db:5432/x is away"),
        ("nats://:canary@broker:4222", "nats://:[redacted]@broker:4222"),
        ("http://me:canary@store/key?sig=canary", "http://me:[redacted]@store/key?[redacted]"),
        ("AUTHORIZATION: BEARER canary.canary", "AUTHORIZATION: BEARER [redacted]"),
        ("nats://canary@broker:4222 is away", "nats://[redacted]@broker:4222 is away"),
        ("nats://canary@a:1,nats://canary@b:2", "nats://[redacted]@a:1,nats://[redacted]@b:2"),
        ("postgresql://me:can@ary@db/x", "postgresql://me:[redacted]@db/x"),
        ("HTTPS://store/key?sig=canary", "HTTPS://store/key?[redacted]"),
        ("postgresql://db/x?user=me&password=canary", "postgresql://db/x?[redacted]"),
        ("PUT /b/k?X-Amz-Signature=canary&part=1", "PUT /b/k?X-Amz-Signature=[redacted]&part=1"),
        (
            "AWS4-HMAC-SHA256 Credential=canary/2026, SignedHeaders=host, Signature=canary",
            "AWS4-HMAC-SHA256 Credential=[redacted], SignedHeaders=host, Signature=[redacted]",
        ),
        ("{'Authorization': 'Basic Y2FuYXJ5=='}", "{'Authorization': 'Basic [redacted]'}"),
        ("got eyJhbGciOiJFZERTQSJ9.eyJjYW5hcnkiOjF9.canary-canary back", "got [redacted] back"),
        ("host=db password=canary user=me", "host=db password=[redacted] user=me"),
        ("Tokens(refresh_token='canary', expires_in=900)", "Tokens(refresh_token=[redacted], expires_in=900)"),
        ('{"password":"can\'ary","email":"a@b"}', '{"password":[redacted],"email":"a@b"}'),
    ],
)
def test_a_secret_inside_a_sentence_is_blotted_out_and_the_rest_stays(said: str, shown: str) -> None:
    assert redacted(reason=said)["reason"] == shown
    assert redacted(event=said)["event"] == shown


@pytest.mark.parametrize(
    "said",
    [
        "a bearer of news",
        "http://127.0.0.1:8080/docs",
        "postgresql://db:5432/x",
        "what? nothing",
        "me@db",
        "the token has ended",
    ],
)
def test_what_holds_no_secret_is_left_as_it_is(said: str) -> None:
    assert redacted(reason=said)["reason"] == said


@pytest.mark.parametrize("part", ["a://", "token", "eyJaaaaaaaa-", "eyJaaaaaaaa.", "bearer ", "a://b:", "secret':'"])
def test_a_long_text_that_only_begins_like_secrets_is_read_within_a_moment(part: str) -> None:
    begun = time.monotonic()
    redacted(reason=part * (100_000 // len(part)) + " ://")
    assert time.monotonic() - begun < 2


def test_figures_are_left_as_they_are() -> None:
    assert redacted(bytes=17, ok=True, ratio=0.5) == {"event": "tried", "bytes": 17, "ok": True, "ratio": 0.5}


def test_a_secret_inside_lists_and_mappings_is_blotted_out_however_deep() -> None:
    found = redacted(
        tried=[SIGNED, ("nats://canary@broker", {"cause": f"PUT {SIGNED}"})],
        headers={"Authorization": "Basic canary", "Accept": "*/*", "cookie": [b"canary"]},
    )
    assert "canary" not in repr(found)
    assert found["headers"]["Accept"] == "*/*"
    assert found["tried"][1][0] == "nats://[redacted]@broker"


def test_a_secret_in_bytes_or_in_the_repr_of_a_value_is_blotted_out() -> None:
    found = redacted(sent=b"authorization: Bearer canary.canary", error=ValueError(f"PUT {SIGNED}"), path=b"\xff/a")
    assert found["sent"] == b"authorization: Bearer [redacted]"
    assert found["path"] == b"\xff/a"
    assert "canary" not in repr(found)
    assert "ValueError" in str(found["error"])


def test_a_value_that_holds_itself_ends() -> None:
    held: list[Any] = ["nats://canary@broker"]
    held.append(held)
    assert "canary" not in repr(redacted(held=held))


def test_a_count_named_like_a_secret_is_a_figure() -> None:
    assert redacted(tokens=3, password=None) == {"event": "tried", "tokens": 3, "password": None}


# -- lines ----------------------------------------------------------------------------------------

_SET_UP = """
import logging, structlog
from drivebay import telemetry
shutdown = telemetry.setup({level!r}, otlp_endpoint=None, service="tried")
log = structlog.get_logger("tried")
"""


def command(code: str, level: str) -> list[str]:
    return [sys.executable, "-c", _SET_UP.format(level=level) + code]


def lines(code: str, level: str = "info") -> list[dict[str, Any]]:
    """What a process that runs `code` logs while its standard error is no terminal."""
    done = subprocess.run(command(code, level), capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == ""
    return [json.loads(line) for line in done.stderr.splitlines()]


def on_a_terminal(code: str) -> str:
    ours, theirs = pty.openpty()
    with subprocess.Popen(command(code, "info"), stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 4096):
                shown += part
        except OSError:  # how Linux says that the other side of a terminal is gone
            pass
        finally:
            os.close(ours)
    assert process.returncode == 0
    return shown.decode()


def test_a_line_is_json_with_its_fields_when_nobody_watches() -> None:
    (line,) = lines('log.info("purged", bytes=17)')
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "purged", "bytes": 17, "level": "info"}


def test_a_line_is_for_people_on_a_terminal_and_still_without_secrets() -> None:
    shown = on_a_terminal(f'log.info("purged", bytes=17, url={SIGNED!r})')
    assert "purged" in shown
    assert not shown.lstrip().startswith("{")
    assert "canary" not in shown


def test_a_line_carries_the_request_it_belongs_to_and_the_next_does_not() -> None:
    first, second = lines(
        """
with structlog.contextvars.bound_contextvars(request_id="r-1"):
    log.info("inside")
log.info("outside")
"""
    )
    assert first["request_id"] == "r-1"
    assert "request_id" not in second


def test_tasks_side_by_side_keep_their_own_request_ids() -> None:
    found = lines(
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


def test_a_line_inside_a_span_names_its_trace() -> None:
    (line,) = lines(
        """
from opentelemetry import trace
context = trace.SpanContext(0xabc, 0xdef, is_remote=False)
with trace.use_span(trace.NonRecordingSpan(context)):
    log.info("worked")
"""
    )
    assert line["trace_id"] == "0" * 29 + "abc"


def test_lines_below_the_level_are_left_out() -> None:
    assert [line["event"] for line in lines('log.info("small"); log.warning("large")', level="warning")] == ["large"]


def test_libraries_speak_through_the_same_door_from_warnings_up() -> None:
    (line,) = lines(
        f"""
other = logging.getLogger("some.library")
other.info("chatter")
with structlog.contextvars.bound_contextvars(request_id="r-1"):
    other.warning("could not reach %s", {SIGNED!r})
"""
    )
    assert line["event"] == "could not reach https://store.example/drivebay/key?[redacted]"
    assert (line["logger"], line["level"], line["request_id"]) == ("some.library", "warning", "r-1")


def test_a_caller_that_went_before_its_answer_is_no_defect() -> None:
    told = lines(
        "import logging\n"
        "log = logging.getLogger('grpc._cython.cygrpc')\n"
        "log.error('ExecuteBatchError raised in core by servicer method [%s]', '/drivebay.storage.v1.Storage/Tail')\n"
        "log.error('Unexpected [%s] raised by servicer method [%s]', 'KeyError', '/drivebay.storage.v1.Storage/Tail')\n"
    )
    assert [line["event"].partition(" ")[0] for line in told] == ["Unexpected"]


def test_an_exception_is_one_line_with_its_traceback_and_without_its_locals() -> None:
    (line,) = lines(
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
    {{speak}}
"""


@pytest.mark.parametrize("speak", ['log.exception("failed")', 'logging.getLogger("library").exception("failed")'])
def test_a_traceback_names_no_secret_wherever_it_is_written(speak: str) -> None:
    (line,) = lines(_LEAKY.replace("{speak}", speak))
    shown = on_a_terminal(_LEAKY.replace("{speak}", speak))
    for text in (line["exception"], shown):
        assert "OSError: PUT https://store.example/drivebay/key?[redacted]" in text
        assert "ValueError: nats://[redacted]@broker is away" in text
        assert "canary" not in text


_TRACED = """
import time
shutdown = telemetry.setup("info", otlp_endpoint="http://127.0.0.1:{port}", service="tried")
from opentelemetry import trace
with trace.get_tracer("tried").start_as_current_span("the-span"):
    pass
begun = time.monotonic()
shutdown()
log.info("ended", seconds=time.monotonic() - begun)
"""


@pytest.mark.parametrize("listens", [True, False])
def test_the_end_does_not_wait_for_a_collector_that_is_away(listens: bool) -> None:
    with socket.socket() as collector:
        collector.bind(("127.0.0.1", 0))
        if listens:  # takes connections and never answers
            collector.listen()
        begun = time.monotonic()
        found = lines(_TRACED.format(port=collector.getsockname()[1]))
        assert time.monotonic() - begun < 15
    (ended,) = [line for line in found if line["event"] == "ended"]
    assert ended["seconds"] < 5


def test_what_was_traced_is_sent_at_the_end() -> None:
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
            lines(_TRACED.format(port=server.server_port))
        finally:
            server.shutdown()
            thread.join(10)
    ((path, body),) = sent
    assert path == "/v1/traces"
    assert b"the-span" in body
    assert b"tried" in body


def test_without_an_endpoint_nothing_is_traced_and_the_end_is_quick() -> None:
    (line,) = lines('from opentelemetry import trace\nlog.info("k", kind=str(trace.get_tracer_provider()))\nshutdown()')
    assert "ProxyTracerProvider" in line["kind"]


def test_no_field_of_a_log_line_is_named_like_what_every_line_has() -> None:
    # A line named by a keyword `event` raises where it is written, and takes along whoever wrote it.
    reserved = {"event", "level", "timestamp", "exception"}
    calls = [
        (file.name, node.lineno, {keyword.arg for keyword in node.keywords} & reserved)
        for file in Path(drivebay.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "log"
    ]
    assert len(calls) > 30
    assert [call for call in calls if call[2]] == []
