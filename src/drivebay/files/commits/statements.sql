-- Statements that commit uploads. `$1` and `$2` are the owners and the ids of the uploads, unless stated otherwise.
-- All times come from the database clock.

-- name: select_candidates
-- The uploads to commit, of several owners.
-- can_commit: the upload can still become a file, because it is pending or watched after its deadline.
-- multipart_id: of an upload whose parts are being sent. is_late: its reservation was released. has_no_file: it has
-- ended without a file.
-- staging_cleanable: the upload is complete by a copy, and every URL for the staged object has expired ($3 after the
-- deadline).
SELECT u.owner_id, u.id, u.parent_id, u.name, u.on_conflict, u.size, u.content_type, u.sha256, u.part_size,
       u.expires_at <= now() AS is_overdue,
       u.state = 'pending' OR u.state = 'expired' AND u.next_check_at IS NOT NULL AS can_commit,
       u.state = 'expired' AS is_late,
       CASE WHEN u.state = 'pending' AND u.assembled_at IS NULL THEN u.multipart END AS multipart_id,
       u.state IN ('rejected', 'expired', 'aborted') AND u.next_check_at IS NULL AS has_no_file,
       u.state = 'complete' AND u.next_check_at IS NOT NULL AND u.expires_at + $3::interval <= now() AS staging_cleanable
FROM unnest($1::uuid[], $2::uuid[]) AS r (owner_id, id)
JOIN files.uploads u ON u.owner_id = r.owner_id AND u.id = r.id;  -- guard: owner-select-candidates

-- name: select_copied_keys
-- The keys of the uploads' objects that are copies.
SELECT o.key
FROM unnest($1::uuid[], $2::uuid[]) AS r (owner_id, id)
JOIN files.objects o ON o.owner_id = r.owner_id AND o.id = r.id
WHERE o.key IS NOT NULL;

-- name: stop_checks
-- These complete uploads have no staged object any more, so they need no other scheduled look-up.
UPDATE files.uploads u SET next_check_at = NULL
FROM unnest($1::uuid[], $2::uuid[]) AS r (owner_id, id)
WHERE u.owner_id = r.owner_id AND u.id = r.id AND u.state = 'complete';

-- name: expire_uploads
-- Expire uploads whose deadline has passed and whose object is absent. A PUT that began in time may still end, so an
-- expired upload is watched for the time $3. After that its object is deleted if it ever arrives.
WITH absent AS (
    -- The uploads to expire, and whether their watch is over. Nothing arrives late for an upload in parts, because only
    -- this service assembles it. So its parts are deleted at once.
    SELECT u.owner_id, u.id, u.state, u.size, now() AS now, now() + interval '30 seconds' AS first_check,
           (u.expires_at + $3::interval <= now()
            OR u.part_size IS NOT NULL) AS watch_over  -- guard: expire-multipart
    FROM unnest($1::uuid[], $2::uuid[]) AS r (owner_id, id)
    JOIN files.uploads u ON u.owner_id = r.owner_id AND u.id = r.id  -- guard: owner-expire-uploads
    WHERE u.state IN ('pending', 'expired')  -- guard: expire-pending-upload
      AND u.expires_at <= now()
), expired AS (
    -- The deadline is compared again, with the current row, because extending it does not lock the owner.
    UPDATE files.uploads u
    SET state = 'expired',
        ended_at = coalesce(u.ended_at, absent.now),
        expired_at = coalesce(u.expired_at, absent.now),
        checks = CASE WHEN absent.state = 'pending' THEN 0 ELSE u.checks END,
        next_check_at = CASE WHEN absent.watch_over THEN NULL
                             WHEN absent.state = 'pending' THEN absent.first_check
                             ELSE u.next_check_at END
    FROM absent
    WHERE u.owner_id = absent.owner_id AND u.id = absent.id
      AND u.expires_at <= now()  -- guard: expire-extended-deadline
    RETURNING u.owner_id, u.id, absent.state AS state_before, absent.size, absent.watch_over
), released AS (
    -- Release the reservations of those that were pending.
    UPDATE files.usage g SET reserved_bytes = reserved_bytes - t.size, open_uploads = open_uploads - t.n
    FROM (SELECT owner_id, sum(size)::bigint AS size, count(*)::int AS n
          FROM expired WHERE state_before = 'pending' GROUP BY owner_id) t
    WHERE g.owner_id = t.owner_id  -- guard: owner-expire-usage
), queued AS (
    -- Delete the objects of those whose watch is over.
    INSERT INTO files.purges (owner_id, upload_id) SELECT owner_id, id FROM expired WHERE watch_over
    ON CONFLICT (owner_id, upload_id) DO NOTHING
)
SELECT owner_id, id FROM expired;

-- name: insert_files
-- Turn uploads into new files. $1 to $8 and $12 are arrays with one item for each upload: owner, upload, ETag, SHA-256, id
-- of the new file, parent, name, the key of the object if it is not the upload's own, and the id of the object if an
-- earlier upload stored it. A file in a folder that was trashed itself is trashed with it.
-- An upload that has ended changes nothing. An upload whose name is taken outside the trash stays as it is, so that the
-- caller can choose another name. So does an expired upload unless $11 is true: it has no reservation, and the caller
-- checks the quota first.
WITH candidates AS (
    -- The uploads that can still become a file. An expired upload released its name, so a pending upload may hold the
    -- name now.
    SELECT u.owner_id, u.id, u.state, u.size, u.content_type, u.part_size, u.parts_sha256, u.modified_at, u.created_by,
           f.sha256, f.etag, f.file_id, f.parent_id, f.name, f.key, f.object_id,
           folder.trashed_at, folder.purge_after, folder.trashed_with
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[], $5::uuid[], $6::uuid[], $7::text[], $8::text[],
                $12::uuid[])
         AS f (owner_id, id, etag, sha256, file_id, parent_id, name, key, object_id)
    JOIN files.uploads u ON u.owner_id = f.owner_id AND u.id = f.id  -- guard: owner-insert-files
    LEFT JOIN files.entries folder
           ON folder.owner_id = f.owner_id AND folder.id = f.parent_id  -- guard: owner-insert-files-folder
    WHERE u.state = 'pending'  -- guard: commit-pending-upload, commit-aborted-upload
       OR u.state = 'expired'
          AND $11::bool  -- guard: commit-late-quota
          AND u.next_check_at IS NOT NULL  -- guard: commit-watch
          AND NOT EXISTS (SELECT FROM files.uploads p
                          WHERE p.owner_id = f.owner_id AND p.parent_id = f.parent_id AND p.name = f.name
                            AND p.state = 'pending' AND p.on_conflict <> 'replace')  -- guard: commit-pending-name
), inserted AS (
    -- The file's entry, unless an entry outside the trash has its name.
    INSERT INTO files.entries (owner_id, id, parent_id, kind, name, version_id, size, content_type, sha256,
                               trashed_at, purge_after, trashed_with, modified_at, created_by, modified_by)
    SELECT owner_id, file_id, parent_id, 'file', name, id, size, content_type, sha256,
           trashed_at, purge_after, trashed_with, coalesce(modified_at, now()), created_by, created_by
    FROM candidates
    ON CONFLICT (owner_id, parent_id, name) WHERE trashed_at IS NULL DO NOTHING
    RETURNING owner_id, version_id
), new_files AS (
    -- Number only those that have an entry, so that the changes of an owner have no gap.
    SELECT candidates.*, row_number() OVER (PARTITION BY candidates.owner_id ORDER BY candidates.id) AS ordinal
    FROM candidates
    JOIN inserted ON inserted.owner_id = candidates.owner_id AND inserted.version_id = candidates.id
), versions AS (
    INSERT INTO files.versions
        (owner_id, id, file_id, size, content_type, sha256, etag, key, part_size, parts_sha256, object_id, created_by)
    SELECT owner_id, id, file_id, size, content_type, sha256, etag, key, part_size, parts_sha256, object_id, created_by
    FROM new_files
), completed AS (
    -- The staged original of a copy gets one more look-up when its URLs have expired ($9 after the deadline).
    UPDATE files.uploads u
    SET state = 'complete', file_id = new_files.file_id, ended_at = now(), checks = 0, cause = $10::text,
        is_instant = new_files.object_id IS NOT NULL,
        next_check_at = CASE WHEN new_files.key IS NOT NULL AND new_files.object_id IS NULL
                             THEN u.expires_at + $9::interval END
    FROM new_files WHERE u.owner_id = new_files.owner_id AND u.id = new_files.id  -- guard: owner-insert-files-upload
), charged AS (
    -- Turn reserved bytes into used bytes. An expired upload has no reservation.
    UPDATE files.usage g
    SET used_bytes = used_bytes + t.size, reserved_bytes = reserved_bytes - t.reserved,
        open_uploads = open_uploads - t.pending, file_count = file_count + t.untrashed, last_change = last_change + t.n
    FROM (SELECT owner_id, sum(size)::bigint AS size, count(*) AS n,
                 count(*) FILTER (WHERE trashed_at IS NULL) AS untrashed,  -- guard: commit-trashed-file-count
                 -- guard: commit-reservation
                 coalesce(sum(size) FILTER (WHERE state = 'pending'), 0)::bigint AS reserved,
                 (count(*) FILTER (WHERE state = 'pending'))::int AS pending
          FROM new_files GROUP BY owner_id) t
    WHERE g.owner_id = t.owner_id  -- guard: owner-insert-files-usage
    RETURNING g.owner_id, g.last_change - t.n AS change_before
), changes AS (
    INSERT INTO files.changes (owner_id, number, what, file_id, actor_id)
    SELECT new_files.owner_id, charged.change_before + new_files.ordinal, 'created', new_files.file_id,
           new_files.created_by
    FROM new_files JOIN charged ON charged.owner_id = new_files.owner_id
)
SELECT owner_id, id FROM new_files;

-- name: select_folder
-- The folder $2 of the owner $1 as a place for a file: `trashed_with` is set if it was trashed, and `hidden_by` if only a
-- folder above it was. No row: there is no such folder, or the grace period is over. As in `restore_entry`, the transaction
-- may have waited for the lock.
SELECT f.trashed_with, CASE WHEN f.trashed_at IS NULL THEN head.id END AS hidden_by
FROM files.entries f
CROSS JOIN LATERAL (SELECT files.nearest_trashed($1, f.id) AS id OFFSET 0) nearest
LEFT JOIN files.entries head ON head.owner_id = $1 AND head.id = nearest.id
WHERE f.owner_id = $1 AND f.id = $2 AND f.kind = 'folder'
  AND (nearest.id IS NULL OR head.purge_after > (SELECT clock_timestamp()));  -- guard: commit-purged-folder

-- name: select_file_in_trash
-- The file with the name $3 in the trashed folder $2 that is in the trash with it: trashed together with the entry $4, or
-- not trashed itself.
-- Two parts, because each has an index.
SELECT id FROM files.entries WHERE owner_id = $1 AND parent_id = $2 AND name = $3 AND kind = 'file'
  AND trashed_at IS NOT NULL
  AND trashed_with = $4  -- guard: commit-replace-trash-group
UNION ALL
-- guard: owner-commit-file-in-trash
SELECT id FROM files.entries WHERE owner_id = $1 AND parent_id = $2 AND name = $3 AND kind = 'file'
  AND trashed_at IS NULL
LIMIT 1;

-- name: replace_version
-- Make the upload $2 of the owner $1 the current version of the file $5, which may be in the trash. $3 is the ETag of the
-- upload, $4 its SHA-256, $6 the key of its object if that is not its own, $9 the id of the object if an earlier upload
-- stored it. The old version stays. The caller has checked under the lock of the drive that the upload can be committed. No
-- row: there is no such file.
WITH upload AS (
    SELECT owner_id, id, state, size, content_type, part_size, parts_sha256, modified_at, created_by FROM files.uploads
    WHERE owner_id = $1 AND id = $2
), file AS (
    -- The file with its old version.
    -- guard: owner-replace-file
    SELECT e.owner_id, e.id, e.version_id FROM files.entries e JOIN upload ON upload.owner_id = e.owner_id
    WHERE e.id = $5 AND e.kind = 'file'
), updated AS (
    UPDATE files.entries e
    SET version_id = upload.id, size = upload.size, content_type = upload.content_type, sha256 = $4::bytea,
        revision = e.revision + 1, modified_at = coalesce(upload.modified_at, now()), modified_by = upload.created_by
    FROM upload, file WHERE e.owner_id = file.owner_id AND e.id = file.id
), versions AS (
    INSERT INTO files.versions
        (owner_id, id, file_id, size, content_type, sha256, etag, key, part_size, parts_sha256, object_id, created_by)
    SELECT upload.owner_id, upload.id, file.id, upload.size, upload.content_type, $4::bytea, $3::text, $6::text,
           upload.part_size, upload.parts_sha256, $9::uuid, upload.created_by
    FROM upload, file
), superseded AS (
    UPDATE files.versions v SET replaced_at = now()
    FROM file WHERE v.owner_id = file.owner_id AND v.id = file.version_id  -- guard: owner-replace-superseded
), completed AS (
    -- The staged original of a copy gets one more look-up when its URLs have expired ($7 after the deadline).
    UPDATE files.uploads u
    SET state = 'complete', file_id = file.id, ended_at = now(), checks = 0, cause = $8::text,
        is_instant = $9::uuid IS NOT NULL,
        next_check_at = CASE WHEN $6::text IS NOT NULL AND $9::uuid IS NULL THEN u.expires_at + $7::interval END
    FROM upload, file WHERE u.owner_id = upload.owner_id AND u.id = upload.id
), charged AS (
    -- Turn reserved bytes into used bytes. The old version counts until its object is deleted.
    UPDATE files.usage g
    SET used_bytes = used_bytes + upload.size,
        reserved_bytes = reserved_bytes - CASE upload.state WHEN 'pending' THEN upload.size ELSE 0 END,
        open_uploads = open_uploads - CASE upload.state WHEN 'pending' THEN 1 ELSE 0 END,
        last_change = last_change + 1
    FROM upload, file WHERE g.owner_id = upload.owner_id  -- guard: owner-replace-usage
    RETURNING g.owner_id, g.last_change
), changes AS (
    INSERT INTO files.changes (owner_id, number, what, file_id, actor_id)
    SELECT charged.owner_id, charged.last_change, 'content', file.id, upload.created_by
    FROM charged, file, upload
)
SELECT upload.id FROM upload, file;

-- name: claim_checks
-- Take up to $1 uploads whose scheduled look-up is due, and postpone their next look-up with exponential backoff. So two
-- sweepers do not take the same uploads. $2 false: pending uploads. $2 true: uploads past their deadline (pending, watched, or
-- complete with a staged object to clean).
WITH due AS MATERIALIZED (  -- not a subquery, as in `lease_purges`
    SELECT owner_id, id FROM files.uploads
    WHERE next_check_at <= now() AND CASE WHEN $2::bool THEN expires_at <= now() ELSE state = 'pending' END
    ORDER BY next_check_at LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE files.uploads u
SET checks = u.checks + 1,
    next_check_at = now() + CASE
        -- Only this service assembles parts. Before the assembly begins, only the deadline matters.
        WHEN u.state = 'pending' AND u.part_size IS NOT NULL AND u.assembled_at IS NULL
            -- While a URL may live, its parts are measured.
            THEN least(CASE WHEN u.urls_until > now() THEN interval '1 minute' END,  -- guard: parts-measured
                       greatest(interval '8 seconds', u.expires_at - now()))  -- guard: parts-deadline
        -- guard: claim-checks-backoff
        WHEN u.state = 'pending' THEN least(interval '8 seconds', interval '1 second' * 2 ^ least(u.checks, 10))
        ELSE least(interval '6 hours', interval '1 minute' * 2 ^ least(u.checks, 20)) END
FROM due
WHERE u.owner_id = due.owner_id AND u.id = due.id  -- guard: owner-claim-checks
RETURNING u.owner_id, u.id;

-- name: claim_newest_checks
-- Take up to $1 pending uploads whose check became due most recently, and postpone their next check twice as long as
-- before. If there are very many pending uploads, the bytes that arrive now are mostly the bytes of the newest uploads.
WITH due AS MATERIALIZED (
    SELECT owner_id, id FROM files.uploads WHERE next_check_at <= now() AND state = 'pending'
    ORDER BY next_check_at DESC LIMIT $1  -- guard: claim-newest-order
    FOR UPDATE SKIP LOCKED
)
UPDATE files.uploads u
SET checks = u.checks + 1,
    next_check_at = now() + CASE
        -- As in `claim_checks`: before the assembly begins, the parts are measured while a URL may live.
        WHEN u.part_size IS NOT NULL AND u.assembled_at IS NULL
            THEN least(CASE WHEN u.urls_until > now() THEN interval '1 minute' END,  -- guard: parts-measured-limited
                       greatest(interval '8 seconds', u.expires_at - now()))  -- guard: parts-deadline-limited
        -- guard: claim-newest-pause
        ELSE least(interval '10 minutes', interval '1 second' * 2 ^ least(u.checks, 10)) END
FROM due
WHERE u.owner_id = due.owner_id AND u.id = due.id  -- guard: owner-claim-newest-checks
RETURNING u.owner_id, u.id;

-- name: make_purges_due
-- Delete the objects of uploads that have ended without a file ($1 owners, $2 ids) again, now. Bytes arrived late.
-- Tombstones of earlier releases have their end in `due_at` only: keep it.
UPDATE files.purges p SET keep_until = coalesce(p.keep_until, p.due_at), due_at = now()
FROM unnest($1::uuid[], $2::uuid[]) AS r (owner_id, id)
WHERE p.owner_id = r.owner_id AND p.upload_id = r.id AND p.stage = 'purged' AND p.due_at > now();

-- name: make_checks_due
-- Make the next look-up of every pending upload due now. A locked upload is being committed already. Waiting for its lock
-- in this order could deadlock with a commit.
UPDATE files.uploads u SET next_check_at = now()
FROM (SELECT owner_id, id FROM files.uploads WHERE next_check_at > now() AND state = 'pending'
      FOR UPDATE SKIP LOCKED  -- guard: recheck-skip-locked
     ) waiting
WHERE u.owner_id = waiting.owner_id AND u.id = waiting.id;
