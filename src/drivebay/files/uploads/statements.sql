-- Statements on files.uploads for its owner's requests. All times come from the database clock. `$1` is the owner.

-- name: insert_pending
-- Reserve the bytes and record the intent in one statement, so that one round trip is enough.
-- No row: a limit, the name or the parent prevents it, or the drive may have the bytes already. The caller then takes the
-- lock to find the reason.
WITH reserved AS (
    -- Reserve only if the quota ($15) and the limits of pending uploads ($16), entries ($17) and purges ($18) allow it, no
    -- entry outside the trash has the name, and the parent is the root or a folder outside the trash.
    UPDATE files.usage SET reserved_bytes = reserved_bytes + $6, open_uploads = open_uploads + 1
    WHERE owner_id = $1  -- guard: owner-begin-usage
      AND used_bytes + reserved_bytes + $6 <= coalesce(limit_bytes, $15::bigint)  -- guard: begin-quota
      AND open_uploads < $16::int  -- guard: begin-pending-uploads
      AND entry_count + open_uploads < $17::bigint  -- guard: begin-entry-limit
      AND purge_count + open_uploads < $18::bigint  -- guard: begin-purges
      AND NOT EXISTS (SELECT FROM files.entries
                      -- guard: begin-taken-name
                      WHERE owner_id = $1 AND parent_id = $3 AND name = $4 AND trashed_at IS NULL)
      AND ($3 = '00000000-0000-0000-0000-000000000000'
           OR EXISTS (SELECT FROM files.entries
                      WHERE owner_id = $1 AND id = $3  -- guard: owner-begin-parent
                        AND kind = 'folder'  -- guard: begin-parent-kind
                        AND trashed_at IS NULL
                        AND files.nearest_trashed($1, parent_id) IS NULL))  -- guard: begin-trash-above
      AND NOT EXISTS (SELECT FROM files.objects
                      WHERE owner_id = $1 AND sha256 = $8 AND size = $6 AND refs > 0)  -- guard: begin-instant
    RETURNING owner_id
)
-- Record the intent. The first look-up of an upload in one piece is due after 2 seconds. The first look-up of an upload in
-- parts is due at its deadline, or when its assembly begins.
INSERT INTO files.uploads
    (owner_id, id, parent_id, name, on_conflict, size, content_type, sha256, expires_at, next_check_at, part_size,
     deferred, note, modified_at, created_by)
SELECT owner_id, $2::uuid, $3::uuid, $4::text, $5::text, $6::bigint, $7::text, $8::bytea,
       now() + $9::interval, now() + CASE WHEN $10::bigint IS NULL THEN interval '2 seconds' ELSE $9::interval END, $10,
       $11::bool, $12::text, $13::timestamptz, $14::uuid
FROM reserved
RETURNING *;

-- name: insert_without_reserving
-- Record an intent. The caller has already reserved the bytes and checked the name and the parent, under the owner's
-- lock.
INSERT INTO files.uploads
    (owner_id, id, parent_id, name, on_conflict, size, content_type, sha256, expires_at, next_check_at, part_size,
     deferred, note, modified_at, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now() + $9::interval,
        now() + CASE WHEN $10::bigint IS NULL THEN interval '2 seconds' ELSE $9::interval END, $10, $11, $12, $13, $14)
RETURNING *;

-- name: insert_batch
-- Record several intents and reserve their bytes. The caller holds the lock of the drive, and all of them fit in the quota.
-- An intent whose name is taken, whose parent is not a folder outside the trash, or whose bytes the drive may have
-- already, gets no row.
WITH folders AS MATERIALIZED (
    -- The folders outside the trash, each read once.
    SELECT e.id FROM (SELECT DISTINCT unnest($3::uuid[]) AS id) r
    JOIN files.entries e ON e.owner_id = $1 AND e.id = r.id AND e.kind = 'folder' AND e.trashed_at IS NULL
        AND files.nearest_trashed($1, e.parent_id) IS NULL  -- guard: batch-trash-above
), inserted AS (
    -- Record the intents whose name is free and whose parent is the root or a folder outside the trash.
    INSERT INTO files.uploads
        (owner_id, id, parent_id, name, on_conflict, size, content_type, sha256, expires_at, next_check_at,
         modified_at, created_by)
    SELECT $1, i.id, i.parent_id, i.name, i.on_conflict, i.size, i.content_type, i.sha256,
           now() + $9::interval, now() + interval '2 seconds', i.modified_at, $11
    FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::bytea[],
                $10::timestamptz[]) WITH ORDINALITY
         AS i (id, parent_id, name, on_conflict, size, content_type, sha256, modified_at, ordinal)
    WHERE NOT EXISTS (SELECT FROM files.entries e
                      -- guard: batch-taken-name
                      WHERE e.owner_id = $1 AND e.parent_id = i.parent_id AND e.name = i.name AND e.trashed_at IS NULL)
      AND (i.parent_id = '00000000-0000-0000-0000-000000000000'  -- guard: batch-parent
           OR i.parent_id IN (SELECT id FROM folders))
      AND NOT EXISTS (SELECT FROM files.objects o
                      -- guard: batch-instant
                      WHERE o.owner_id = $1 AND o.sha256 = i.sha256 AND o.size = i.size AND o.refs > 0)
    ORDER BY i.ordinal  -- of two equal names, the first intent gets it
    ON CONFLICT (owner_id, parent_id, name) WHERE state = 'pending' AND on_conflict <> 'replace' DO NOTHING
    RETURNING *
), reserved AS (
    -- Reserve the bytes of the inserted ones.
    UPDATE files.usage SET reserved_bytes = reserved_bytes + t.size, open_uploads = open_uploads + t.n
    FROM (SELECT coalesce(sum(size), 0)::bigint AS size, count(*)::int AS n FROM inserted) t
    WHERE owner_id = $1
)
SELECT * FROM inserted;

-- name: select_upload
-- The upload of an object that a job copies is not an upload of a client.
SELECT * FROM files.uploads
WHERE owner_id = $1 AND id = $2  -- guard: owner-select-upload
  AND state <> 'copying';  -- guard: select-copying-upload

-- name: select_uploads
SELECT * FROM files.uploads WHERE owner_id = $1 AND id = ANY($2::uuid[]) AND state <> 'copying';

-- name: list_pending_newest_first
-- A page of the pending uploads before the id $2. Ids are UUIDv7, so their order is the order of creation.
SELECT * FROM files.uploads
WHERE owner_id = $1 AND state = 'pending' AND id < $2  -- guard: owner-list-pending-newest-first
ORDER BY id DESC LIMIT $3;

-- name: list_pending_oldest_first
-- A page of the pending uploads after the id $2.
SELECT * FROM files.uploads
WHERE owner_id = $1 AND state = 'pending' AND id > $2  -- guard: owner-list-pending-oldest-first
ORDER BY id LIMIT $3;

-- name: update_size
-- Set the reserved size of an upload with deferred length. $4 is true if $3 is the final length.
-- No row: the length is known, or the upload has ended.
WITH before AS (
    SELECT id, size FROM files.uploads WHERE owner_id = $1 AND id = $2 AND state = 'pending' AND deferred
), reserved AS (
    -- Reserve the difference. It may be negative.
    UPDATE files.usage g SET reserved_bytes = g.reserved_bytes + $3 - before.size
    FROM before WHERE g.owner_id = $1
)
UPDATE files.uploads u SET size = $3, deferred = NOT $4::bool
FROM before WHERE u.owner_id = $1 AND u.id = before.id
RETURNING u.*;

-- name: end_upload
-- End a pending or expired upload without a file: state $3, reason $4, trigger $5. No row: it has ended already.
WITH ending AS (
    SELECT owner_id, id, state, size FROM files.uploads
    WHERE owner_id = $1 AND id = $2  -- guard: owner-end-upload
      AND state IN ('pending', 'expired')  -- guard: end-pending-upload
), ended AS (
    UPDATE files.uploads u
    SET state = $3::text, reason = $4::text, ended_at = now(), next_check_at = NULL, cause = $5::text
    FROM ending WHERE u.owner_id = ending.owner_id AND u.id = ending.id
), released AS (
    -- Release the reservation. An expired upload has none.
    UPDATE files.usage g SET reserved_bytes = reserved_bytes - ending.size, open_uploads = open_uploads - 1
    FROM ending
    WHERE g.owner_id = ending.owner_id  -- guard: owner-end-upload-usage
      AND ending.state = 'pending'  -- guard: end-reservation
)
-- Queue the object for purging. This also covers an object that arrives later.
INSERT INTO files.purges (owner_id, upload_id) SELECT owner_id, id FROM ending
ON CONFLICT (owner_id, upload_id) DO NOTHING
RETURNING upload_id;

-- name: select_events
-- The states of an upload, then the later changes of its file, oldest first.
-- The column `cause` holds the trigger of the last state.
SELECT at, state, trigger, detail FROM (
    SELECT created_at AS at, 0 AS step, 'pending' AS state, 'client' AS trigger, NULL AS detail
    FROM files.uploads WHERE owner_id = $1 AND id = $2
    UNION ALL
    SELECT assembled_at, 1, 'assembling', 'client', NULL FROM files.uploads
    WHERE owner_id = $1 AND id = $2 AND assembled_at IS NOT NULL
    UNION ALL
    SELECT expired_at, 2, 'expired', 'deadline', NULL FROM files.uploads
    WHERE owner_id = $1 AND id = $2 AND expired_at IS NOT NULL
    UNION ALL
    SELECT ended_at, 3, CASE state WHEN 'rejected' THEN 'failed' ELSE state END, coalesce(cause, 'system'), reason
    FROM files.uploads WHERE owner_id = $1 AND id = $2 AND state NOT IN ('pending', 'expired')
    UNION ALL
    -- The API has released these names, so they stay: a new version is `replaced`, any other change is `changed`.
    SELECT c.at, 4 + c.number,
           CASE WHEN c.what = 'content' THEN 'replaced'
                WHEN c.what IN ('renamed', 'moved', 'shared', 'properties') THEN 'changed' ELSE c.what END,
           CASE c.what WHEN 'purged' THEN 'system' ELSE 'client' END, NULL
    FROM files.uploads u CROSS JOIN LATERAL (
        -- The limit stands here too, so that not all changes of the file are read and sorted.
        SELECT at, number, what FROM files.changes
        WHERE owner_id = $1 AND file_id = u.file_id
          AND at > u.ended_at AND what NOT IN ('stored', 'created', 'deleted')
        ORDER BY number LIMIT 1000) c
    WHERE u.owner_id = $1 AND u.id = $2
) events ORDER BY step LIMIT 1000;
