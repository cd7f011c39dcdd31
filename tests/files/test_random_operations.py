"""Random operations on one user's drive, compared with a model.

The operations are uploads, completions, duplicate and late events, deletions, restores, purges and crashes between
steps. A crash is a step that stops half-way: bytes are written without a completion, or a purge is claimed and never
finished. Every run uses the real service and a real database, and checks every invariant at its end.
"""

import os
from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    consumes,
    initialize,
    invariant,
    rule,
)
from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.ids import ROOT, DriveId, LeaseId, UserId
from drivebay.errors import Conflict, NotFound, NotUploaded, RateLimited

from .conftest import SETTINGS
from .state_machine import MODEL_SETTINGS, DriveMachine, run_machine

_ALL_DUE = "UPDATE files.uploads SET next_check_at = now() WHERE next_check_at IS NOT NULL"


@dataclass
class Expected:
    """The state that the model expects of one upload."""

    upload: c.Upload
    body: bytes
    written: bytes | None = None
    state: str = "pending"  # later stored, rejected, aborted, trashed, purged
    file: c.File | None = None
    was_trashed: bool = False


class Machine(DriveMachine):
    uploads = Bundle("uploads")
    leases = Bundle("leases")

    @initialize()
    def create_user(self) -> None:
        self.drive = self.loop.drive.for_owner(DriveId(uuid7()))
        self.all: list[Expected] = []
        user = UserId(self.drive.owner)
        other = self.run(self.drive.files.create_drive(user, "other"))
        self.other = self.run(self.drive.files.resolve_access(user, other.id))
        self.copies: list[tuple[c.Job, Expected]] = []

    # -- operations of a client ------------------------------------------------------------------------

    @rule(target=uploads, name=st.sampled_from(["a", "b.txt"]), size=st.integers(0, 3))
    def begin(self, name: str, size: int) -> Expected:
        body = os.urandom(size)
        expected = Expected(self.run(self.drive.begin(name, body)), body)
        self.all.append(expected)
        return expected

    @rule(expected=uploads, wrong=st.booleans())
    def write(self, expected: Expected, wrong: bool) -> None:
        """Write the object. The store accepts a key once, but again after a deletion."""
        if expected.upload.key in self.drive.bucket.objects:
            return
        body = expected.body + b"!" if wrong and expected.state == "pending" else expected.body
        self.drive.bucket.put(expected.upload.key, body)
        expected.written = body

    @rule(expected=uploads)
    def complete(self, expected: Expected) -> None:
        try:
            done = self.run(self.drive.files.complete_upload(self.drive.access, expected.upload.id))
        except NotUploaded:
            assert expected.state == "pending"
            assert expected.written is None
        except NotFound:
            assert expected.state in ("purged", "aborted", "rejected")
        else:
            self.expect_committed(expected)
            assert (done.status is c.UploadStatus.COMPLETE) == (expected.state in ("stored", "trashed", "purged"))

    @rule(expected=uploads)
    def abort(self, expected: Expected) -> None:
        try:
            self.run(self.drive.files.abort_upload(self.drive.access, expected.upload.id))
        except Conflict:
            assert expected.state in ("stored", "trashed", "purged")
        except NotFound:
            assert expected.state in ("purged", "aborted", "rejected")
        else:
            assert expected.state in ("pending", "aborted", "rejected")
            if expected.state == "pending":
                expected.state = "aborted"

    @rule(expected=uploads)
    def trash(self, expected: Expected) -> None:
        if expected.file is None:
            return
        try:
            self.run(self.drive.files.trash_entry(self.drive.access, expected.file.id))
        except NotFound:
            assert expected.state != "stored"
        else:
            assert expected.state == "stored"
            expected.state = "trashed"
            expected.was_trashed = True

    @rule(expected=uploads)
    def restore(self, expected: Expected) -> None:
        if expected.file is None:
            return
        try:
            self.run(self.drive.files.restore_entry(self.drive.access, expected.file.id))
        except NotFound:
            assert expected.state != "trashed"
        else:
            assert expected.state == "trashed"
            expected.state = "stored"

    @rule(expected=uploads, is_stopped=st.booleans())
    def copy_into_another_drive(self, expected: Expected, is_stopped: bool) -> None:
        """Copy a file while the store works, or not. A worker copies it later, unless it is gone by then."""
        if expected.file is None:
            return
        self.drive.bucket.broken = is_stopped
        try:
            copying = self.drive.files.start_drive_copy(
                self.drive.access, expected.file.id, self.other, c.CopyTarget(ROOT)
            )
            job = self.run(copying)
        except NotFound:
            assert expected.state != "stored"
        except RateLimited:
            assert sum(each.result is None for each, _ in self.copies) >= MODEL_SETTINGS.max_jobs
        else:
            assert expected.state == "stored"
            assert (job.status is c.JobStatus.DONE) is not is_stopped
            self.copies.append((job, expected))
        finally:
            self.drive.bucket.broken = False

    # -- operations of background jobs --------------------------------------------------------------------

    @rule(some=st.lists(uploads, min_size=1, max_size=6))
    def events(self, some: list[Expected]) -> None:
        """Deliver events in any order, twice, late, or for objects that do not exist."""
        refs = tuple(c.UploadRef(expected.upload.owner, expected.upload.id) for expected in some)
        outcomes = self.run(self.drive.files.commit_uploads(refs))
        for expected, outcome in zip(some, outcomes, strict=True):
            if outcome is c.CommitOutcome.COMPLETED:
                assert expected.written == expected.body
            if outcome is c.CommitOutcome.ABSENT:
                assert expected.written is None
        for expected in some:
            self.expect_committed(expected)

    @rule()
    def pass_deadlines(self) -> None:
        """Let deadlines pass: the next commit expires uploads, and later bytes still become files."""
        self.run(self.drive.advance_time(timedelta(minutes=16), "uploads"))

    @rule()
    def sweep(self) -> None:
        """Commit all pending uploads, as the sweep and the janitor do."""
        self.run(self.drive.database.execute(_ALL_DUE))
        for overdue in (False, True):
            refs = self.run(self.drive.files.claim_pending_uploads(1000, overdue))
            self.run(self.drive.files.commit_uploads(refs))
        for expected in self.all:
            self.expect_committed(expected)

    @rule(target=leases)
    def claim(self) -> tuple[LeaseId, tuple[c.PurgeTask, ...]]:
        """Claim a batch as a janitor that may stop before it finishes."""
        self.run(self.drive.advance_time(SETTINGS.trash_grace, "entries", "purges"))
        lease = LeaseId(uuid7())
        claimed = self.run(self.drive.files.claim_purges(lease, 1000))
        for expected in self.all:
            if expected.state == "trashed":
                expected.state = "purged"
        return lease, claimed

    @rule(held=consumes(leases))
    def finish(self, held: tuple[LeaseId, tuple[c.PurgeTask, ...]]) -> None:
        lease, claimed = held
        for purge in claimed:
            self.drive.bucket.objects.pop(purge.key, None)
            for expected in self.all:
                if expected.upload.key == purge.key:
                    assert expected.state in ("purged", "aborted", "rejected")
                    expected.written = None
        self.run(self.drive.files.finish_purges(lease, tuple(purge.ref for purge in claimed)))

    @rule()
    def run_jobs(self) -> None:
        lease = LeaseId(uuid7())
        while tasks := self.run(self.drive.files.claim_jobs(lease, 10)):
            for task in tasks:
                while self.run(self.drive.files.run_job_step(lease, task)):
                    pass
        for position, (job, expected) in enumerate(self.copies):
            ended = self.run(self.drive.files.get_job(UserId(self.drive.owner), job.id))
            assert ended.status in (c.JobStatus.DONE, c.JobStatus.FAILED)
            # Only the deletion of the original ends a copy before it is done.
            assert ended.result is not None or expected.was_trashed
            self.copies[position] = (ended, expected)

    @invariant()
    def copies_have_objects_of_their_own(self) -> None:
        if not hasattr(self, "all"):
            return
        shown = {file.id for file in self.run(self.drive.files.list_files(self.other, c.Listing(limit=1000))).items}
        done = [(job.result, expected) for job, expected in self.copies if job.result is not None]
        assert {copy.id for copy, _ in done} == shown
        for copy, expected in done:
            assert self.drive.bucket.objects[f"{copy.drive}/{copy.version}"][1] == expected.body

    # -- invariants -------------------------------------------------------------------------

    def expect_committed(self, expected: Expected) -> None:
        if expected.state != "pending" or expected.written is None:
            return
        if expected.written != expected.body:
            expected.state = "rejected"
            return
        expected.state = "stored"
        done = self.run(self.drive.files.get_upload(self.drive.access, expected.upload.id))
        assert done.file is not None
        expected.file = self.run(self.drive.files.get_file(self.drive.access, done.file))

    @invariant()
    def listing_shows_stored_files(self) -> None:
        if not hasattr(self, "all"):
            return
        page = self.run(self.drive.files.list_files(self.drive.access, c.Listing(limit=1000)))
        stored = {expected.file.id for expected in self.all if expected.state == "stored" and expected.file}
        assert {item.id for item in page.items} == stored
        for expected in self.all:
            if expected.state in ("stored", "trashed"):
                assert expected.upload.key in self.drive.bucket.objects

    @invariant()
    def usage_counts_stored_bytes(self) -> None:
        if not hasattr(self, "all"):
            return
        usage = self.run(self.drive.files.get_usage(self.drive.access))
        held = sum(len(e.body) for e in self.all if e.state in ("stored", "trashed"))
        purged = sum(len(e.body) for e in self.all if e.state == "purged")
        assert held <= usage.used_bytes <= held + purged
        assert usage.file_count == sum(e.state == "stored" for e in self.all)

    def teardown(self) -> None:
        if hasattr(self, "all"):
            self.run(self.drive.advance_time(SETTINGS.lease + timedelta(seconds=1), "purges"))
            self.run(self.drive.run_purges())
            assert self.run(self.drive.files.check_invariants()) == ()


@pytest.mark.slow
def test_random_operations_keep_every_invariant(database_url: str) -> None:
    run_machine(Machine, database_url, examples=100, steps=40)
