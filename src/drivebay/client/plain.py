"""`Drive`: what `AsyncDrive` does, without `await`, for scripts.

Its work is done on an event loop in a thread of its own, which ends with `close`. A callback for progress is called in
that thread. Ctrl-C ends the call that is under way, cleanly. Several threads may use one.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from .drive import AsyncDrive
from .models import Account, Disposition, File, Link, Moment, OnConflict, Sort, Upload
from .resume import Resume
from .retry import Patience
from .sessions import Session
from .sources import Content
from .uploads import Progress

T = TypeVar("T")

_CLEAN_UP = 15.0


class Drive:
    """One user of one Drivebay, as `AsyncDrive` is: the same arguments, the same methods, the same errors."""

    def __init__(
        self,
        server: str,
        *,
        session: Session | None = None,
        resume: Resume | None = None,
        parallel: int = 4,
        patience: Patience | None = None,
    ) -> None:
        self._drive = AsyncDrive(server, session=session, resume=resume, parallel=parallel, patience=patience)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="drivebay", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection and end the thread. A second time it does nothing."""
        if self._loop.is_closed():
            return
        self._do(self._drive.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def sign_up(self, email: str, password: str) -> Account:
        return self._do(self._drive.sign_up(email, password))

    def log_in(self, email: str, password: str) -> None:
        self._do(self._drive.log_in(email, password))

    def log_out(self) -> None:
        self._do(self._drive.log_out())

    def me(self) -> Account:
        return self._do(self._drive.me())

    def resolve(self, file: str | File) -> File:
        return self._do(self._drive.resolve(file))

    def child(self, folder: str | File, name: str) -> File:
        return self._do(self._drive.child(folder, name))

    def file(self, id: str) -> File:
        return self._do(self._drive.file(id))

    def files(self, folder: str | File = "/", sort: Sort = "name") -> Iterator[File]:
        return self._each(self._drive.files(folder, sort))

    def all_files(self, sort: Sort = "-created") -> Iterator[File]:
        return self._each(self._drive.all_files(sort))

    def trashed(self) -> Iterator[File]:
        return self._each(self._drive.trashed())

    def make_folder(self, path: str, *, parents: bool = False) -> File:
        return self._do(self._drive.make_folder(path, parents=parents))

    def make_folder_in(self, parent: str | File, name: str, *, exist_ok: bool = False) -> File:
        return self._do(self._drive.make_folder_in(parent, name, exist_ok=exist_ok))

    def move(self, file: str | File, target: str) -> File:
        return self._do(self._drive.move(file, target))

    def change(
        self, file: str | File, *, name: str | None = None, parent_id: str | None = None, etag: str | None = None
    ) -> File:
        return self._do(self._drive.change(file, name=name, parent_id=parent_id, etag=etag))

    def trash(self, file: str | File, *, etag: str | None = None) -> None:
        self._do(self._drive.trash(file, etag=etag))

    def restore(self, file: str | File) -> File:
        return self._do(self._drive.restore(file))

    def upload(
        self,
        content: Content,
        folder: str | File = "/",
        name: str | None = None,
        *,
        content_type: str | None = None,
        on_conflict: OnConflict | str = OnConflict.RENAME,
        progress: Progress | None = None,
    ) -> File:
        return self._do(
            self._drive.upload(
                content, folder, name, content_type=content_type, on_conflict=on_conflict, progress=progress
            )
        )

    def send(
        self,
        content: Content,
        folder: str | File = "/",
        name: str | None = None,
        *,
        content_type: str | None = None,
        on_conflict: OnConflict | str = OnConflict.RENAME,
        progress: Progress | None = None,
    ) -> Upload:
        return self._do(
            self._drive.send(
                content, folder, name, content_type=content_type, on_conflict=on_conflict, progress=progress
            )
        )

    def download(
        self, file: str | File, path: str | Path, *, overwrite: bool = False, progress: Progress | None = None
    ) -> File:
        return self._do(self._drive.download(file, path, overwrite=overwrite, progress=progress))

    def stream(self, file: str | File) -> Iterator[bytes]:
        return self._each(self._drive.stream(file))

    def read(self, file: str | File) -> bytes:
        return self._do(self._drive.read(file))

    def link(self, file: str | File, disposition: Disposition | str = Disposition.ATTACHMENT) -> Link:
        return self._do(self._drive.link(file, disposition))

    def show_upload(self, id: str) -> Upload:
        return self._do(self._drive.show_upload(id))

    def abort_upload(self, id: str) -> None:
        self._do(self._drive.abort_upload(id))

    def timeline(self, id: str) -> list[Moment]:
        return self._do(self._drive.timeline(id))

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop.is_closed():
            work.close()
            raise RuntimeError("this drive is closed")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            # Ctrl-C interrupts the waiting, not the work: that is told to end, and cleans up.
            if not future.done():
                future.cancel()
                done = threading.Event()
                self._loop.call_soon_threadsafe(_when_idle, self._loop, done)
                done.wait(_CLEAN_UP)
            raise

    def _each(self, items: AsyncGenerator[T, None]) -> Iterator[T]:
        try:
            while (item := self._do(_next(items))) is not None:
                yield item
        finally:
            with suppress(RuntimeError):
                self._do(_closed(items))


async def _next(items: AsyncGenerator[T, None]) -> T | None:
    return await anext(items, None)


async def _closed(items: AsyncGenerator[T, None]) -> None:
    await items.aclose()


def _when_idle(loop: asyncio.AbstractEventLoop, done: threading.Event) -> None:
    """Says so once every task that is there now has ended."""
    tasks = asyncio.all_tasks(loop)
    if not tasks:
        done.set()
        return
    left = len(tasks)

    def ended(_: asyncio.Task[Any]) -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set()

    for task in tasks:
        task.add_done_callback(ended)
