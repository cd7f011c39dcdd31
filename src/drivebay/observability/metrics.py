"""Metrics of this process, or of a group of processes together.

The parent of several gateway processes sets `PROMETHEUS_MULTIPROC_DIR` (`run --workers`). prometheus-client then keeps
values in files of that folder. The process that handles a request for metrics reads the files of all processes.
"""

from __future__ import annotations

import prometheus_client
from prometheus_client import CollectorRegistry, values
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST


def is_shared() -> bool:
    """Return whether this process shares its metrics with other gateway processes."""
    return values.ValueClass is not values.MutexValue


def registry() -> CollectorRegistry:
    """Return the registry to serve. In a group of processes, its counters and histograms are the sums of the values of
    all processes."""
    if not is_shared():
        return prometheus_client.REGISTRY
    shared = CollectorRegistry()
    MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
    return shared


def render() -> bytes:
    """Return all metrics in the text format of Prometheus."""
    return prometheus_client.generate_latest(registry())


def forget_process(pid: int) -> None:
    """Remove the gauges of a process that has ended. Its counters stay in the sums."""
    if is_shared():
        mark_process_dead(pid)  # type: ignore[no-untyped-call]
