"""`Drive`: the methods of `AsyncDrive` without `await`, for programs without asyncio.

Each method runs the coroutine of the same name on an event loop in a background thread, which ends with `close`.
Progress callbacks run in that thread. Ctrl-C cancels the running call and waits for its cleanup. Several threads may
share one `Drive`. Processes may not: after a fork, the calls of the child raise RuntimeError.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import suppress
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from .api_models import File
from .async_admin import AsyncAdmin
from .async_drive import AsyncDrive
from .public_link import AsyncPublicLink
from .resume_store import ResumeStore
from .retry_policy import RetryPolicy
from .token_store import TokenStore

T = TypeVar("T")
P = ParamSpec("P")

_CLEANUP_TIMEOUT = 15.0
"""The maximum number of seconds for the cleanup of an interrupted call."""


def _blocking(
    method: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Any, P], T]:
    """Return the blocking version of a coroutine method."""

    @wraps(method)
    def call(self: Drive | Admin | PublicLink, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._loop.run(method(self._drive, *args, **kwargs))

    return call


def _iterating(
    method: Callable[Concatenate[Any, P], AsyncGenerator[T, None]],
) -> Callable[Concatenate[Any, P], Iterator[T]]:
    """Return the blocking version of an async generator method."""

    @wraps(method)
    def call(self: Drive | Admin | PublicLink, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        return self._loop.iterate(method(self._drive, *args, **kwargs))

    signature = inspect.signature(method)
    returned = str(signature.return_annotation).replace("AsyncGenerator", "Iterator").replace(", None]", "]")
    call.__signature__ = signature.replace(return_annotation=returned)  # type: ignore[attr-defined]
    return call


class Drive:
    """The files of one user on one server. Arguments, methods and errors are the same as those of `AsyncDrive`.

    A `Drive` cannot be used in a forked process: each call there raises RuntimeError. Create one in each process.
    """

    def __init__(
        self,
        server: str,
        *,
        drive_id: str | None = None,
        token_store: TokenStore | None = None,
        resume_store: ResumeStore | None = None,
        parallel: int = 4,
        retry_policy: RetryPolicy | None = None,
        connect_timeout: float = 10.0,
    ) -> None:
        self._drive = AsyncDrive(
            server,
            drive_id=drive_id,
            token_store=token_store,
            resume_store=resume_store,
            parallel=parallel,
            retry_policy=retry_policy,
            connect_timeout=connect_timeout,
        )
        self._loop = _LoopThread()
        self.admin = Admin(self._loop, self._drive.admin)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection and end the thread. A second call, or a call in a forked process, does nothing."""
        if self._loop.is_running and not self._loop.is_forked:
            self._loop.run(self._drive.close())
            self._loop.stop()

    def use_drive(self, id: str | None) -> None:
        """From now on, use the files of this shared drive. None: the personal drive. Call it before any transfer."""
        self._drive.use_drive(id)

    def use_shared_item(self, item: File) -> None:
        """From now on, use this item of `shared_with_me`: `/` is the item itself, and paths begin there.

        Call it before any transfer. `use_drive` ends it.
        """
        self._drive.use_shared_item(item)

    sign_up = _blocking(AsyncDrive.sign_up)
    log_in = _blocking(AsyncDrive.log_in)
    log_in_with_code = _blocking(AsyncDrive.log_in_with_code)
    reset_password = _blocking(AsyncDrive.reset_password)
    log_in_with_oidc = _blocking(AsyncDrive.log_in_with_oidc)
    request_password_reset = _blocking(AsyncDrive.request_password_reset)
    request_email_verification = _blocking(AsyncDrive.request_email_verification)
    verify_email = _blocking(AsyncDrive.verify_email)
    begin_second_factor = _blocking(AsyncDrive.begin_second_factor)
    confirm_second_factor = _blocking(AsyncDrive.confirm_second_factor)
    remove_second_factor = _blocking(AsyncDrive.remove_second_factor)
    passkeys = _blocking(AsyncDrive.passkeys)
    rename_passkey = _blocking(AsyncDrive.rename_passkey)
    remove_passkey = _blocking(AsyncDrive.remove_passkey)
    log_out = _blocking(AsyncDrive.log_out)
    me = _blocking(AsyncDrive.me)
    update_account = _blocking(AsyncDrive.update_account)
    change_password = _blocking(AsyncDrive.change_password)
    delete_account = _blocking(AsyncDrive.delete_account)
    sessions = _blocking(AsyncDrive.sessions)
    end_session = _blocking(AsyncDrive.end_session)
    end_other_sessions = _blocking(AsyncDrive.end_other_sessions)
    create_token = _blocking(AsyncDrive.create_token)
    tokens = _blocking(AsyncDrive.tokens)
    revoke_token = _blocking(AsyncDrive.revoke_token)

    drives = _iterating(AsyncDrive.drives)
    drive = _blocking(AsyncDrive.drive)
    create_drive = _blocking(AsyncDrive.create_drive)
    rename_drive = _blocking(AsyncDrive.rename_drive)
    delete_drive = _blocking(AsyncDrive.delete_drive)
    members = _blocking(AsyncDrive.members)
    set_member = _blocking(AsyncDrive.set_member)
    remove_member = _blocking(AsyncDrive.remove_member)

    share = _blocking(AsyncDrive.share)
    permissions = _blocking(AsyncDrive.permissions)
    unshare = _blocking(AsyncDrive.unshare)
    shared_with_me = _iterating(AsyncDrive.shared_with_me)

    resolve = _blocking(AsyncDrive.resolve)
    child = _blocking(AsyncDrive.child)
    file = _blocking(AsyncDrive.file)
    files = _iterating(AsyncDrive.files)
    all_files = _iterating(AsyncDrive.all_files)
    starred = _iterating(AsyncDrive.starred)
    trashed = _iterating(AsyncDrive.trashed)
    path = _blocking(AsyncDrive.path)
    size = _blocking(AsyncDrive.size)
    search = _iterating(AsyncDrive.search)

    make_folder = _blocking(AsyncDrive.make_folder)
    make_folder_in = _blocking(AsyncDrive.make_folder_in)
    move = _blocking(AsyncDrive.move)
    update = _blocking(AsyncDrive.update)
    copy = _blocking(AsyncDrive.copy)
    start_copy = _blocking(AsyncDrive.start_copy)
    trash = _blocking(AsyncDrive.trash)
    move_all = _blocking(AsyncDrive.move_all)
    copy_all = _blocking(AsyncDrive.copy_all)
    trash_all = _blocking(AsyncDrive.trash_all)
    restore_all = _blocking(AsyncDrive.restore_all)
    restore = _blocking(AsyncDrive.restore)
    delete_trashed = _blocking(AsyncDrive.delete_trashed)
    empty_trash = _blocking(AsyncDrive.empty_trash)

    upload = _blocking(AsyncDrive.upload)
    send = _blocking(AsyncDrive.send)
    download = _blocking(AsyncDrive.download)
    stream = _iterating(AsyncDrive.stream)
    read = _blocking(AsyncDrive.read)
    link = _blocking(AsyncDrive.link)
    archive = _blocking(AsyncDrive.archive)
    download_archive = _blocking(AsyncDrive.download_archive)

    create_link = _blocking(AsyncDrive.create_link)
    links = _iterating(AsyncDrive.links)
    update_link = _blocking(AsyncDrive.update_link)
    delete_link = _blocking(AsyncDrive.delete_link)

    thumbnail = _blocking(AsyncDrive.thumbnail)
    activity = _iterating(AsyncDrive.activity)
    versions = _iterating(AsyncDrive.versions)
    version_link = _blocking(AsyncDrive.version_link)
    restore_version = _blocking(AsyncDrive.restore_version)
    delete_version = _blocking(AsyncDrive.delete_version)

    job = _blocking(AsyncDrive.job)
    wait_for_job = _blocking(AsyncDrive.wait_for_job)
    cancel_job = _blocking(AsyncDrive.cancel_job)

    create_webhook = _blocking(AsyncDrive.create_webhook)
    webhooks = _iterating(AsyncDrive.webhooks)
    webhook = _blocking(AsyncDrive.webhook)
    update_webhook = _blocking(AsyncDrive.update_webhook)
    delete_webhook = _blocking(AsyncDrive.delete_webhook)
    webhook_deliveries = _iterating(AsyncDrive.webhook_deliveries)
    redeliver = _blocking(AsyncDrive.redeliver)

    changes = _blocking(AsyncDrive.changes)
    follow = _iterating(AsyncDrive.follow)

    get_upload = _blocking(AsyncDrive.get_upload)
    uploads = _iterating(AsyncDrive.uploads)
    abort_upload = _blocking(AsyncDrive.abort_upload)
    timeline = _blocking(AsyncDrive.timeline)


class Admin:
    """The operations of admins, as `AsyncAdmin`: the attribute `admin` of a `Drive`."""

    def __init__(self, loop: _LoopThread, admin: AsyncAdmin) -> None:
        self._loop = loop
        self._drive = admin

    users = _iterating(AsyncAdmin.users)
    user = _blocking(AsyncAdmin.user)
    create_user = _blocking(AsyncAdmin.create_user)
    update_user = _blocking(AsyncAdmin.update_user)
    set_quota = _blocking(AsyncAdmin.set_quota)
    delete_user = _blocking(AsyncAdmin.delete_user)
    end_user_sessions = _blocking(AsyncAdmin.end_user_sessions)
    statistics = _blocking(AsyncAdmin.statistics)
    audit_events = _iterating(AsyncAdmin.audit_events)


class PublicLink:
    """A link to a file or folder, without an account. Arguments, methods and errors are the same as those of
    `AsyncPublicLink`."""

    def __init__(self, url: str, *, retry_policy: RetryPolicy | None = None, connect_timeout: float = 10.0) -> None:
        self._drive = AsyncPublicLink(url, retry_policy=retry_policy, connect_timeout=connect_timeout)
        self._loop = _LoopThread()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection and end the thread. A second call, or a call in a forked process, does nothing."""
        if self._loop.is_running and not self._loop.is_forked:
            self._loop.run(self._drive.close())
            self._loop.stop()

    unlock = _blocking(AsyncPublicLink.unlock)
    info = _blocking(AsyncPublicLink.info)
    files = _iterating(AsyncPublicLink.files)
    download = _blocking(AsyncPublicLink.download)
    archive = _blocking(AsyncPublicLink.archive)
    download_archive = _blocking(AsyncPublicLink.download_archive)
    upload = _blocking(AsyncPublicLink.upload)


class _LoopThread:
    """An event loop in a background thread."""

    def __init__(self) -> None:
        self._process_id = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="drivebay", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        return not self._loop.is_closed()

    @property
    def is_forked(self) -> bool:
        """Whether this process is a fork of the process that created the loop. The thread of the loop does not exist in
        a fork."""
        return os.getpid() != self._process_id

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine and return its result. Raises RuntimeError if the loop is stopped or in another process."""
        if self.is_forked:  # guard: drive-after-fork
            coroutine.close()
            raise RuntimeError("this Drive belongs to the process that created it: create one in each process")
        if not self.is_running:
            coroutine.close()
            raise RuntimeError("this Drive is closed: create another Drive")
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            # Ctrl-C interrupts this thread only. The coroutine is cancelled, and has time to clean up.
            if not future.done():
                future.cancel()
                idle = threading.Event()
                self._loop.call_soon_threadsafe(_set_when_idle, self._loop, idle)
                idle.wait(_CLEANUP_TIMEOUT)
            raise

    def iterate(self, generator: AsyncGenerator[T, None]) -> Iterator[T]:
        """Yield the items of an async generator, and close it at the end."""
        try:
            while (item := self.run(_next_item(generator))) is not None:
                yield item
        finally:
            with suppress(RuntimeError):
                self.run(_close_generator(generator))


async def _next_item(generator: AsyncGenerator[T, None]) -> T | None:
    return await anext(generator, None)


async def _close_generator(generator: AsyncGenerator[T, None]) -> None:
    await generator.aclose()


def _set_when_idle(loop: asyncio.AbstractEventLoop, idle: threading.Event) -> None:
    """Set the event when every task that runs now has ended."""
    tasks = asyncio.all_tasks(loop)
    remaining = len(tasks)
    if not tasks:
        idle.set()

    def task_ended(_: asyncio.Task[Any]) -> None:
        nonlocal remaining
        remaining -= 1
        if not remaining:
            idle.set()

    for task in tasks:
        task.add_done_callback(task_ended)
