-- Statements on thumbnails. `$1` is the owner, unless stated otherwise. All times come from the database clock.

-- name: select_thumbnail
-- The entry $2 with its object, and the state of its thumbnails: null if they were never requested. Returns no row
-- if there is no such entry, or if it is in the trash. A folder has no object.
SELECT e.name, e.kind, e.content_type, coalesce(v.object_id, v.id) AS object_id, o.key, o.size, t.state
FROM files.entries e
LEFT JOIN files.versions v ON v.owner_id = e.owner_id AND v.id = e.version_id AND v.state = 'stored'
LEFT JOIN files.objects o ON o.owner_id = v.owner_id AND o.id = coalesce(v.object_id, v.id)
LEFT JOIN files.thumbnails t ON t.owner_id = o.owner_id AND t.object_id = o.id
WHERE e.owner_id = $1 AND e.id = $2 AND e.trashed_at IS NULL  -- guard: owner-select-thumbnail
  AND files.nearest_trashed($1, e.parent_id) IS NULL;  -- guard: thumbnail-trash-above

-- name: lock_thumbnails_of
-- Let one transaction at a time queue thumbnails for the user $1.
SELECT pg_advisory_xact_lock(hashtextextended('thumbnails ' || $1::uuid::text, 0));

-- name: count_thumbnails
-- The number of thumbnails that the user $1 requested in the last hour, the number of the user's thumbnails in the
-- queue, and the length of the queue, counted up to $2.
SELECT (SELECT count(*) FROM files.thumbnails
        WHERE requested_by = $1 AND requested_at > now() - interval '1 hour') AS recent,
       (SELECT count(*) FROM files.thumbnails WHERE requested_by = $1 AND state = 'queued') AS of_user,
       (SELECT count(*) FROM (SELECT FROM files.thumbnails WHERE state = 'queued' LIMIT $2) q) AS total;

-- name: queue_thumbnail
-- Queue the object $2 for the user $3. With $4, also if it has thumbnails. An object that does not exist any more is
-- ignored.
INSERT INTO files.thumbnails AS t (owner_id, object_id, requested_by)
SELECT o.owner_id, o.id, $3 FROM files.objects o WHERE o.owner_id = $1 AND o.id = $2
ON CONFLICT (owner_id, object_id) DO UPDATE
SET state = 'queued', requested_by = excluded.requested_by, requested_at = excluded.requested_at, attempts = 0,
    lease = NULL, leased_until = NULL
WHERE $4 AND t.state = 'ready';  -- guard: thumbnail-queued-once

-- name: end_failing_thumbnails
-- Stop trying objects after $1 attempts without a result, because they may crash the worker.
UPDATE files.thumbnails SET state = 'none', lease = NULL, leased_until = NULL
WHERE state = 'queued' AND attempts >= $1 AND leased_until <= now();  -- guard: thumbnail-attempts

-- name: lease_thumbnails
-- Lease up to $2 queued objects to $1 for the time $3: each user gets one object before any user gets a second one. The
-- objects of one user are in the order of their requests. The order of the users is random, so that a user with many slow
-- files does not delay the others. A repeat of a claim whose response was lost gets the same objects.
-- An object without a reference is left out: its purge has deleted the thumbnails, or does so soon.
WITH waiting AS (
    SELECT q.owner_id, q.object_id, q.lease IS NOT DISTINCT FROM $1 AS is_repeat,
           row_number() OVER (PARTITION BY q.requested_by  -- guard: thumbnail-user-share
                              ORDER BY q.lease IS DISTINCT FROM $1, q.requested_at) AS place
    FROM files.thumbnails q JOIN files.objects o ON o.owner_id = q.owner_id AND o.id = q.object_id
    WHERE q.state = 'queued'
      AND o.refs > 0  -- guard: thumbnail-referenced-object
), due AS (
    SELECT t.owner_id, t.object_id
    FROM files.thumbnails t JOIN waiting ON waiting.owner_id = t.owner_id AND waiting.object_id = t.object_id
    WHERE t.state = 'queued'
      AND (t.lease = $1 OR t.leased_until IS NULL OR t.leased_until <= now())  -- guard: thumbnail-lease
    ORDER BY waiting.is_repeat DESC, waiting.place, random() LIMIT $2
    FOR UPDATE OF t SKIP LOCKED
)
UPDATE files.thumbnails t
SET lease = $1, leased_until = now() + $3::interval, attempts = t.attempts + (t.lease IS DISTINCT FROM $1)::int
FROM due
JOIN files.objects o ON o.owner_id = due.owner_id AND o.id = due.object_id
WHERE t.owner_id = due.owner_id AND t.object_id = due.object_id
RETURNING t.owner_id, t.object_id, o.key, o.size;

-- name: finish_thumbnail
-- Set the state of the object $2 to $4 if the lease $3 is the last one. If the object stays queued, the next attempt is
-- after the time $5. Without $6 the attempt does not count. The object may have been deleted while the worker wrote: then
-- its purge is due again at once, also if the lease has ended. While that deletion runs, `finish_purges` reads `leased_until`.
WITH finished AS (
    UPDATE files.thumbnails t
    SET state = $4, attempts = t.attempts - CASE WHEN $6::bool THEN 0 ELSE 1 END, lease = NULL,
        leased_until = CASE WHEN $4 = 'queued' THEN clock.next_attempt
                            WHEN EXISTS (SELECT FROM files.purges p
                                         WHERE p.owner_id = $1 AND p.upload_id = t.object_id)
                            THEN clock.now END
    FROM (SELECT now() AS now, now() + $5::interval AS next_attempt OFFSET 0) clock
    WHERE t.owner_id = $1 AND t.object_id = $2  -- guard: owner-finish-thumbnail
      AND t.lease = $3 AND t.leased_until > now()  -- guard: thumbnail-fencing
)
UPDATE files.purges SET due_at = least(due_at, now())
WHERE owner_id = $1 AND upload_id = $2  -- guard: owner-late-thumbnail
  AND stage = 'purged';  -- guard: thumbnail-late-purge
