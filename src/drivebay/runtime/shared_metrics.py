"""One folder for the metrics of several gateway processes (docs/decisions/0014)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ..config.restart import get_variable, restart_with_variable
from ..observability.metrics import FOLDER_VARIABLE, is_shared

_FOLDER_PREFIX: Final = "drivebay-metrics-"


@contextmanager
def share_metrics(processes: int) -> Iterator[None]:
    """Collect the metrics of this process and its child processes in one folder, and remove the folder at the end.

    If `processes` is more than one and the environment names no folder, the call does not return: it restarts this
    process with a new folder in its environment, because prometheus-client reads the name of the folder from the
    environment when it is imported. Call this before you start anything. A folder that the operator has set is used and
    not removed.
    """
    if processes > 1 and not is_shared():
        restart_with_variable(FOLDER_VARIABLE, tempfile.mkdtemp(prefix=_FOLDER_PREFIX))
    folder = Path(get_variable(FOLDER_VARIABLE) or "")
    try:
        yield
    finally:
        if folder.name.startswith(_FOLDER_PREFIX):
            shutil.rmtree(folder, ignore_errors=True)
