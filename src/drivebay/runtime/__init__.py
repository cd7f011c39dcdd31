"""The parts of a running process: embedded servers, HTTP server, gateway processes, `/metrics`, garbage collection.

`http_server` is imported where it is used: only processes that serve HTTP load Granian.
"""

from .embedded_servers import Progress, ServiceNames, open_servers
from .garbage_collection import reduce_garbage_collection
from .gateway_processes import keep_gateway_process_running, wait_for_parent_exit
from .listen import require_free_port, serve_metrics, split_host_port

__all__ = [
    "Progress",
    "ServiceNames",
    "keep_gateway_process_running",
    "open_servers",
    "reduce_garbage_collection",
    "require_free_port",
    "serve_metrics",
    "split_host_port",
    "wait_for_parent_exit",
]
