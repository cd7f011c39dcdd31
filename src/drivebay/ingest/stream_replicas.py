"""The replicas of a stream in a cluster of NATS servers. The stream works only while a majority of its replicas
runs."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import structlog
from nats.aio.client import Client
from nats.js import api

from ..errors import Unavailable

log = structlog.get_logger(__name__)

_REQUEST_TIMEOUT: Final = 3
"""The maximum number of seconds of one request to JetStream."""
_TOO_FEW_SERVERS: Final = frozenset({10005, 10074})
"""The error codes of JetStream for more replicas than servers: in a cluster, and for a single server."""


async def grow_replicas(client: Client, stream: str, replicas: int) -> None:
    """Increase the number of replicas of an existing stream to `replicas`. Do nothing if it has as many or more.

    If NATS refuses, the reason is logged and the stream works as before. Raises the errors of the NATS client.
    """
    info = await _request(client, f"$JS.API.STREAM.INFO.{stream}")
    config = info.get("config", {})
    current = config.get("num_replicas", 1)
    if not config or current >= replicas:  # guard: stream-replicas-grow
        return
    # Send back the configuration as a dict, because the class of the client drops fields that it does not know.
    response = await _request(client, f"$JS.API.STREAM.UPDATE.{stream}", config | {"num_replicas": replicas})
    if error := response.get("error"):
        log.warning(
            "stream_replicas_refused",
            stream=stream,
            replicas=current,
            wanted=replicas,
            reason=error.get("description", ""),
            action="start more NATS servers, or set DRIVEBAY_NATS_REPLICAS to fewer",
        )
    else:
        log.info("stream_replicas_grown", stream=stream, replicas=replicas)


def is_refusal(error_code: int | None) -> bool:
    """Return whether JetStream refused a stream because it needs more servers."""
    return error_code in _TOO_FEW_SERVERS


def require_leader(info: api.StreamInfo) -> None:
    """Raise Unavailable if the stream has no leader. A running server still describes such a stream, but accepts no
    events for it."""
    if info.cluster is not None and not info.cluster.leader:  # guard: stream-leader
        raise Unavailable(
            f"the stream {info.config.name} has no leader, because too few of the NATS servers that keep it run:"
            " start the others"
        )


def replica_problems(info: api.StreamInfo, replicas: int) -> tuple[str, ...]:
    """Return a short sentence for each problem with the replicas of the stream."""
    problems = []
    configured = info.config.num_replicas or 1
    if configured < replicas:
        problems.append(f"it has {configured} instead of {replicas} replicas (DRIVEBAY_NATS_REPLICAS)")
    peers = (info.cluster and info.cluster.replicas) or ()
    problems += [
        f"the replica on the server {peer.name} is behind, or that server is down"
        for peer in peers
        if peer.offline or not peer.current
    ]
    return tuple(problems)


async def _request(client: Client, subject: str, body: Any = None) -> dict[str, Any]:
    payload = b"" if body is None else msgspec.json.encode(body)
    message = await client.request(subject, payload, timeout=_REQUEST_TIMEOUT)
    return msgspec.json.decode(message.data, type=dict[str, Any])
