"""Compares a local folder and a folder on the server for `sync`.

Each file at the source becomes a `SyncPair`, with the file of the same name at the target if there is one. Files and
folders that exist only at the target are collected in `extra_remote` or `extra_local`, for `--delete`.
"""

from __future__ import annotations

import asyncio
import os
import unicodedata
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

from drivebay.client import AsyncDrive, File, UnsafeName, is_part_name

from .download_items import RemoteEntry, disk_ignores_case, group_by_target, local_name, same_local_path_error
from .exit_codes import EXPECTED_ERRORS, CommandError, ExitCode
from .local_folders import FolderContents, LocalEntry, read_folder, report_skipped, same_target_error
from .name_filter import NameFilter
from .server_names import check_local_name
from .workers import Failures


@dataclass(frozen=True, slots=True)
class SyncPair:
    """A file at the source, and the file with the same name at the target, if there is one.

    `folder` is the folder on the server for an upload. It is None if the folder does not exist yet.
    """

    local: Path
    remote_path: str
    size: int
    file: File | None
    folder: File | None = None


@dataclass(frozen=True, slots=True)
class SyncRoots:
    """The two folders: `remote` is None if the folder on the server does not exist yet."""

    local: Path
    remote: File | None
    remote_path: str


@dataclass(frozen=True, slots=True)
class _Folders:
    local: Path
    remote: File | None
    remote_path: str
    relative: str = ""
    """The path below the compared folders, with a slash at the end. Empty for the compared folders themselves."""


@dataclass
class SyncScan:
    """One comparison. With `makes_folders`, missing folders are created at the target. With `finds_extra`, the files
    and folders that only the target has are collected in `extra_remote` or `extra_local`."""

    drive: AsyncDrive
    failures: Failures
    name_filter: NameFilter
    makes_folders: bool
    finds_extra: bool
    extra_remote: list[tuple[str, File]] = field(default_factory=list)
    extra_local: list[Path] = field(default_factory=list)

    async def uploads(self, roots: SyncRoots) -> AsyncGenerator[SyncPair, None]:
        """Yield a pair for each local file, and fill `extra_remote`."""
        waiting = [_Folders(roots.local, roots.remote, roots.remote_path)]
        while waiting:
            folders = waiting.pop()
            try:
                contents = await asyncio.to_thread(read_folder, folders.local)
                existing = await self._remote_by_name(folders.remote)
            except EXPECTED_ERRORS as error:
                self.failures.add(error, str(folders.local))
                continue
            report_skipped(contents, self.failures)
            for entry in self._unique_entries(contents, folders):
                name = unicodedata.normalize("NFC", entry.name)
                file, path = existing.get(name), f"{folders.remote_path}/{entry.name}"
                try:
                    check_local_name(entry.name)
                    _check_kinds(entry.is_folder, None if file is None else file.is_folder, path)
                    if not entry.is_folder:
                        yield SyncPair(entry.source, path, entry.size, file, folders.remote)
                        continue
                    if file is None and self.makes_folders and folders.remote is not None:
                        file = await self.drive.make_folder_in(folders.remote, entry.name, exist_ok=True)
                    waiting.append(_Folders(entry.source, file, path, f"{folders.relative}{entry.name}/"))
                except EXPECTED_ERRORS as error:
                    self.failures.add(error, str(entry.source))
            if not self.finds_extra:
                continue
            local_names = {unicodedata.normalize("NFC", name) for name in contents.names()}
            try:
                await self._collect_extra_remote(folders, [existing[name] for name in existing.keys() - local_names])
            except EXPECTED_ERRORS as error:
                self.failures.add(error, folders.remote_path)

    async def downloads(self, roots: SyncRoots) -> AsyncGenerator[SyncPair, None]:
        """Yield a pair for each file on the server, and fill `extra_local`."""
        waiting = [_Folders(roots.local, roots.remote, roots.remote_path)]
        while waiting:
            folders = waiting.pop()
            try:
                children = list((await self._remote_by_name(folders.remote)).values())
                local_names = await asyncio.to_thread(self._local_names, folders.local)
                entries = self._remote_entries(children, folders, local_names)
                groups = await asyncio.to_thread(group_by_target, entries, disk_ignores_case)
            except EXPECTED_ERRORS as error:
                self.failures.add(error, folders.remote_path)
                continue
            kept = {entry.target.name for entry in entries}
            for entry, *others in groups:
                try:
                    if others:
                        raise same_local_path_error([entry, *others])
                    _check_kinds(entry.file.is_folder, _is_local_folder(entry.target), str(entry.target))
                except EXPECTED_ERRORS as error:
                    self.failures.add(error)
                    continue
                if entry.file.is_folder:
                    waiting.append(_Folders(entry.target, entry.file, entry.source, f"{entry.relative}/"))
                else:
                    yield SyncPair(entry.target, entry.source, entry.file.size, entry.file)
            if not self.finds_extra:
                continue
            try:
                self.extra_local += await asyncio.to_thread(
                    self._extra_files, folders, local_names, {*(file.name for file in children), *kept}
                )
            except EXPECTED_ERRORS as error:
                self.failures.add(error, str(folders.local))

    def _extra_files(self, folders: _Folders, local_names: set[str], remote_names: set[str]) -> list[Path]:
        """Return the local files that the server does not have. Without a filter, also return folders."""
        by_folded_name = {_fold(name): name for name in remote_names}
        extra: list[Path] = []
        for name in sorted(local_names - remote_names):
            path, other = folders.local / name, by_folded_name.get(_fold(name))
            # On a disk that ignores case or Unicode form, both names are one file, which was downloaded.
            if other is not None and _is_same_file(path, folders.local / other):  # guard: sync-delete-same-file
                continue
            extra += _files_to_delete(path, folders.relative + name, self.name_filter)
        return extra

    def _unique_entries(self, contents: FolderContents, folders: _Folders) -> list[LocalEntry]:
        """Return the entries that the filter selects, without entries that would have the same path on the server."""
        by_name: dict[str, list[LocalEntry]] = {}
        for entry in contents.entries:
            if self.name_filter.selects(folders.relative + entry.name, is_folder=entry.is_folder):
                by_name.setdefault(unicodedata.normalize("NFC", entry.name), []).append(entry)
        unique = []
        for group in by_name.values():
            if len(group) > 1:
                self.failures.add(
                    same_target_error(group, f"{folders.remote_path}/{group[0].name}", "rename one of them")
                )
            else:
                unique.append(group[0])
        return unique

    def _remote_entries(self, children: list[File], folders: _Folders, local_names: set[str]) -> list[RemoteEntry]:
        """Return the files and folders on the server with their local paths.

        A local file may have the name in another Unicode form, for example a file that `sync` has uploaded.
        """
        other_forms = {unicodedata.normalize("NFC", name): name for name in local_names}
        entries = []
        for file in children:
            relative = folders.relative + file.name
            if not self.name_filter.selects(relative, is_folder=file.is_folder):
                continue
            try:
                name = local_name(file)
            except UnsafeName as error:
                self.failures.add(error)
                continue
            if name not in local_names:
                name = other_forms.get(name, name)
            target = folders.local / name
            entries.append(RemoteEntry(file, f"{folders.remote_path}/{file.name}", target, relative))
        return entries

    def _local_names(self, folder: Path) -> set[str]:
        """Return the names in a local folder, without unfinished downloads. With `makes_folders`, create the folder."""
        if self.makes_folders:
            folder.mkdir(parents=True, exist_ok=True)
        names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        return {name for name in names if not is_part_name(name)}

    async def _remote_by_name(self, folder: File | None) -> dict[str, File]:
        if folder is None:
            return {}
        async with aclosing(self.drive.files(folder)) as files:
            return {file.name: file async for file in files}

    async def _collect_extra_remote(self, folders: _Folders, extra: list[File]) -> None:
        """Collect files and folders that exist only on the server. With a filter, collect only the files it selects."""
        waiting = [(folders.relative, folders.remote_path, file) for file in extra]
        while waiting:
            relative, path, file = waiting.pop()
            if not self.name_filter.selects(relative + file.name, is_folder=file.is_folder):
                continue
            if file.is_folder and self.name_filter.is_active:
                below = await self._remote_by_name(file)
                waiting += [(f"{relative}{file.name}/", f"{path}/{file.name}", inner) for inner in below.values()]
            else:
                self.extra_remote.append((f"{path}/{file.name}", file))


def _is_local_folder(path: Path) -> bool | None:
    """Return whether this is a folder, or None if it does not exist.

    A symbolic link to a folder counts as a file, so that nothing outside of the target is changed.
    """
    return path.is_dir() and not path.is_symlink() if os.path.lexists(path) else None


def _check_kinds(source_is_folder: bool, target_is_folder: bool | None, target: str) -> None:
    """Raise CommandError if a file would replace a folder, or a folder a file. `None`: the target does not exist."""
    if target_is_folder is None or target_is_folder == source_is_folder:
        return
    kinds = ("folder", "file") if target_is_folder else ("file", "folder")
    message = f"{target} is a {kinds[0]} at the target and a {kinds[1]} at the source"
    raise CommandError(message, ExitCode.CONFLICT, "rename or remove one of them")


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _is_same_file(path: Path, other: Path) -> bool:
    return os.path.lexists(other) and os.path.samestat(path.lstat(), other.lstat())


def _files_to_delete(path: Path, relative: str, name_filter: NameFilter) -> list[Path]:
    """Return the local files that the filter selects. Without a filter, also return folders, each after its content."""
    is_folder = path.is_dir() and not path.is_symlink()
    if not name_filter.selects(relative, is_folder=is_folder):
        return []
    if not is_folder:
        return [path] if path.is_file() or path.is_symlink() else []
    below = [
        inner
        for child in sorted(path.iterdir())
        for inner in _files_to_delete(child, f"{relative}/{child.name}", name_filter)
    ]
    return below if name_filter.is_active else [*below, path]
