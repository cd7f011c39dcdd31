"""The loop of a simulated user: choose a random step, run it, wait a moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from . import (
    account_steps,
    copy_steps,
    file_steps,
    folder_link_steps,
    foreign_access,
    job_steps,
    link_steps,
    multipart_uploads,
    sharing_steps,
    single_put_uploads,
    tus_uploads,
    version_steps,
)
from .simulated_user import SimulatedUser

Step = Callable[[SimulatedUser], Awaitable[None]]

_STEPS: Final[tuple[tuple[Step, float], ...]] = (
    (single_put_uploads.upload, 36),
    (multipart_uploads.upload, 4),
    (tus_uploads.upload, 8),
    (tus_uploads.resume, 2),
    (file_steps.download, 18),
    (file_steps.list_files, 6),
    (file_steps.rename, 5),
    (file_steps.restore, 5),
    (copy_steps.copy_file, 5),
    (copy_steps.copy_folder, 0.5),
    (file_steps.create_folder, 1),
    (file_steps.trash_folder, 0.3),
    (foreign_access.try_foreign_access, 6),
    (link_steps.create_link, 3),
    (link_steps.list_links, 2),
    (link_steps.open_link, 6),
    (link_steps.revoke_link, 2),
    (link_steps.open_revoked_link, 3),
    (folder_link_steps.create_link, 3),
    (folder_link_steps.open_link, 4),
    (folder_link_steps.change_password, 2),
    (folder_link_steps.archive_folder, 3),
    (folder_link_steps.upload, 4),
    (folder_link_steps.revoke_link, 2),
    (folder_link_steps.open_ended_archive, 2),
    (sharing_steps.give_access, 3),
    (sharing_steps.use_access, 5),
    (sharing_steps.withdraw_access, 2),
    (sharing_steps.use_withdrawn_access, 4),
    (version_steps.replace, 5),
    (version_steps.read, 3),
    (version_steps.restore, 5),
    (version_steps.delete, 2),
    (job_steps.copy_folder, 1),
    (job_steps.copy_large_folder, 1),
    (job_steps.withdraw_access_during_copy, 3),
    (account_steps.change_password, 0.6),
    (account_steps.end_other_sessions, 0.6),
    (account_steps.lose_session, 0.6),
    (account_steps.use_ended_session, 3),
)
"""Each step with its weight. The weight of `trash` depends on the number of files."""
_MANY_FILES: Final = 120


async def run_steps(user: SimulatedUser, stop_at: float) -> None:
    """Run steps until `stop_at` (seconds since 1970), or until a caller sets `user.stop_at` to an earlier time.

    The last step is finished.
    """
    user.stop_at = stop_at
    steps = [*(step for step, _ in _STEPS), file_steps.trash]
    while time.time() < user.stop_at:
        trash_weight = 45 if len(user.files) > _MANY_FILES else 9
        step = user.rng.choices(steps, [*(weight for _, weight in _STEPS), trash_weight])[0]
        user.counts["steps"] += 1
        await step(user)
        await asyncio.sleep(user.rng.expovariate(40))
