"""The files service. It implements the contract by delegating each method to the service of one aggregate."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from ..contract.storage import Storage
from ..hints import HintChannel
from ..postgres import Database
from .account_deletion.service import AccountDeletionService
from .archives.service import ArchiveService
from .changes.publishing_hints import publishing_hints
from .changes.service import ChangeService
from .commits.file_creation import FileCreation
from .commits.service import CommitService
from .commits.store import CommitStore
from .copies.service import CopyService
from .drives.service import DriveService
from .entries.batch_changes import EntryBatchService
from .entries.folder_trees import FolderTreeService
from .entries.listings import ListingService
from .entries.service import EntryService
from .jobs.job_claims import JobClaimService
from .jobs.service import JobService
from .links.link_holders import FileCalls, LinkHolderService
from .links.link_passwords import LinkPasswords
from .links.service import LinkService
from .maintenance.service import MaintenanceService
from .multipart.service import MultipartService
from .permissions.service import PermissionService
from .purges.service import PurgeService
from .scans.service import ScanService
from .search.service import SearchService
from .settings import Settings
from .thumbnails.service import ThumbnailService
from .trash.service import TrashService
from .uploads.begin_groups import BeginGroupService
from .uploads.completion import CompletionService
from .uploads.instant_uploads import InstantUploads
from .uploads.pending_uploads import PendingUploadService
from .uploads.service import UploadService
from .uploads.upload_batches import UploadBatchService
from .usage.service import QuotaService
from .versions.service import VersionService
from .webhooks.service import WebhookService
from .webhooks.webhook_claims import WebhookClaimService


class Service:
    """Implements `contract.files.Files`. Between calls it keeps no state except the connection pool, and the calls that
    wait for a transaction.

    Each attribute is the bound method of the aggregate that implements it, so a call takes no extra step. A method that
    changes entries is wrapped with `publishing_hints`. A method that can end the access of a member is wrapped too: the
    hint wakes the waiting requests of that member, which then end. `update_entry` publishes its hints itself, because
    an update may change nothing.
    """

    def __init__(
        self,
        db: Database,
        storage: Storage,
        settings: Settings,
        *,
        new_id: Callable[[], UUID],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        hints: HintChannel | None = None,
    ) -> None:
        hints = hints or HintChannel()
        self.list_pending_uploads = PendingUploadService(db, settings).list_pending_uploads
        commit_store = CommitStore(settings.url_expiry_delay)
        creation = FileCreation(db, commit_store, settings, new_id, hints)
        uploads = UploadService(db, settings, creation, new_id)
        self.get_upload = uploads.get_upload
        self.resize_upload = uploads.resize_upload
        self.list_upload_events = uploads.list_upload_events
        self.abort_upload = uploads.abort_upload
        batches = UploadBatchService(db, uploads, settings, new_id, now)
        instant = InstantUploads(BeginGroupService(db, uploads, batches, settings, now), batches, hints)
        self.begin_uploads = instant.begin_uploads
        self.begin_upload = instant.begin_upload

        commits = CommitService(db, storage, settings, commit_store, creation)
        self.commit_uploads = commits.commit_uploads
        self.claim_pending_uploads = commits.claim_pending_uploads
        self.recheck_pending_uploads = commits.recheck_pending_uploads

        multiparts = MultipartService(db, storage, settings, commits)
        self.open_parts = multiparts.open_parts
        self.list_parts = multiparts.list_parts

        completion = CompletionService(db, commits, multiparts)
        self.complete_upload = completion.complete_upload
        self.complete_uploads = completion.complete_uploads

        entries = EntryService(db, settings, new_id, now, hints)
        self.list_files = ListingService(db, settings).list_files
        self.get_file = entries.get_file
        self.get_content = entries.get_content
        self.get_contents = entries.get_contents
        self.create_folder = publishing_hints(hints, entries.create_folder)
        self.update_entry = entries.update_entry
        self.get_usage = entries.get_usage

        search = SearchService(db, settings)
        self.search_files = search.search_files
        self.index_names = search.index_names

        trash = TrashService(db, settings)
        self.list_trash = trash.list_trash
        self.trash_entry = publishing_hints(hints, trash.trash_entry)
        self.restore_entry = publishing_hints(hints, trash.restore_entry)
        self.delete_trashed = publishing_hints(hints, trash.delete_trashed)
        self.empty_trash = publishing_hints(hints, trash.empty_trash)

        drives = DriveService(db, settings, new_id)
        self.resolve_access = drives.resolve_access
        self.list_drives = drives.list_drives
        self.create_drive = drives.create_drive
        self.get_drive = drives.get_drive
        self.rename_drive = drives.rename_drive
        self.delete_drive = publishing_hints(hints, drives.delete_drive)
        self.list_members = drives.list_members
        self.put_member = publishing_hints(hints, drives.put_member)
        self.remove_member = publishing_hints(hints, drives.remove_member)

        permissions = PermissionService(db, settings)
        self.put_permission = publishing_hints(hints, permissions.put_permission)
        self.list_permissions = permissions.list_permissions
        self.delete_permission = publishing_hints(hints, permissions.delete_permission)
        self.list_shared_items = permissions.list_shared_items

        archives = ArchiveService(db, drives, settings, new_id)
        self._create_archive_of_link = archives.create_archive_of_link
        self.create_archive = archives.create_archive
        self.open_archive = archives.open_archive
        self.save_archive_crcs = archives.save_archive_crcs
        self.delete_expired_archives = archives.delete_expired_archives

        changes = ChangeService(db, settings)
        self.list_changes = changes.list_changes
        self.list_activity = changes.list_activity

        trees = FolderTreeService(db, settings, new_id)
        self.find_entry = trees.find_entry
        self.get_path = trees.get_path
        self.measure_tree = trees.measure_tree
        self.create_folders = publishing_hints(hints, trees.create_folders)

        entry_batches = EntryBatchService(entries, trash)
        self.move_entries = publishing_hints(hints, entry_batches.move_entries)
        self.trash_entries = publishing_hints(hints, entry_batches.trash_entries)
        self.restore_entries = publishing_hints(hints, entry_batches.restore_entries)

        self._add_links(db, settings, new_id, now, hints)
        self._add_webhooks(db, settings, new_id)

        thumbnails = ThumbnailService(db, settings)
        self.get_thumbnail = thumbnails.get_thumbnail
        self.claim_thumbnails = thumbnails.claim_thumbnails
        self.finish_thumbnail = thumbnails.finish_thumbnail

        copies = CopyService(db, settings, new_id)
        self.copy_entry = publishing_hints(hints, copies.copy_entry)
        self.copy_entries = publishing_hints(hints, copies.copy_entries)

        job_claims = JobClaimService(db, storage, settings, new_id, hints)
        self.claim_jobs = job_claims.claim_jobs
        self.run_job_step = job_claims.run_job_step
        self.release_jobs = job_claims.release_jobs
        jobs = JobService(db, settings, new_id, job_claims)
        self.start_copy = jobs.start_copy
        self.start_drive_copy = jobs.start_drive_copy
        self.get_job = jobs.get_job
        self.cancel_job = jobs.cancel_job

        versions = VersionService(db, settings, new_id)
        self.list_versions = versions.list_versions
        self.get_version_content = versions.get_version_content
        self.restore_version = publishing_hints(hints, versions.restore_version)
        self.delete_version = versions.delete_version

        purges = PurgeService(db, settings, hints)
        self.claim_purges = purges.claim_purges
        self.finish_purges = purges.finish_purges
        self.known_uploads = purges.known_uploads
        self.list_multipart_ids = purges.list_multipart_ids

        scans = ScanService(db)
        self.claim_scan = scans.claim_scan
        self.save_scan = scans.save_scan
        self.finish_scan = scans.finish_scan

        self.empty_drive = AccountDeletionService(db, settings, hints).empty_drive
        quotas = QuotaService(db, settings)
        self.set_quota = quotas.set_quota
        self.get_usages = quotas.get_usages
        self.list_usages = quotas.list_usages
        self.get_totals = quotas.get_totals

        maintenance = MaintenanceService(db, storage, settings)
        self.dead_letter = maintenance.dead_letter
        self.check_invariants = maintenance.check_invariants
        self.trim_changes = maintenance.trim_changes
        self.get_backlog = maintenance.get_backlog
        self.health = maintenance.health

    def _add_links(
        self,
        db: Database,
        settings: Settings,
        new_id: Callable[[], UUID],
        now: Callable[[], datetime],
        hints: HintChannel,
    ) -> None:
        passwords = LinkPasswords(settings.secret, settings.bcrypt_cost)
        links = LinkService(db, settings, passwords, new_id, now)
        self.create_link = publishing_hints(hints, links.create_link)
        self.list_links = links.list_links
        self.update_link = links.update_link
        self.delete_link = publishing_hints(hints, links.delete_link)
        self.end_links = links.end_links
        self.end_sharing = links.end_sharing

        calls = FileCalls(
            self.list_files,
            self.get_content,
            self.begin_upload,
            self.get_upload,
            self.open_parts,
            self.complete_upload,
            self._create_archive_of_link,
        )
        holders = LinkHolderService(db, settings, passwords, calls, now)
        self.open_link = holders.open_link
        self.unlock_link = holders.unlock_link
        self.list_link_files = holders.list_link_files
        self.get_link_content = holders.get_link_content
        self.count_link_download = holders.count_link_download
        self.create_link_archive = holders.create_link_archive
        self.begin_link_upload = holders.begin_link_upload
        self.get_link_upload = holders.get_link_upload
        self.open_link_parts = holders.open_link_parts
        self.complete_link_upload = holders.complete_link_upload

    def _add_webhooks(self, db: Database, settings: Settings, new_id: Callable[[], UUID]) -> None:
        webhooks = WebhookService(db, settings, new_id)
        self.create_webhook = webhooks.create_webhook
        self.list_webhooks = webhooks.list_webhooks
        self.get_webhook = webhooks.get_webhook
        self.update_webhook = webhooks.update_webhook
        self.delete_webhook = webhooks.delete_webhook
        self.list_deliveries = webhooks.list_deliveries
        self.redeliver = webhooks.redeliver

        claims = WebhookClaimService(db, settings, new_id)
        self.claim_webhooks = claims.claim_webhooks
        self.record_delivery = claims.record_delivery
