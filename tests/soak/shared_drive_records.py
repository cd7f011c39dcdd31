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
    """The link with this token. `requested` downloads were sent, and `refused` of them got 404.

    `role` is empty for a link to a file. `passwords` are those that the link had or may have. The last is valid if
    `is_password_certain`. `archives` are the paths of its archives, and `ended_archives` those that must have ended.
    """

    token: str
    maximum: int
    role: str = ""
    passwords: list[str] = field(default_factory=list)
    is_password_certain: bool = True
    archives: list[str] = field(default_factory=list)
    ended_archives: list[str] = field(default_factory=list)
    requested: int = 0
    downloaded: int = 0
    refused: int = 0
    state: str = "link_created"


@dataclass
class JobRecords:
    """A job that copies a folder. `id` is empty if no response confirmed it. `kinds` are the kinds of its records.

    `guest` is the name of the user who started the job, if this was a guest. If the kinds have `job_unfinished`, the
    copy was not visible when the guest had lost the access.
    """

    id: str = ""
    guest: str = ""
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
                self.links[record.file] = LinkRecords(record.name, record.size, record.detail)
            case "link_revoke_requested" | "link_revoked":
                self.links[record.file].state = record.kind
                self._end_archives(record)
            case "link_password_requested" | "link_password_set":
                link = self.links[record.file]
                link.passwords = [*(each for each in link.passwords if each != record.detail), record.detail]
                link.is_password_certain = record.kind == "link_password_set"
                self._end_archives(record)
            case "archive_created":
                self.links[record.file].archives.append(record.name)
            case "link_download_requested":
                self.links[record.file].requested += 1
            case "link_downloaded":
                self.links[record.file].downloaded += 1
            case "link_download_refused":
                self.links[record.file].refused += 1
            case _ if record.kind.startswith(("job_", "copy_trash")):
                self._add_job(record)

    def _end_archives(self, record: Record) -> None:
        link = self.links[record.file]
        if record.kind in ("link_revoked", "link_password_set"):
            link.ended_archives += link.archives
            link.archives = []

    def _contents_of(self, file: str) -> Contents:
        return next(contents for contents in self.contents.values() if contents.file == file)

    def _add_job(self, record: Record) -> None:
        job = self.jobs[record.name]
        job.kinds.add(record.kind)
        match record.kind:
            case "job_requested":
                job.parent, job.guest = record.parent, record.detail
            case "job_started":
                job.id = record.file
            case "job_ended":
                job.status = record.detail
