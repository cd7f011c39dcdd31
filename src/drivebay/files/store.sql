-- Every statement of the files service. Time is the database's. `$1` is the owner wherever there is one.

-- name: begin
-- Reserve the bytes and record the intent, in one round trip. No row: something stands in the way, and
-- the slow path finds out what.
WITH reserved AS (
    UPDATE files.usage SET reserved_bytes = reserved_bytes + $6, open_uploads = open_uploads + 1
    WHERE owner_id = $1
      AND used_bytes + reserved_bytes + $6 <= coalesce(limit_bytes, $10::bigint)
      AND open_uploads < $11::int
      AND NOT EXISTS (SELECT FROM files.entries
                      WHERE owner_id = $1 AND parent_id = $3 AND name = $4 AND trashed_at IS NULL)
      AND ($3 = '00000000-0000-0000-0000-000000000000'
           OR EXISTS (SELECT FROM files.entries
                      WHERE owner_id = $1 AND id = $3 AND kind = 'folder' AND trashed_at IS NULL))
    RETURNING owner_id
)
INSERT INTO files.uploads
    (owner_id, id, parent_id, name, on_conflict, size, content_type, sha256, expires_at, next_check_at, part_size,
     deferred, note)
SELECT owner_id, $2::uuid, $3::uuid, $4::text, $5::text, $6::bigint, $7::text, $8::bytea,
       now() + $9::interval, now() + CASE WHEN $12::bigint IS NULL THEN interval '2 seconds' ELSE $9::interval END, $12,
       $13::bool, $14::text
FROM reserved
RETURNING *, expires_at <= now() AS overdue;

-- name: lock_usage
-- Lock an owner's row, made when it is not there yet: the way into every change of that owner's rows.
INSERT INTO files.usage (owner_id) VALUES ($1)
ON CONFLICT (owner_id) DO UPDATE SET owner_id = excluded.owner_id
RETURNING used_bytes, reserved_bytes, open_uploads, coalesce(limit_bytes, $2::bigint) AS limit_bytes;

-- name: lock_owners
-- The same for several owners, in one order for everybody.
SELECT owner_id FROM files.usage WHERE owner_id = ANY($1::uuid[]) ORDER BY owner_id FOR UPDATE;

-- name: reserve
-- The slow path's reservation; the row is locked and the limits were looked at.
UPDATE files.usage SET reserved_bytes = reserved_bytes + $2, open_uploads = open_uploads + 1 WHERE owner_id = $1;

-- name: add_upload
INSERT INTO files.uploads
    (owner_id, id, parent_id, name, on_conflict, size, content_type, sha256, expires_at, next_check_at, part_size,
     deferred, note)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now() + $9::interval,
        now() + CASE WHEN $10::bigint IS NULL THEN interval '2 seconds' ELSE $9::interval END, $10, $11, $12)
RETURNING *, expires_at <= now() AS overdue;

-- name: begin_many
-- Record those of several intents that nothing stands in the way of; the owner's row is locked, and all of them fit.
-- No row of one: something does, perhaps an earlier one of them, and the slow path finds out what.
WITH entered AS (
    INSERT INTO files.uploads
        (owner_id, id, parent_id, name, on_conflict, size, content_type, sha256, expires_at, next_check_at)
    SELECT $1, w.id, w.parent_id, w.name, w.on_conflict, w.size, w.content_type, w.sha256,
           now() + $9::interval, now() + interval '2 seconds'
    FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::bytea[])
         AS w (id, parent_id, name, on_conflict, size, content_type, sha256)
    WHERE NOT EXISTS (SELECT FROM files.entries e
                      WHERE e.owner_id = $1 AND e.parent_id = w.parent_id AND e.name = w.name AND e.trashed_at IS NULL)
      AND (w.parent_id = '00000000-0000-0000-0000-000000000000'
           OR EXISTS (SELECT FROM files.entries e
                      WHERE e.owner_id = $1 AND e.id = w.parent_id AND e.kind = 'folder' AND e.trashed_at IS NULL))
    ON CONFLICT (owner_id, parent_id, name) WHERE state = 'pending' AND on_conflict <> 'replace' DO NOTHING
    RETURNING *
), reserved AS (
    UPDATE files.usage SET reserved_bytes = reserved_bytes + t.size, open_uploads = open_uploads + t.n
    FROM (SELECT coalesce(sum(size), 0)::bigint AS size, count(*)::int AS n FROM entered) t
    WHERE owner_id = $1
)
SELECT *, expires_at <= now() AS overdue FROM entered;

-- name: resize
-- A length that was not known: bytes are reserved as they come, and when it is told ($4) it stays. No row: it is known,
-- or the upload has ended.
WITH before AS (
    SELECT owner_id, id, size FROM files.uploads WHERE owner_id = $1 AND id = $2 AND state = 'pending' AND deferred
), charged AS (
    UPDATE files.usage g SET reserved_bytes = g.reserved_bytes + $3 - before.size
    FROM before WHERE g.owner_id = before.owner_id
)
UPDATE files.uploads u SET size = $3, deferred = NOT $4::bool
FROM before WHERE u.owner_id = before.owner_id AND u.id = before.id
RETURNING u.*, u.expires_at <= now() AS overdue;

-- name: upload
SELECT *, expires_at <= now() AS overdue FROM files.uploads WHERE owner_id = $1 AND id = $2;

-- name: uploads
-- Several owners' uploads: for `commit`, which is told of them by events and sweeps. `spent`: complete, by a copy,
-- and no URL ($3 is the life of one) can write beside it any more.
SELECT u.*, u.expires_at <= now() AS overdue,
       u.state = 'complete' AND u.next_check_at IS NOT NULL AND u.expires_at + $3::interval <= now() AS spent
FROM unnest($1::uuid[], $2::uuid[]) AS r (owner_id, id)
JOIN files.uploads u ON u.owner_id = r.owner_id AND u.id = r.id;

-- name: copies
SELECT v.key
FROM unnest($1::uuid[], $2::uuid[]) AS r (owner_id, id)
JOIN files.versions v ON v.owner_id = r.owner_id AND v.id = r.id
WHERE v.key IS NOT NULL;

-- name: discarded
-- Nothing is left beside these complete uploads: nobody looks any more.
UPDATE files.uploads u SET next_check_at = NULL
FROM unnest($1::uuid[], $2::uuid[]) AS r (owner_id, id)
WHERE u.owner_id = r.owner_id AND u.id = r.id AND u.state = 'complete';

-- name: begin_parts
-- The store's name for the write in parts, of whoever is first, and a deadline put off. No row: it has ended.
UPDATE files.uploads
SET multipart = coalesce(multipart, $3), checked = CASE WHEN multipart IS NULL THEN $4 ELSE checked END,
    expires_at = greatest(expires_at, now() + $5::interval)
WHERE owner_id = $1 AND id = $2 AND state = 'pending' AND part_size IS NOT NULL
RETURNING *, expires_at <= now() AS overdue;

-- name: prolong
-- Put the deadline off, but not with every call.
UPDATE files.uploads SET expires_at = now() + $3::interval
WHERE owner_id = $1 AND id = $2 AND state = 'pending' AND expires_at < now() + $3::interval / 2
RETURNING *, expires_at <= now() AS overdue;

-- name: claim_parts
-- Checksums of parts that are about to be signed: the first of each number stays.
INSERT INTO files.parts (owner_id, upload_id, number, sha256)
SELECT $1, $2, r.number, r.sha256 FROM unnest($3::int[], $4::bytea[]) AS r (number, sha256)
ON CONFLICT (owner_id, upload_id, number) DO NOTHING;

-- name: parts
SELECT number, sha256 FROM files.parts WHERE owner_id = $1 AND upload_id = $2 ORDER BY number;

-- name: forget_parts
-- Of uploads that have ended.
DELETE FROM files.parts p USING unnest($1::uuid[], $2::uuid[]) AS r (owner_id, id), files.uploads u
WHERE p.owner_id = r.owner_id AND p.upload_id = r.id
  AND u.owner_id = r.owner_id AND u.id = r.id AND u.state <> 'pending';

-- name: begin_assembly
-- The parts are about to be put together: from here on it is looked for, and has time. No row: it has ended.
UPDATE files.uploads
SET assembled_at = coalesce(assembled_at, now()), parts_sha256 = $3, checks = 0,
    next_check_at = now() + interval '1 second', expires_at = greatest(expires_at, now() + $4::interval)
WHERE owner_id = $1 AND id = $2 AND state = 'pending' AND part_size IS NOT NULL
RETURNING id;

-- name: multiparts
SELECT coalesce(u.multipart, '') AS multipart
FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS r (owner_id, id, place)
LEFT JOIN files.uploads u ON u.owner_id = r.owner_id AND u.id = r.id AND u.state = 'pending'
ORDER BY r.place;

-- name: timeline
-- What became of an upload, and then of its file while it was the file's version.
SELECT at, what, cause, detail FROM (
    SELECT created_at AS at, 0 AS place, 'pending' AS what, 'client' AS cause, NULL AS detail
    FROM files.uploads WHERE owner_id = $1 AND id = $2
    UNION ALL
    SELECT assembled_at, 1, 'assembling', 'client', NULL FROM files.uploads
    WHERE owner_id = $1 AND id = $2 AND assembled_at IS NOT NULL
    UNION ALL
    SELECT expired_at, 2, 'expired', 'deadline', NULL FROM files.uploads
    WHERE owner_id = $1 AND id = $2 AND expired_at IS NOT NULL
    UNION ALL
    SELECT ended_at, 3, state, coalesce(cause, 'system'), reason FROM files.uploads
    WHERE owner_id = $1 AND id = $2 AND state NOT IN ('pending', 'expired')
    UNION ALL
    SELECT c.at, 4 + c.number, c.what, CASE c.what WHEN 'purged' THEN 'system' ELSE 'client' END, NULL
    FROM files.uploads u JOIN files.changes c ON c.owner_id = u.owner_id AND c.file_id = u.file_id
    WHERE u.owner_id = $1 AND u.id = $2 AND c.at > u.ended_at AND c.what <> 'stored'
) moments ORDER BY place LIMIT 1000;

-- name: end_upload
-- A pending or expired upload ends without a file; what it had reserved is given back. Its object, if there
-- ever is one, is to be deleted. No row: it had ended already.
WITH open AS (
    SELECT owner_id, id, state, size FROM files.uploads
    WHERE owner_id = $1 AND id = $2 AND state IN ('pending', 'expired')
), ended AS (
    UPDATE files.uploads u
    SET state = $3::text, reason = $4::text, ended_at = now(), next_check_at = NULL, cause = $5::text
    FROM open WHERE u.owner_id = open.owner_id AND u.id = open.id
), released AS (
    UPDATE files.usage g SET reserved_bytes = reserved_bytes - open.size, open_uploads = open_uploads - 1
    FROM open WHERE g.owner_id = open.owner_id AND open.state = 'pending'
)
INSERT INTO files.purges (owner_id, upload_id) SELECT owner_id, id FROM open
ON CONFLICT (owner_id, upload_id) DO NOTHING
RETURNING upload_id;

-- name: expire_uploads
-- Past their deadline and not in the store: the reservations are given back. They are watched on, since a
-- PUT that began in time may end late; once the watch is over the object is deleted should it ever appear.
WITH absent AS (
    SELECT u.owner_id, u.id, u.state, u.size,
           -- What comes in parts cannot end late: only we put it together, and its parts go now.
           u.expires_at + $3::interval <= now() OR u.part_size IS NOT NULL AS over
    FROM unnest($1::uuid[], $2::uuid[]) AS r (owner_id, id)
    JOIN files.uploads u ON u.owner_id = r.owner_id AND u.id = r.id
    WHERE u.state IN ('pending', 'expired') AND u.expires_at <= now()
), expired AS (
    UPDATE files.uploads u
    SET state = 'expired',
        ended_at = coalesce(u.ended_at, now()),
        expired_at = coalesce(u.expired_at, now()),
        checks = CASE absent.state WHEN 'pending' THEN 0 ELSE u.checks END,
        next_check_at = CASE WHEN absent.over THEN NULL
                             WHEN absent.state = 'pending' THEN now() + interval '30 seconds'
                             ELSE u.next_check_at END
    -- Who puts a deadline off locks no owner: so it is looked at again, in the row as it is by now.
    FROM absent WHERE u.owner_id = absent.owner_id AND u.id = absent.id AND u.expires_at <= now()
    RETURNING u.owner_id, u.id, absent.state AS before, absent.size, absent.over
), released AS (
    UPDATE files.usage g SET reserved_bytes = reserved_bytes - t.size, open_uploads = open_uploads - t.n
    FROM (SELECT owner_id, sum(size)::bigint AS size, count(*)::int AS n
          FROM expired WHERE before = 'pending' GROUP BY owner_id) t
    WHERE g.owner_id = t.owner_id
), forgotten AS (
    INSERT INTO files.purges (owner_id, upload_id) SELECT owner_id, id FROM expired WHERE over
    ON CONFLICT (owner_id, upload_id) DO NOTHING
)
SELECT owner_id, id FROM expired;

-- name: complete
-- The commit: looked-up objects become files. The guard is `state`: an upload that ended, however, changes
-- nothing. A name that is taken leaves its upload as it was, for the caller to choose another name.
-- An expired upload that is not watched any more has ended too: its object is to be deleted. What was copied
-- is looked at once more when its URLs have ended ($9), for what lies beside it.
WITH found AS (
    SELECT u.owner_id, u.id, u.state, u.size, u.content_type, u.part_size, u.parts_sha256,
           f.sha256, f.etag, f.file_id, f.parent_id, f.name, f.key
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[], $5::uuid[], $6::uuid[], $7::text[], $8::text[])
         AS f (owner_id, id, etag, sha256, file_id, parent_id, name, key)
    JOIN files.uploads u ON u.owner_id = f.owner_id AND u.id = f.id
    WHERE u.state = 'pending' OR u.state = 'expired' AND u.next_check_at IS NOT NULL
      -- It gave its name back when it expired, and a pending upload may hold it by now.
      AND NOT EXISTS (SELECT FROM files.uploads p
                      WHERE p.owner_id = f.owner_id AND p.parent_id = f.parent_id AND p.name = f.name
                        AND p.state = 'pending' AND p.on_conflict <> 'replace')
), entered AS (
    INSERT INTO files.entries (owner_id, id, parent_id, kind, name, version_id, size, content_type, sha256)
    SELECT owner_id, file_id, parent_id, 'file', name, id, size, content_type, sha256 FROM found
    ON CONFLICT (owner_id, parent_id, name) WHERE trashed_at IS NULL DO NOTHING
    RETURNING owner_id, version_id
), kept AS (
    -- Numbered here and not before: what is left out must leave no gap among the changes.
    SELECT found.*, row_number() OVER (PARTITION BY found.owner_id ORDER BY found.id) AS place
    FROM found JOIN entered ON entered.owner_id = found.owner_id AND entered.version_id = found.id
), stored AS (
    INSERT INTO files.versions
        (owner_id, id, file_id, size, content_type, sha256, etag, key, part_size, parts_sha256)
    SELECT owner_id, id, file_id, size, content_type, sha256, etag, key, part_size, parts_sha256 FROM kept
), ended AS (
    UPDATE files.uploads u
    SET state = 'complete', file_id = kept.file_id, ended_at = now(), checks = 0, cause = $10::text,
        next_check_at = CASE WHEN kept.key IS NULL THEN NULL ELSE u.expires_at + $9::interval END
    FROM kept WHERE u.owner_id = kept.owner_id AND u.id = kept.id
), charged AS (
    UPDATE files.usage g
    SET used_bytes = used_bytes + t.size, reserved_bytes = reserved_bytes - t.reserved,
        open_uploads = open_uploads - t.pending, file_count = file_count + t.n, last_change = last_change + t.n
    FROM (SELECT owner_id, sum(size)::bigint AS size, count(*) AS n,
                 coalesce(sum(size) FILTER (WHERE state = 'pending'), 0)::bigint AS reserved,
                 (count(*) FILTER (WHERE state = 'pending'))::int AS pending
          FROM kept GROUP BY owner_id) t
    WHERE g.owner_id = t.owner_id
    RETURNING g.owner_id, g.last_change - t.n AS before
), recorded AS (
    INSERT INTO files.changes (owner_id, number, what, file_id)
    SELECT kept.owner_id, charged.before + kept.place, 'stored', kept.file_id
    FROM kept JOIN charged ON charged.owner_id = kept.owner_id
)
SELECT owner_id, id FROM kept;

-- name: replace
-- The commit of a new version of a file that is there: the old version waits out the grace, then goes.
WITH found AS (
    SELECT owner_id, id, state, size, content_type, part_size, parts_sha256 FROM files.uploads
    WHERE owner_id = $1 AND id = $2 AND (state = 'pending' OR state = 'expired' AND next_check_at IS NOT NULL)
), before AS (
    SELECT e.owner_id, e.id, e.version_id FROM files.entries e JOIN found ON found.owner_id = e.owner_id
    WHERE e.id = $5 AND e.kind = 'file' AND e.trashed_at IS NULL
), entered AS (
    UPDATE files.entries e
    SET version_id = found.id, size = found.size, content_type = found.content_type, sha256 = $4::bytea,
        revision = e.revision + 1, modified_at = now()
    FROM found, before WHERE e.owner_id = before.owner_id AND e.id = before.id
), stored AS (
    INSERT INTO files.versions
        (owner_id, id, file_id, size, content_type, sha256, etag, key, part_size, parts_sha256)
    SELECT found.owner_id, found.id, before.id, found.size, found.content_type, $4::bytea, $3::text, $7::text,
           found.part_size, found.parts_sha256
    FROM found, before
), superseded AS (
    UPDATE files.versions v SET state = 'purging'
    FROM before WHERE v.owner_id = before.owner_id AND v.id = before.version_id
), queued AS (
    INSERT INTO files.purges (owner_id, upload_id, due_at)
    SELECT owner_id, version_id, now() + $6::interval FROM before
    ON CONFLICT (owner_id, upload_id) DO NOTHING
), ended AS (
    UPDATE files.uploads u
    SET state = 'complete', file_id = before.id, ended_at = now(), checks = 0, cause = $9::text,
        next_check_at = CASE WHEN $7::text IS NULL THEN NULL ELSE u.expires_at + $8::interval END
    FROM found, before WHERE u.owner_id = found.owner_id AND u.id = found.id
), charged AS (
    UPDATE files.usage g
    SET used_bytes = used_bytes + found.size,
        reserved_bytes = reserved_bytes - CASE found.state WHEN 'pending' THEN found.size ELSE 0 END,
        open_uploads = open_uploads - CASE found.state WHEN 'pending' THEN 1 ELSE 0 END,
        last_change = last_change + 1
    FROM found, before WHERE g.owner_id = found.owner_id
    RETURNING g.owner_id, g.last_change
), recorded AS (
    INSERT INTO files.changes (owner_id, number, what, file_id)
    SELECT charged.owner_id, charged.last_change, 'replaced', before.id FROM charged, before
)
SELECT found.id FROM found, before;

-- name: claim_checks
-- Uploads whose look-up is due; the next one is put off by growing gaps, which also keeps two sweepers apart.
-- $2 false: the pending ones. $2 true: those past their deadline, the watched ones too.
UPDATE files.uploads u
SET checks = u.checks + 1,
    next_check_at = now() + CASE
        -- Nobody but us makes an object of parts: until that has begun, only the deadline is of interest.
        WHEN u.state = 'pending' AND u.part_size IS NOT NULL AND u.assembled_at IS NULL
            THEN greatest(interval '8 seconds', u.expires_at - now())
        WHEN u.state = 'pending' THEN least(interval '8 seconds', interval '1 second' * 2 ^ least(u.checks, 10))
        ELSE least(interval '6 hours', interval '1 minute' * 2 ^ least(u.checks, 20)) END
FROM (SELECT owner_id, id FROM files.uploads
      WHERE next_check_at <= now() AND CASE WHEN $2::bool THEN expires_at <= now() ELSE state = 'pending' END
      ORDER BY next_check_at LIMIT $1 FOR UPDATE SKIP LOCKED) due
WHERE u.owner_id = due.owner_id AND u.id = due.id
RETURNING u.owner_id, u.id;

-- name: recheck_pending
-- Whoever has one locked is looking at it already; waiting for them in this order could cross a commit's.
UPDATE files.uploads u SET next_check_at = now()
FROM (SELECT owner_id, id FROM files.uploads WHERE next_check_at > now() AND state = 'pending'
      FOR UPDATE SKIP LOCKED) waiting
WHERE u.owner_id = waiting.owner_id AND u.id = waiting.id;

-- name: taken
-- Which of the names $3 are held under a parent: by a live entry, or by a pending upload.
SELECT name FROM files.entries
WHERE owner_id = $1 AND parent_id = $2 AND name = ANY($3::text[]) AND trashed_at IS NULL
UNION
SELECT name FROM files.uploads
WHERE owner_id = $1 AND parent_id = $2 AND name = ANY($3::text[]) AND state = 'pending' AND on_conflict <> 'replace'
  AND id <> $4::uuid;

-- name: entry
SELECT * FROM files.entries WHERE owner_id = $1 AND id = $2 AND trashed_at IS NULL;

-- name: described
SELECT e.*, v.part_size, v.parts_sha256
FROM files.entries e LEFT JOIN files.versions v ON v.owner_id = e.owner_id AND v.id = e.version_id
WHERE e.owner_id = $1 AND e.id = $2 AND e.trashed_at IS NULL;

-- name: entry_named
SELECT * FROM files.entries WHERE owner_id = $1 AND parent_id = $2 AND name = $3 AND trashed_at IS NULL;

-- name: content
SELECT e.name, e.content_type, e.version_id, e.size, e.sha256, v.key, v.part_size, v.parts_sha256
FROM files.entries e LEFT JOIN files.versions v ON v.owner_id = e.owner_id AND v.id = e.version_id
WHERE e.owner_id = $1 AND e.id = $2 AND e.kind = 'file' AND e.trashed_at IS NULL;

-- name: contents
SELECT e.id, e.name, e.content_type, e.version_id, e.size, e.sha256, v.key, v.part_size, v.parts_sha256
FROM unnest($2::uuid[]) AS r (id)
JOIN files.entries e ON e.owner_id = $1 AND e.id = r.id AND e.kind = 'file' AND e.trashed_at IS NULL
LEFT JOIN files.versions v ON v.owner_id = e.owner_id AND v.id = e.version_id;

-- name: ancestors
-- The folders from $2 up to the root, nearest first; empty when $2 is no live folder of the owner.
WITH RECURSIVE up AS (
    SELECT id, parent_id, 1 AS depth FROM files.entries
    WHERE owner_id = $1 AND id = $2 AND kind = 'folder' AND trashed_at IS NULL
    UNION ALL
    SELECT e.id, e.parent_id, up.depth + 1 FROM files.entries e JOIN up ON e.id = up.parent_id
    WHERE e.owner_id = $1 AND up.depth < 1000
)
SELECT id FROM up ORDER BY depth;

-- name: live_folders
SELECT DISTINCT e.owner_id, e.id
FROM unnest($1::uuid[], $2::uuid[]) AS r (owner_id, id)
JOIN files.entries e ON e.owner_id = r.owner_id AND e.id = r.id AND e.kind = 'folder' AND e.trashed_at IS NULL;

-- name: height
-- How many levels of folders hang under $2, itself included. Order and offset are for the planner, as in `trash`.
WITH RECURSIVE down AS (
    SELECT id, 1 AS depth FROM files.entries WHERE owner_id = $1 AND id = $2 AND kind = 'folder'
    UNION ALL
    SELECT below.id, down.depth + 1 FROM down CROSS JOIN LATERAL (
        SELECT e.id, e.kind FROM files.entries e
        WHERE e.owner_id = $1 AND e.parent_id = down.id AND e.trashed_at IS NULL ORDER BY e.name OFFSET 0) below
    WHERE below.kind = 'folder' AND down.depth < 1000
)
SELECT coalesce(max(depth), 0) FROM down;

-- name: add_folder
INSERT INTO files.entries (owner_id, id, parent_id, kind, name) VALUES ($1, $2, $3, 'folder', $4) RETURNING *;

-- name: place
-- Rename and move in one; NULL leaves as it is.
WITH placed AS (
    UPDATE files.entries
    SET name = coalesce($3::text, name), parent_id = coalesce($4::uuid, parent_id), revision = revision + 1,
        modified_at = now()
    WHERE owner_id = $1 AND id = $2 AND trashed_at IS NULL
    RETURNING *
), counted AS (
    UPDATE files.usage SET last_change = last_change + 1 WHERE owner_id = $1 AND EXISTS (SELECT FROM placed)
    RETURNING last_change
), recorded AS (
    INSERT INTO files.changes (owner_id, number, what, file_id) SELECT $1, last_change, 'changed', $2 FROM counted
)
SELECT * FROM placed;

-- name: trash
-- An entry and, if it is a folder, all that lives under it. The order and the array are the planner's way to
-- the indexes: it cannot know how little this is, and would read all that the owner has.
WITH RECURSIVE gone AS (
    SELECT id, kind FROM files.entries WHERE owner_id = $1 AND id = $2 AND trashed_at IS NULL
    UNION ALL
    SELECT below.id, below.kind FROM gone CROSS JOIN LATERAL (
        SELECT e.id, e.kind FROM files.entries e
        WHERE e.owner_id = $1 AND e.parent_id = gone.id AND e.trashed_at IS NULL ORDER BY e.name) below
    WHERE gone.kind = 'folder'
), trashed AS (
    UPDATE files.entries e
    SET trashed_at = now(), purge_after = now() + $3::interval, trashed_with = $2, revision = e.revision + 1
    WHERE e.owner_id = $1 AND e.id = ANY(ARRAY(SELECT id FROM gone))
    RETURNING e.kind
), counted AS (
    UPDATE files.usage SET file_count = file_count - (SELECT count(*) FROM trashed WHERE kind = 'file'),
                           last_change = last_change + 1
    WHERE owner_id = $1 AND EXISTS (SELECT FROM trashed)
    RETURNING last_change
)
INSERT INTO files.changes (owner_id, number, what, file_id) SELECT $1, last_change, 'trashed', $2 FROM counted;

-- name: trashed
-- An entry in the trash; whether it can still be restored is for `restore` to say.
SELECT * FROM files.entries WHERE owner_id = $1 AND id = $2 AND trashed_at IS NOT NULL;

-- name: restore
-- What went into the trash by itself comes back with all that went with it, while its grace lasts. The rows
-- decide: what a purge has claimed is no longer here. $3, $4: where it comes back. They all went at one moment, $5.
WITH back AS (
    UPDATE files.entries
    SET trashed_at = NULL, purge_after = NULL, trashed_with = NULL, revision = revision + 1,
        parent_id = CASE id WHEN $2 THEN $3 ELSE parent_id END, name = CASE id WHEN $2 THEN $4 ELSE name END
    WHERE owner_id = $1 AND trashed_with = $2 AND trashed_at = $5
      -- The clock as it is with the owner locked, and not when the transaction began: a purge may have been between.
      AND purge_after > (SELECT clock_timestamp())
    RETURNING *
), counted AS (
    UPDATE files.usage SET file_count = file_count + (SELECT count(*) FROM back WHERE kind = 'file'),
                           last_change = last_change + 1
    WHERE owner_id = $1
    RETURNING last_change
), recorded AS (
    INSERT INTO files.changes (owner_id, number, what, file_id) SELECT $1, last_change, 'restored', $2 FROM counted
)
SELECT * FROM back WHERE id = $2;

-- name: trash_page
SELECT * FROM files.entries
WHERE owner_id = $1 AND trashed_with = id AND trashed_at IS NOT NULL AND purge_after > now()
  AND (trashed_at, id) < ($2::timestamptz, $3::uuid)
ORDER BY trashed_at DESC, id DESC LIMIT $4;

-- name: list_children
-- A page of one folder after a place; {column} {direction} {past} are filled in once for each sort.
SELECT id, kind, name, parent_id, size, content_type, sha256, revision, created_at, modified_at
FROM files.entries
WHERE owner_id = $1 AND parent_id = $5 AND trashed_at IS NULL AND ({column}, id) {past} ($2, $3::uuid)
ORDER BY {column} {direction}, id {direction} LIMIT $4;

-- name: list_children_by_name
-- The same by name: siblings' names differ, so no id has to break ties; $3 only keeps the pages' calls alike.
SELECT id, kind, name, parent_id, size, content_type, sha256, revision, created_at, modified_at
FROM files.entries
WHERE owner_id = $1 AND parent_id = $5 AND trashed_at IS NULL AND name {past} $2 AND $3::uuid IS NOT NULL
ORDER BY name {direction} LIMIT $4;

-- name: list_all
-- A page of all files of an owner.
SELECT id, kind, name, parent_id, size, content_type, sha256, revision, created_at, modified_at
FROM files.entries
WHERE owner_id = $1 AND trashed_at IS NULL AND kind = 'file' AND ({column}, id) {past} ($2, $3::uuid)
ORDER BY {column} {direction}, id {direction} LIMIT $4;

-- name: usage
SELECT used_bytes, reserved_bytes, file_count, coalesce(limit_bytes, $2::bigint) AS limit_bytes
FROM files.usage WHERE owner_id = $1;

-- name: condemn
-- Trashed entries whose grace is over leave the trash for good: their versions are `purging` from here on. Their
-- owners are locked as for every change, but nobody is waited for: who is busy is taken in a later round.
WITH due AS (
    SELECT e.owner_id, e.id FROM files.entries e JOIN files.usage g ON g.owner_id = e.owner_id
    WHERE e.trashed_at IS NOT NULL AND e.purge_after <= now()
    ORDER BY e.purge_after LIMIT $1 FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM files.entries e USING due WHERE e.owner_id = due.owner_id AND e.id = due.id
    RETURNING e.owner_id, e.id
), condemned AS (
    UPDATE files.versions v SET state = 'purging'
    FROM gone WHERE v.owner_id = gone.owner_id AND v.file_id = gone.id AND v.state IN ('stored', 'missing', 'purging')
    RETURNING v.owner_id, v.id
)
INSERT INTO files.purges (owner_id, upload_id) SELECT owner_id, id FROM condemned
ON CONFLICT (owner_id, upload_id) DO UPDATE SET due_at = least(purges.due_at, excluded.due_at);

-- name: lease_purges
UPDATE files.purges p SET lease_id = $1, leased_until = now() + $3::interval
FROM (SELECT owner_id, upload_id FROM files.purges
      WHERE due_at <= now() AND (leased_until IS NULL OR leased_until <= now())
      ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED) due
WHERE p.owner_id = due.owner_id AND p.upload_id = due.upload_id
RETURNING p.owner_id, p.upload_id,
          (SELECT v.key FROM files.versions v WHERE v.owner_id = p.owner_id AND v.id = p.upload_id) AS key,
          (SELECT u.multipart FROM files.uploads u
           WHERE u.owner_id = p.owner_id AND u.id = p.upload_id AND u.state <> 'complete') AS multipart,
          EXISTS (SELECT FROM files.uploads u
                  WHERE u.owner_id = p.owner_id AND u.id = p.upload_id AND u.part_size IS NOT NULL) AS tails;

-- name: lock_leased_owners
-- The owners of what is about to be finished, locked in one order.
SELECT owner_id FROM files.usage WHERE owner_id IN (
    SELECT p.owner_id FROM files.purges p
    JOIN unnest($2::uuid[], $3::uuid[]) AS r (owner_id, id) ON p.owner_id = r.owner_id AND p.upload_id = r.id
    WHERE p.lease_id = $1)
ORDER BY owner_id FOR UPDATE;

-- name: finish_purges
-- Deleted objects: the bytes are freed now, and not before. The first time the row becomes a tombstone;
-- the second time everything about the upload goes. The guard is the lease: a janitor that slept past its
-- own finds nothing here.
WITH mine AS (
    SELECT p.owner_id, p.upload_id, p.stage FROM files.purges p
    JOIN unnest($2::uuid[], $3::uuid[]) AS r (owner_id, id) ON p.owner_id = r.owner_id AND p.upload_id = r.id
    WHERE p.lease_id = $1
    FOR UPDATE OF p
), buried AS (
    UPDATE files.purges p
    SET stage = 'purged', lease_id = NULL, leased_until = NULL, due_at = now() + $4::interval
    FROM mine WHERE mine.stage = 'purging' AND p.owner_id = mine.owner_id AND p.upload_id = mine.upload_id
), freed AS (
    UPDATE files.versions v SET state = 'purged'
    FROM mine WHERE mine.stage = 'purging' AND v.owner_id = mine.owner_id AND v.id = mine.upload_id
              AND v.state = 'purging'
    RETURNING v.owner_id, v.id, v.file_id, v.size
), numbered AS (
    SELECT owner_id, file_id, row_number() OVER (PARTITION BY owner_id ORDER BY id) AS place FROM freed
), credited AS (
    UPDATE files.usage g SET used_bytes = used_bytes - t.size, last_change = last_change + t.n
    FROM (SELECT owner_id, sum(size)::bigint AS size, count(*) AS n FROM freed GROUP BY owner_id) t
    WHERE g.owner_id = t.owner_id
    RETURNING g.owner_id, g.last_change - t.n AS before
), recorded AS (
    INSERT INTO files.changes (owner_id, number, what, file_id)
    SELECT numbered.owner_id, credited.before + numbered.place, 'purged', numbered.file_id
    FROM numbered JOIN credited ON credited.owner_id = numbered.owner_id
), done AS (
    DELETE FROM files.purges p USING mine
    WHERE mine.stage = 'purged' AND p.owner_id = mine.owner_id AND p.upload_id = mine.upload_id
), versions_gone AS (
    DELETE FROM files.versions v USING mine
    WHERE mine.stage = 'purged' AND v.owner_id = mine.owner_id AND v.id = mine.upload_id
), parts_gone AS (
    DELETE FROM files.parts q USING mine WHERE q.owner_id = mine.owner_id AND q.upload_id = mine.upload_id
), uploads_gone AS (
    DELETE FROM files.uploads u USING mine
    WHERE mine.stage = 'purged' AND u.owner_id = mine.owner_id AND u.id = mine.upload_id
)
SELECT count(*) FROM mine;

-- name: known
SELECT EXISTS (SELECT FROM files.uploads u WHERE u.owner_id = r.owner_id AND u.id = r.id) AS known
FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS r (owner_id, id, place)
ORDER BY r.place;

-- name: remember
-- Take an idempotency key, or a used-up one of more than a day ago. No row: it is in use.
INSERT INTO files.idempotency (owner_id, key, fingerprint, made, answers) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (owner_id, key) DO UPDATE
    SET fingerprint = excluded.fingerprint, made = excluded.made, answers = excluded.answers, created_at = now()
    WHERE idempotency.created_at <= now() - interval '24 hours'
RETURNING made;

-- name: remembered
SELECT fingerprint, made, answers, created_at FROM files.idempotency
WHERE owner_id = $1 AND key = $2 AND created_at > now() - interval '24 hours';

-- name: try_key
-- Whether nobody else is busy with this owner's key; held to the end of the transaction.
SELECT pg_try_advisory_xact_lock(hashtextextended($1::text || ' ' || $2, 0));

-- name: forget_keys
DELETE FROM files.idempotency WHERE (owner_id, key) IN (
    SELECT owner_id, key FROM files.idempotency WHERE created_at <= now() - interval '24 hours' LIMIT 1000);

-- name: bury
INSERT INTO files.dead_letters (id, subject, reason, payload, deliveries) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (id) DO NOTHING;

-- name: queues
SELECT count(*) FILTER (WHERE state = 'pending') AS pending_uploads,
       count(*) FILTER (WHERE state = 'pending' AND expires_at <= now()) AS overdue_uploads,
       (SELECT count(*) FROM files.purges WHERE due_at <= now())
         + (SELECT count(*) FROM files.entries WHERE trashed_at IS NOT NULL AND purge_after <= now()) AS due_purges,
       (SELECT count(*) FROM files.dead_letters) AS dead_letters
FROM files.uploads WHERE next_check_at IS NOT NULL;

-- name: versions_after
-- A page of what must be in the store, for `check`.
SELECT owner_id, id, size, sha256, state, key FROM files.versions
WHERE (owner_id, id) > ($1, $2) AND state IN ('stored', 'missing') ORDER BY owner_id, id LIMIT $3;

-- name: mark_versions
-- The alarm and its end: `missing` is visible and never leads to a deletion.
UPDATE files.versions v SET state = CASE WHEN r.missing THEN 'missing' ELSE 'stored' END
FROM unnest($1::uuid[], $2::uuid[], $3::bool[]) AS r (owner_id, id, missing)
WHERE v.owner_id = r.owner_id AND v.id = r.id AND v.state IN ('stored', 'missing');
