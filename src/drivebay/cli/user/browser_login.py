"""Sign-in with an identity provider from the command line, with a browser on this computer (RFC 8252).

The command listens on a port of the loopback address, where the browser sends a sign-in code.
"""

from __future__ import annotations

import asyncio
import webbrowser
from contextlib import suppress
from typing import Final
from urllib.parse import parse_qs, quote, urlsplit

from .console import print_note
from .exit_codes import CommandError, ExitCode

SIGN_IN_TIMEOUT: Final = 300.0
"""Seconds after which the command stops waiting for the sign-in."""
_PATH: Final = "/signed-in"
_MAX_HEADER: Final = 16_384
"""The maximum number of bytes of a request with its headers."""
_PAGE: Final = "<!doctype html><title>Drivebay</title><p>{text} You can close this page."
_REFUSALS: Final = {
    "access_denied": "the identity provider refused the sign-in",
    "no_account": "you have no account here: ask the operator for one",
    "email_taken": "another account has your email address: log in with its password",
    "account_disabled": "your account is disabled",
}


async def receive_code(server: str, as_json: bool) -> str:
    """Open a browser, wait until the user has signed in, and return the sign-in code. Raises CommandError."""
    received: asyncio.Future[dict[str, list[str]]] = asyncio.get_running_loop().create_future()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(10.0):
                request = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, OSError):
            writer.close()
            return
        target = urlsplit((request.split(b" ")[1:2] or [b""])[0].decode("latin-1"))
        parameters = parse_qs(target.query)
        is_redirect = target.path == _PATH and ("code" in parameters or "error" in parameters)
        text = "You are logged in." if "code" in parameters else "The sign-in failed."
        body = _PAGE.format(text=text if is_redirect else "This is not the page of a sign-in.").encode()
        head = (
            f"HTTP/1.1 {'200 OK' if is_redirect else '404 Not Found'}\r\nContent-Type: text/html; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"
            "Connection: close\r\n\r\n"
        )
        writer.write(head.encode() + body)
        with suppress(OSError):  # the browser is gone
            await writer.drain()
        writer.close()
        if is_redirect and not received.done():
            received.set_result(parameters)

    listener = await asyncio.start_server(handle, "127.0.0.1", 0, limit=_MAX_HEADER)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        redirect_uri = f"http://127.0.0.1:{port}{_PATH}"
        url = f"{server.rstrip('/')}/v1/oidc/login?redirect_uri={quote(redirect_uri, '')}"
        is_open = await asyncio.to_thread(webbrowser.open, url)
        note = "Sign in with your browser." if is_open else f"Open this page in a browser on this computer: {url}"
        print_note(note, as_json)
        try:
            async with asyncio.timeout(SIGN_IN_TIMEOUT):
                parameters = await received
        except TimeoutError:
            raise CommandError("the sign-in took too long", ExitCode.FAILED, "run the command again") from None
    if "error" in parameters:
        error = parameters["error"][0]
        raise CommandError(_REFUSALS.get(error, "the sign-in failed"), ExitCode.FAILED)
    return parameters["code"][0]
