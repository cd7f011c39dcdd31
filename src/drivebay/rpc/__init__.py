"""Calls of contracts, in one process or across processes. The code is generic: it works for any contract.

`serve` and `connect` make a contract available over gRPC. The calls of a client share a stream, and each method can be
called as a unary RPC too. `local.connect` calls a service in the same process. Every call runs through a `CallGuard`.
`unconfigured_client` stands for a service that has no address.
"""

from .client import connect, connect_unary, unconfigured_client
from .conformance import Mismatch
from .server import ServedContract, serve

__all__ = ["Mismatch", "ServedContract", "connect", "connect_unary", "serve", "unconfigured_client"]
