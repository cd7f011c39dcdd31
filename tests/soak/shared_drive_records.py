"""The records of one user about its shared drives, sorted for the oracle."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from .ledger import Record


@dataclass
class Contents:
    """The contents of a file of a drive. `confirmed` is the SHA-256 of the current one, or empty if it is uncertain."""

    drive: str = ""
    possible: set[str] = field(default_factory=set)
    confirmed: str = ""
    file: str = ""
    deleted_versions: set[str] = field(default_factory=set)


@dataclass
class LinkRecords:
    """The link with this token. `requested` downloads were sent, and `refused` of them got 404."""

    token: str
    maximum: int
    requested: int = 0
    downloaded: int = 0
    refused: int = 0
    state: str = "link_created"


@dataclass
class JobRecords:
    """A job that copies a folder. `id` is empty if no response confirmed it. `kinds` are the kinds of its records."""

    id: str = ""
    parent: str = ""
    status: str = ""
    kinds: set[str] = field(default_factory=set)


@dataclass
class SharedDriveRecords:
    """What one user knows of its shared drives.

    - `contents`: by the name of the file.
    - `accesses`: the kind of the last record about an access, by the id of its drive or folder and the other user.
    - `links` by id, and `jobs` by the name of the copy.
    """

    contents: dict[str, Contents] = field(default_factory=lambda: defaultdict(Contents))
    accesses: dict[tuple[str, str], str] = field(default_factory=dict)
    links: dict[str, LinkRecords] = field(default_factory=dict)
    jobs: dict[str, JobRecords] = field(default_factory=lambda: defaultdict(JobRecords))

    def add(self, record: Record) -> None:
        """Add the next record of the user. A record about something else is ignored."""
        match record.kind:
            case "content_requested":
                contents = self.contents[record.name]
                contents.drive, contents.confirmed = record.parent, ""
                contents.possible.add(record.sha256)
            case "content_confirmed":
                contents = self.contents[record.name]
                contents.confirmed, contents.file = record.sha256, record.file
            case "version_deleted":
                self._contents_of(record.file).deleted_versions.add(record.detail)
            case "access_requested" | "access_given" | "withdrawal_requested" | "access_withdrawn":
                self.accesses[record.file, record.detail] = record.kind
            case "link_created":
                self.links[record.file] = LinkRecords(record.name, record.size)
            case "link_revoke_requested" | "link_revoked":
                self.links[record.file].state = record.kind
            case "link_download_requested":
                self.links[record.file].requested += 1
            case "link_downloaded":
                self.links[record.file].downloaded += 1
            case "link_download_refused":
                self.links[record.file].refused += 1
            case _ if record.kind.startswith(("job_", "copy_trash")):
                self._add_job(record)

    def _contents_of(self, file: str) -> Contents:
        return next(contents for contents in self.contents.values() if contents.file == file)

    def _add_job(self, record: Record) -> None:
        job = self.jobs[record.name]
        job.kinds.add(record.kind)
        match record.kind:
            case "job_requested":
                job.parent = record.parent
            case "job_started":
                job.id = record.file
            case "job_ended":
                job.status = record.detail
