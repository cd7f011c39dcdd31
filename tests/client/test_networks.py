"""Both ways out, httpx's and aiohttp's, keep the one promise."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from drivebay.client import Network, NetworkError, NotSent
from drivebay.client.httpx_network import HttpxNetwork
from drivebay.client.network import ask
from drivebay.commands.network import AiohttpNetwork

Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: "e"\r\n\r\nok'


@pytest.fixture(params=[HttpxNetwork, AiohttpNetwork])
async def network(request: pytest.FixtureRequest) -> AsyncIterator[Network]:
    found: Network = request.param(connections=4)
    yield found
    await found.close()


class Server:
    """Hears requests, and answers as it is told."""

    def __init__(self, answer: bytes = OK, reads: bool = True) -> None:
        self.heard = b""
        self._answer = answer
        self._reads = reads

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.heard += head
            length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            if length and self._reads:
                self.heard += await reader.readexactly(int(length[0].split(b":")[1]))
            writer.write(self._answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        return f"http://{host}:{port}"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    @property
    def lines(self) -> list[str]:
        return self.heard.partition(b"\r\n\r\n")[0].decode().split("\r\n")


async def slowly(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk


async def test_what_is_sent_is_what_was_signed(network: Network) -> None:
    server = Server()
    target = "/b/k%2Fey%20x?X-Amz-Credential=a%2Fb%2Bc&name=%27%C3%A9%27&empty="
    async with server as origin:
        headers = {"Content-Type": "text/plain", "X-Amz-Meta-Name": "a.txt"}
        answer = await ask(network, "PUT", origin + target, headers, b"hello")
    assert (answer.status, answer.body, answer.headers["etag"]) == (200, b"ok", '"e"')
    assert server.lines[0] == f"PUT {target} HTTP/1.1"
    sent = {line.partition(":")[0].lower() for line in server.lines[1:]}
    assert sent == {"host", "content-type", "x-amz-meta-name", "content-length"}
    assert server.heard.endswith(b"\r\n\r\nhello")


async def test_a_body_that_comes_in_pieces_has_the_length_it_was_given(network: Network) -> None:
    server = Server()
    async with server as origin:
        await ask(network, "PUT", f"{origin}/k", {"Content-Length": "10"}, slowly(b"hello", b"world"))
    assert server.heard.endswith(b"\r\n\r\nhelloworld")
    assert "transfer-encoding" not in server.heard.decode().lower()


@pytest.mark.parametrize("error", [OSError(5, "disk"), ValueError("wrong")])
async def test_a_body_that_cannot_be_read_is_not_the_networks_failure(network: Network, error: Exception) -> None:
    async def spoilt() -> AsyncIterator[bytes]:
        yield b"hello"
        raise error

    async with Server() as origin:
        with pytest.raises(type(error)) as raised:
            await ask(network, "PUT", f"{origin}/k", {"Content-Length": "10"}, spoilt())
    assert raised.value is error


async def test_an_answer_before_the_body_was_taken_is_heard(network: Network) -> None:
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnope"

    async def endless() -> AsyncIterator[bytes]:
        yield b"x" * 1024
        await asyncio.sleep(0.2)
        yield b"x" * 1024

    async with Server(refusal, reads=False) as origin:
        answer = await ask(network, "PUT", f"{origin}/k", {"Content-Length": "2048"}, endless())
        assert (answer.status, answer.body) == (403, b"nope")


async def test_a_redirect_is_an_answer_and_followed_by_nobody(network: Network) -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n"
    async with Server(moved) as origin:
        assert (await ask(network, "GET", f"{origin}/k", {})).status == 302


async def test_bytes_come_as_they_were_stored(network: Network) -> None:
    packed = b"\x1f\x8b not really"
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    async with Server(head + packed) as origin:
        assert (await ask(network, "GET", f"{origin}/k", {})).body == packed


async def test_where_nobody_listens_nothing_was_sent(network: Network) -> None:
    async with Server() as origin:
        pass
    with pytest.raises(NotSent) as raised:
        await ask(network, "POST", f"{origin}/k?X-Amz-Signature=secret", {}, b"x")
    assert "secret" not in str(raised.value)
    assert str(raised.value).startswith(f"no connection to {origin.removeprefix('http://')} (")


async def test_who_broke_a_connection_is_said_without_what_was_asked(network: Network) -> None:
    async with Server(b"") as origin:
        with pytest.raises(NetworkError) as raised:
            await ask(network, "GET", f"{origin.replace('//', '//me:secret@')}/k?X-Amz-Signature=secret", {})
    assert str(raised.value).startswith(f"the connection to {origin.removeprefix('http://')} broke")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", b"\x00not http\r\n\r\n"])
async def test_what_broke_after_it_was_sent_may_have_been_done(network: Network, answer: bytes) -> None:
    async with Server(answer) as origin:
        with pytest.raises(NetworkError) as raised:
            await ask(network, "POST", f"{origin}/k?X-Amz-Signature=secret", {}, b"x")
    assert not isinstance(raised.value, NotSent)
    assert "secret" not in str(raised.value)


async def test_what_is_no_url_is_said_without_it(network: Network) -> None:
    with pytest.raises(NetworkError) as raised:
        await ask(network, "GET", "http://[::1?X-Amz-Signature=secret", {})
    assert "secret" not in str(raised.value)


async def test_passwords_of_other_programs_stay_where_they_are(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    server = Server()
    async with server as origin:
        await ask(network, "GET", f"{origin}/k", {})
    assert "authorization" not in server.heard.decode().lower()


async def test_a_proxy_of_the_environment_is_used(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    async with server as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        assert (await ask(network, "GET", "http://store.example/k", {})).status == 200
    assert server.lines[0] == "GET http://store.example/k HTTP/1.1"
