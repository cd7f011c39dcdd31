"""The records of one user, sorted for the oracle.

A lost response leaves two results possible. A response that arrived leaves one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .ledger import Record, read_records
from .shared_drive_records import SharedDriveRecords


@dataclass
class UserRecords:
    """What one user knows. Keys are ids of uploads or files.

    - `created`: the record of each created upload.
    - `put_started`: uploads of which bytes may have been sent.
    - `instant`: the files of uploads that were complete at once, because the drive had their bytes.
    - `stored`: uploads that the store accepted, and whether that was before their deadline.
    - `requests_copies`: whether the user requested a copy. `copies`: those whose response arrived.
    - `abort_requested`, `ended`: uploads that may be aborted, and that cannot become a file any more.
    - `offsets`: the reported offsets of each tus upload.
    - `deletions`: the kinds of the records about trash and restore of each file or folder, in order.
    - `parents`: the folders in which a file may be.
    - `download_urls`: URLs of a file that worked once.
    - `violations`: violations found during the run.
    - `shared_drives`: the records about the shared drives.
    """

    created: dict[str, Record] = field(default_factory=dict)
    put_started: set[str] = field(default_factory=set)
    stored: dict[str, bool] = field(default_factory=dict)
    instant: dict[str, str] = field(default_factory=dict)
    requests_copies: bool = False
    copies: set[str] = field(default_factory=set)
    abort_requested: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    offsets: dict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))
    deletions: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    parents: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    download_urls: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    violations: list[Record] = field(default_factory=list)
    shared_drives: SharedDriveRecords = field(default_factory=SharedDriveRecords)

    def add(self, record: Record) -> None:
        """Add the next record of the user."""
        match record.kind:
            case "upload_created":
                self.created[record.upload] = record
            case "put_started":
                self.put_started.add(record.upload)
            case "stored":
                is_in_time = not record.detail.endswith("late")
                self.stored[record.upload] = self.stored.get(record.upload, False) or is_in_time
                if record.detail == "instant":
                    self.instant[record.upload] = record.file
            case "copy_requested":
                self.requests_copies = True
            case "copied":
                self.copies.add(record.file)
                self.parents[record.file].add(record.parent)
            case "abort_requested":
                self.abort_requested.add(record.upload)
            case "upload_terminated" | "upload_not_found":
                self.ended.add(record.upload)
            case "offset_reported":
                self.offsets[record.upload].append(record)
            case "trash_requested" | "trashed" | "restore_requested" | "restored" | "purged":
                self.deletions[record.file].append(record.kind)
                if record.parent:
                    self.parents[record.file].add(record.parent)
            case "move_requested":
                self.parents[record.file].add(record.parent)
            case "download_url":
                self.download_urls[record.file].add(record.url)
            case "violation":
                self.violations.append(record)
            case _:
                self.shared_drives.add(record)

    def is_certainly_deleted(self, file: str) -> bool:
        """Return whether the user got a response that the file is deleted, and did not restore it later."""
        return self.deletions.get(file, [""])[-1] in ("trashed", "purged")

    def is_certainly_live(self, file: str, uploads: Iterable[str]) -> bool:
        """Return whether the file must exist: no user tried to delete it or one of its folders, or it was restored.

        `uploads` are the uploads that made the file. They name the folders in which it was created. A copy has none.
        """
        parents = self.parents[file] | {self.created[id].parent for id in uploads}
        if any(parent in self.deletions for parent in parents):
            return False
        return self.deletions.get(file, ["restored"])[-1] == "restored"


def load_user_records(ledger_path: Path) -> dict[str, UserRecords]:
    """Read the ledger from disk. Return the records by user name."""
    by_user: defaultdict[str, UserRecords] = defaultdict(UserRecords)
    for record in read_records(ledger_path):
        by_user[record.user].add(record)
    return dict(by_user)
