"""Timeouts in seconds of the contract methods that may take longer than the default timeout of a call (10 seconds)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

METHOD_TIMEOUTS: Final[Mapping[str, float]] = {
    "begin_oidc_login": 30.0,
    "complete_oidc_login": 30.0,
    "check_invariants": 3600.0,
    "commit_uploads": 30.0,
    "claim_purges": 30.0,
    "finish_purges": 30.0,
    "delete_trashed": 60.0,
    "empty_trash": 60.0,
    "empty_drive": 60.0,
    "move_entries": 60.0,
    "trash_entries": 60.0,
    "restore_entries": 60.0,
    "copy_entry": 30.0,
    "copy_entries": 60.0,
    "run_job_step": 300.0,
    "measure_tree": 30.0,
    "promote": 30.0,
    "copy_objects": 60.0,
    "start_drive_copy": 60.0,
    "clean_staging": 60.0,
    "delete_objects": 60.0,
    "list_objects": 30.0,
    "quarantine_object": 660.0,
    "write_part": 30.0,
    "write_partial_part": 30.0,
    "read_partial_part": 30.0,
    "read_object": 30.0,
    "create_archive": 30.0,
    "create_link_archive": 30.0,
    "delete_expired_archives": 60.0,
    "delete_partial_parts": 30.0,
}
