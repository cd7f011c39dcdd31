-- Statements on files.purges, the queue of objects to delete. All times come from the database clock.

-- name: may_purge
-- A backup holds the exclusive lock $1 while it copies objects, so that no object of its snapshot is deleted meanwhile.
SELECT pg_try_advisory_xact_lock_shared($1::bigint);

-- name: mark_below_due_folders
-- Trash up to $1 entries below trashed folders whose grace period is over, as trashed with these folders. So a large folder is purged in
-- steps, and a purge that stops leaves nothing behind. Return the number of entries.
WITH RECURSIVE due AS MATERIALIZED (
    -- Owners and order of locks as in `mark_for_purge`.
    SELECT e.owner_id, e.id, e.trashed_at, e.purge_after, e.trashed_with
    FROM files.usage g JOIN files.entries e ON e.owner_id = g.owner_id
    WHERE e.kind = 'folder' AND e.trashed_at IS NOT NULL
      AND e.purge_after <= now()  -- guard: mark-below-grace-period
      AND EXISTS (SELECT FROM files.entries c
                  WHERE c.owner_id = e.owner_id AND c.parent_id = e.id AND c.trashed_at IS NULL)
    -- The folder that was trashed directly comes last, so that files are found before all its folders are marked.
    ORDER BY e.purge_after, e.id = e.trashed_with LIMIT $1
    FOR UPDATE SKIP LOCKED
), below AS (
    SELECT due.owner_id, child.id, child.kind, due.trashed_at, due.purge_after, due.trashed_with
    FROM due CROSS JOIN LATERAL (
        SELECT e.id, e.kind FROM files.entries e
        WHERE e.owner_id = due.owner_id AND e.parent_id = due.id AND e.trashed_at IS NULL
        ORDER BY e.name LIMIT $1) child
    UNION ALL
    SELECT below.owner_id, child.id, child.kind, below.trashed_at, below.purge_after, below.trashed_with
    FROM below CROSS JOIN LATERAL (
        SELECT e.id, e.kind FROM files.entries e
        WHERE e.owner_id = below.owner_id AND e.parent_id = below.id
          AND e.trashed_at IS NULL  -- guard: mark-below-skip-trashed
        ORDER BY e.name LIMIT $1) child
    WHERE below.kind = 'folder'
), marked AS (
    UPDATE files.entries e
    SET trashed_at = first.trashed_at, purge_after = first.purge_after, trashed_with = first.trashed_with
    FROM (SELECT * FROM below LIMIT $1) first
    WHERE e.owner_id = first.owner_id AND e.id = first.id AND e.trashed_at IS NULL  -- guard: owner-mark-entries
    RETURNING e.owner_id, e.kind, e.trashed_with
), folders AS (
    -- How many of the files that each folder hid are marked.
    SELECT t.owner_id, t.trashed_with, t.n, least(coalesce(e.hidden_files, 0), t.n) AS uncovered
    FROM (SELECT owner_id, trashed_with, count(*) FILTER (WHERE kind = 'file') AS n FROM marked
          GROUP BY owner_id, trashed_with) t
    LEFT JOIN files.entries e ON e.owner_id = t.owner_id AND e.id = t.trashed_with
), counted AS (
    -- These files are trashed themselves now, so the file count must not include them, and no folder hides them.
    UPDATE files.usage g SET file_count = file_count - t.n, hidden_files = hidden_files - t.uncovered
    FROM (SELECT owner_id, sum(n) AS n, sum(uncovered) AS uncovered FROM folders GROUP BY owner_id) t
    WHERE g.owner_id = t.owner_id  -- guard: owner-mark-usage
), uncovered AS (
    UPDATE files.entries e SET hidden_files = e.hidden_files - folders.uncovered
    FROM folders WHERE e.owner_id = folders.owner_id AND e.id = folders.trashed_with
)
SELECT count(*) FROM marked;

-- name: mark_for_purge
-- Delete up to $1 trashed entries whose grace period is over. Return the owner and the id of each, and the owners that have
-- new changes. `release_versions_of` then releases their versions.
-- A folder stays until `mark_below_due_folders` has marked everything in it. A folder with a number of hidden files stays
-- until all of them are deleted.
WITH due AS (
    -- Lock their owners as for every change. Skip owners that are locked: a later round takes their entries.
    -- `usage` comes first, since rows are locked in this order. Otherwise this statement would lock entries although their
    -- owner is locked by another transaction, and two claims at the same time could both find nothing.
    SELECT e.owner_id, e.id FROM files.usage g JOIN files.entries e ON e.owner_id = g.owner_id
    WHERE e.trashed_at IS NOT NULL
      AND e.purge_after <= now()  -- guard: purge-grace-period
      AND (e.kind = 'file'
           OR NOT EXISTS (SELECT FROM files.entries c
                          WHERE c.owner_id = e.owner_id AND c.parent_id = e.id AND c.trashed_at IS NULL)
              AND NOT (coalesce(e.hidden_files, 0) > 0
                       AND EXISTS (SELECT FROM files.entries m
                                   WHERE m.owner_id = e.owner_id AND m.trashed_at = e.trashed_at
                                     AND m.trashed_with = e.id AND m.id <> e.id)))
    ORDER BY e.purge_after LIMIT $1
    FOR UPDATE SKIP LOCKED  -- guard: purge-skip-locked, purge-owner-lock
), deleted AS (
    DELETE FROM files.entries e USING due WHERE e.owner_id = due.owner_id AND e.id = due.id  -- guard: owner-purge-entry
    RETURNING e.owner_id, e.id, e.trashed_with, e.is_deleted, e.hidden_files
), unannounced AS (
    -- Entries whose grace period passed without a call that deleted them. Only the entry that was trashed directly gets a
    -- change.
    SELECT owner_id, id, row_number() OVER (PARTITION BY owner_id ORDER BY id) AS ordinal
    FROM deleted WHERE id = trashed_with AND NOT is_deleted  -- guard: purge-change
), counted AS (
    -- Allocate the numbers of the changes. A deleted folder hides nothing any more.
    UPDATE files.usage g SET last_change = g.last_change + t.n, hidden_files = g.hidden_files - t.hidden
    FROM (SELECT deleted.owner_id, count(unannounced.id) AS n, coalesce(sum(deleted.hidden_files), 0)::bigint AS hidden
          FROM deleted LEFT JOIN unannounced ON unannounced.owner_id = deleted.owner_id AND unannounced.id = deleted.id
          GROUP BY deleted.owner_id) t
    WHERE g.owner_id = t.owner_id AND (t.n > 0 OR t.hidden > 0)  -- guard: owner-purge-usage
    RETURNING g.owner_id, g.last_change - t.n AS change_before
), changes AS (
    INSERT INTO files.changes (owner_id, number, what, file_id)
    SELECT unannounced.owner_id, counted.change_before + unannounced.ordinal, 'deleted', unannounced.id
    FROM unannounced JOIN counted ON counted.owner_id = unannounced.owner_id
    RETURNING owner_id
)
SELECT ARRAY(SELECT ARRAY[owner_id, id] FROM deleted) AS deleted, ARRAY(SELECT DISTINCT owner_id FROM changes) AS owners;

-- name: is_entry_due
SELECT EXISTS (SELECT FROM files.entries WHERE trashed_at IS NOT NULL AND purge_after <= now());

-- name: take_purges_of_versions
-- Look at the first $1 due purges, and remove the purges of versions from the queue. A process of the previous release of
-- Drivebay queues such a purge for a version that shares its object. Return the owner and the id of each version, which
-- `delete_released` needs. Skip owners that are locked.
-- The version and its object are read by subqueries, which PostgreSQL runs once for each purge. A join with old statistics
-- reads all objects of the owner for each purge.
DELETE FROM files.purges p
USING (
    SELECT due.owner_id, due.upload_id
    FROM files.usage g
    JOIN (SELECT owner_id, upload_id FROM files.purges
          WHERE due_at <= now() AND stage = 'purging' AND (leased_until IS NULL OR leased_until <= now())
          ORDER BY due_at LIMIT $1) due ON due.owner_id = g.owner_id
    WHERE (SELECT (SELECT v.object_id IS NOT NULL OR o.refs > 0
                   FROM files.objects o WHERE o.owner_id = v.owner_id AND o.id = coalesce(v.object_id, v.id))
           FROM files.versions v
           WHERE v.owner_id = due.owner_id AND v.id = due.upload_id
             AND v.state = 'purging')  -- guard: purge-of-version
    FOR UPDATE OF g SKIP LOCKED
) queued
WHERE p.owner_id = queued.owner_id AND p.upload_id = queued.upload_id
RETURNING p.owner_id, p.upload_id AS id;

-- name: lease_purges
-- Lease up to $2 due purges to $1 for the time $3, with the object's key if it is a copy, the multipart id of an upload
-- that did not complete, and whether partial parts and thumbnails may exist.
-- A purge that is not finished is due again when the lease ends. After five attempts the gaps grow, up to 6 hours, so
-- that objects that cannot be deleted do not keep others waiting. A short outage of the store delays nothing.
WITH due AS MATERIALIZED (
    -- The planner may run a subquery once for each row, and each run would lease other rows than the last.
    SELECT owner_id, upload_id FROM files.purges
    WHERE due_at <= now()  -- guard: purge-due
      AND (leased_until IS NULL
           OR leased_until <= now())  -- guard: purge-lease, purge-lease-end
    ORDER BY due_at LIMIT $2
    FOR UPDATE SKIP LOCKED  -- guard: purge-lease-lock
)
UPDATE files.purges p
SET lease_id = $1, leased_until = now() + $3::interval, attempts = p.attempts + 1, knows_objects = true,
    due_at = now() + least(interval '6 hours', $3::interval * 2 ^ greatest(least(p.attempts, 20) - 4, 0))  -- guard: purge-backoff
FROM due
WHERE p.owner_id = due.owner_id AND p.upload_id = due.upload_id
RETURNING p.owner_id, p.upload_id,
          (SELECT o.key FROM files.objects o WHERE o.owner_id = p.owner_id AND o.id = p.upload_id) AS key,
          (SELECT u.multipart FROM files.uploads u
           WHERE u.owner_id = p.owner_id AND u.id = p.upload_id AND u.state <> 'complete') AS multipart_id,
          EXISTS (SELECT FROM files.uploads u
                  WHERE u.owner_id = p.owner_id AND u.id = p.upload_id AND u.part_size IS NOT NULL) AS has_partial_parts,
          EXISTS (SELECT FROM files.thumbnails t
                  WHERE t.owner_id = p.owner_id AND t.object_id = p.upload_id) AS has_thumbnails;

-- name: finish_purges
-- Finish purges ($2 owners, $3 uploads) whose objects are deleted. The first time, the bytes are freed and the purge
-- becomes a tombstone for the time $4. When that is over, all rows of the upload are deleted.
WITH leased AS (
    -- Only what the lease $1 still holds: a janitor whose lease has ended finishes nothing.
    SELECT p.owner_id, p.upload_id, p.stage,
           p.stage = 'purged' AND coalesce(p.keep_until <= now(), true) AS is_over,
           -- When the last URL of the upload expires. The URLs of parts end $5 after the last signature.
           least(u.expires_at, now() + $5::interval) + interval '1 minute' AS urls_end
    FROM files.purges p
    LEFT JOIN files.uploads u ON u.owner_id = p.owner_id AND u.id = p.upload_id
    JOIN unnest($2::uuid[], $3::uuid[]) AS r (owner_id, id) ON p.owner_id = r.owner_id AND p.upload_id = r.id
    WHERE p.lease_id = $1  -- guard: purge-fencing
    FOR UPDATE OF p
), versions AS (
    -- The versions of the objects: the one that its upload created, and those that share it.
    SELECT v.owner_id, v.id, leased.stage, leased.is_over
    FROM leased JOIN files.versions v ON v.owner_id = leased.owner_id AND v.id = leased.upload_id
    UNION ALL
    SELECT v.owner_id, v.id, leased.stage, leased.is_over
    FROM leased JOIN files.versions v ON v.owner_id = leased.owner_id AND v.object_id = leased.upload_id
), tombstoned AS (
    -- First time: keep the purge as a tombstone. While a URL can still write the key, it is due when the URL has expired.
    UPDATE files.purges p
    SET stage = 'purged', lease_id = NULL, leased_until = NULL, attempts = 0,
        keep_until = coalesce(p.keep_until, now() + $4::interval),
        due_at = least(
            CASE WHEN leased.stage = 'purging' AND leased.urls_end > now()
                 THEN least(leased.urls_end, now() + $4::interval)  -- guard: purge-late-bytes
                 ELSE coalesce(p.keep_until, now() + $4::interval) END,  -- guard: purge-tombstone
            -- A worker may write thumbnails until its lease ends, or has done so while the object was deleted.
            CASE WHEN leased.stage = 'purging' THEN (  -- guard: purge-late-thumbnails
                SELECT t.leased_until FROM files.thumbnails t
                WHERE t.owner_id = p.owner_id AND t.object_id = p.upload_id) END)
    FROM leased WHERE NOT leased.is_over AND p.owner_id = leased.owner_id AND p.upload_id = leased.upload_id
), purged AS (
    -- First time: the versions are purged.
    UPDATE files.versions v SET state = 'purged'
    FROM versions
    -- guard: owner-finish-purge-version
    WHERE versions.stage = 'purging' AND v.owner_id = versions.owner_id AND v.id = versions.id
      AND v.state = 'purging'  -- guard: purge-freed-bytes
    RETURNING v.owner_id, v.id, v.file_id, v.size
), numbered AS (
    SELECT owner_id, file_id, row_number() OVER (PARTITION BY owner_id ORDER BY id) AS ordinal FROM purged
), freed AS (
    -- First time: free the bytes, and take the numbers of the changes.
    UPDATE files.usage g SET used_bytes = used_bytes - t.size, last_change = last_change + t.n
    FROM (SELECT owner_id, sum(size)::bigint AS size, count(*) AS n FROM purged GROUP BY owner_id) t
    WHERE g.owner_id = t.owner_id  -- guard: owner-finish-purge-usage
    RETURNING g.owner_id, g.last_change - t.n AS change_before
), changes AS (
    INSERT INTO files.changes (owner_id, number, what, file_id)
    SELECT numbered.owner_id, freed.change_before + numbered.ordinal, 'purged', numbered.file_id
    FROM numbered JOIN freed ON freed.owner_id = numbered.owner_id
), deleted_purges AS (
    -- At the end of the tombstone: delete it, the versions and the uploads.
    DELETE FROM files.purges p USING leased
    WHERE leased.is_over AND p.owner_id = leased.owner_id AND p.upload_id = leased.upload_id
), deleted_versions AS (
    DELETE FROM files.versions v USING versions
    -- guard: owner-finish-purge-delete-version
    WHERE versions.is_over AND v.owner_id = versions.owner_id AND v.id = versions.id
), deleted_uploads AS (
    -- The upload that stored the object, and instant uploads of it.
    DELETE FROM files.uploads u
    USING (SELECT owner_id, upload_id AS id FROM leased WHERE is_over
           UNION SELECT owner_id, id FROM versions WHERE is_over) ended
    WHERE u.owner_id = ended.owner_id AND u.id = ended.id  -- guard: owner-finish-purge-delete-upload
), deleted_checksums AS (
    -- Each time: delete the checksums of its parts.
    DELETE FROM files.parts q USING leased WHERE q.owner_id = leased.owner_id AND q.upload_id = leased.upload_id
)
SELECT count(*) FROM leased;

-- name: are_known
-- For each upload ($1 owners, $2 ids), in order: whether its row exists. A tombstone keeps the row.
-- guard: owner-known-uploads
SELECT EXISTS (SELECT FROM files.uploads u WHERE u.owner_id = r.owner_id AND u.id = r.id) AS known
FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS r (owner_id, id, ordinal)
ORDER BY r.ordinal;

-- name: select_multipart_ids
-- For each upload ($1 owners, $2 ids), in order: its multipart id while it is pending, otherwise an empty text.
SELECT coalesce(u.multipart, '') AS multipart_id
FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS r (owner_id, id, ordinal)
LEFT JOIN files.uploads u ON u.owner_id = r.owner_id AND u.id = r.id AND u.state = 'pending'
ORDER BY r.ordinal;
