"""The HTTP transport against a server that records the raw request and sends a prepared answer."""

import asyncio
import inspect
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from drivebay.client import ApiError, AsyncDrive, MemoryTokenStore, NetworkError, RequestNotSent, Tokens
from drivebay.client.transport import READ_TIMEOUT, Transport

OK = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: "e"\r\n\r\nok'


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    found = Transport(max_connections=4)
    yield found
    await found.close()


class RecordingServer:
    """Records requests and sends `answer` to each. With `reads_body` False it answers after the headers."""

    def __init__(self, answer: bytes = OK, reads_body: bool = True) -> None:
        self.received = b""
        self._answer = answer
        self._reads_body = reads_body

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.received += head
            length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            if length and self._reads_body:
                self.received += await reader.readexactly(int(length[0].split(b":")[1]))
            writer.write(self._answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        return f"http://{host}:{port}"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    @property
    def head_lines(self) -> list[str]:
        return self.received.partition(b"\r\n\r\n")[0].decode().split("\r\n")


async def chunks_of(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk


async def test_the_url_and_the_headers_are_sent_unchanged(transport: Transport) -> None:
    server = RecordingServer()
    target = "/b/k%2Fey%20x?X-Amz-Credential=a%2Fb%2Bc&name=%27%C3%A9%27&empty="
    async with server as origin:
        headers = {"Content-Type": "text/plain", "X-Amz-Meta-Name": "a.txt"}
        response = await transport.fetch("PUT", origin + target, headers, b"hello")
    assert (response.status, response.body, response.headers["etag"]) == (200, b"ok", '"e"')
    assert server.head_lines[0] == f"PUT {target} HTTP/1.1"
    sent = {line.partition(":")[0].lower() for line in server.head_lines[1:]}
    assert sent == {"host", "content-type", "x-amz-meta-name", "content-length"}
    assert server.received.endswith(b"\r\n\r\nhello")


async def test_a_body_in_chunks_is_sent_with_its_content_length(transport: Transport) -> None:
    server = RecordingServer()
    async with server as origin:
        await transport.fetch("PUT", f"{origin}/k", {"Content-Length": "10"}, chunks_of(b"hello", b"world"))
    assert server.received.endswith(b"\r\n\r\nhelloworld")
    assert "transfer-encoding" not in server.received.decode().lower()


@pytest.mark.parametrize("error", [OSError(5, "disk"), ValueError("wrong")])
async def test_an_error_of_the_body_is_raised_unchanged(transport: Transport, error: Exception) -> None:
    async def failing_body() -> AsyncIterator[bytes]:
        yield b"hello"
        raise error

    async with RecordingServer() as origin:
        with pytest.raises(type(error)) as raised:
            await transport.fetch("PUT", f"{origin}/k", {"Content-Length": "10"}, failing_body())
    assert raised.value is error


async def test_an_answer_that_arrives_before_the_body_is_sent_is_returned(transport: Transport) -> None:
    forbidden = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnope"

    async def slow_body() -> AsyncIterator[bytes]:
        yield b"x" * 1024
        await asyncio.sleep(0.2)
        yield b"x" * 1024

    async with RecordingServer(forbidden, reads_body=False) as origin:
        response = await transport.fetch("PUT", f"{origin}/k", {"Content-Length": "2048"}, slow_body())
        assert (response.status, response.body) == (403, b"nope")


async def test_redirects_are_not_followed(transport: Transport) -> None:
    found = b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n"
    async with RecordingServer(found) as origin:
        assert (await transport.fetch("GET", f"{origin}/k", {})).status == 302


async def test_a_compressed_body_is_not_decoded(transport: Transport) -> None:
    packed = b"\x1f\x8b not really"
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    async with RecordingServer(head + packed) as origin:
        assert (await transport.fetch("GET", f"{origin}/k", {})).body == packed


async def test_a_refused_connection_is_request_not_sent(transport: Transport) -> None:
    async with RecordingServer() as origin:
        pass
    with pytest.raises(RequestNotSent) as raised:
        await transport.fetch("POST", f"{origin}/k?X-Amz-Signature=secret", {}, b"x")
    assert "secret" not in str(raised.value)
    assert str(raised.value) == f"cannot connect to {origin.removeprefix('http://')}: Connection refused"


async def test_https_to_a_server_without_tls_is_explained(transport: Transport) -> None:
    async def answer_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer_at_once, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        with pytest.raises(RequestNotSent, match="does not use TLS, so its URL starts with http://"):
            await transport.fetch("GET", f"https://{host}:{port}/k", {})
    finally:
        server.close()


async def test_the_error_of_a_broken_connection_names_the_host_without_secrets(transport: Transport) -> None:
    async with RecordingServer(b"") as origin:
        with pytest.raises(NetworkError) as raised:
            await transport.fetch("GET", f"{origin.replace('//', '//me:secret@')}/k?X-Amz-Signature=secret", {})
    assert str(raised.value).startswith(f"the connection to {origin.removeprefix('http://')} broke")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", b"\x00not http\r\n\r\n"])
async def test_a_failure_after_sending_is_not_request_not_sent(transport: Transport, answer: bytes) -> None:
    async with RecordingServer(answer) as origin:
        with pytest.raises(NetworkError) as raised:
            await transport.fetch("POST", f"{origin}/k?X-Amz-Signature=secret", {}, b"x")
    assert not isinstance(raised.value, RequestNotSent)
    assert "secret" not in str(raised.value)


async def test_the_error_of_an_invalid_url_does_not_contain_it(transport: Transport) -> None:
    with pytest.raises(NetworkError) as raised:
        await transport.fetch("GET", "http://[::1?X-Amz-Signature=secret", {})
    assert "secret" not in str(raised.value)


async def test_passwords_of_netrc_are_not_sent(
    transport: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    server = RecordingServer()
    async with server as origin:
        await transport.fetch("GET", f"{origin}/k", {})
    assert "authorization" not in server.received.decode().lower()


async def test_the_proxy_of_the_environment_is_used(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    server = RecordingServer()
    async with server as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        assert (await transport.fetch("GET", "http://store.example/k", {})).status == 200
    assert server.head_lines[0] == "GET http://store.example/k HTTP/1.1"


async def test_a_silent_server_is_noticed_soon(transport: Transport) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        assert inspect.signature(transport.fetch).parameters["response_timeout"].default == READ_TIMEOUT == 15
        async with asyncio.timeout(45):
            with pytest.raises(NetworkError, match="sent no response in time"):
                await transport.fetch("GET", f"http://{host}:{port}/k", {}, response_timeout=0.5)
    finally:
        server.close()


async def test_a_redirect_of_a_proxy_is_no_success() -> None:
    """A proxy redirects to https, or to its page for signing in. Nothing was deleted."""
    found = b"HTTP/1.1 302 Found\r\nLocation: https://192.0.2.1/\r\nContent-Length: 0\r\n\r\n"
    async with (
        RecordingServer(found) as server,
        AsyncDrive(server, token_store=MemoryTokenStore(Tokens("access", "refresh"))) as drive,
    ):
        for attempt in (drive.empty_trash, drive.me, drive.log_out):
            with pytest.raises(ApiError) as caught:
                await attempt()
            assert caught.value.status == 302
