-- Statements for operators: dead letters, the backlog, and the versions whose object must exist.
-- All times come from the database clock.

-- name: insert_dead_letter
INSERT INTO files.dead_letters (id, subject, reason, payload, deliveries) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (id) DO NOTHING;

-- name: trim_changes
-- Delete about $1 of the oldest changes, if they are older than $2. Each owner keeps the highest deleted number, so that
-- the check for gaps still works.
WITH old AS (
    SELECT owner_id, number FROM files.changes
    WHERE at < now() - $2::interval  -- guard: trim-age
    ORDER BY at LIMIT $1
), locked AS (
    -- Skip owners that are locked: a later call trims their changes.
    SELECT g.owner_id, last.number
    FROM (SELECT owner_id, max(number) AS number FROM old GROUP BY owner_id) last
    JOIN files.usage g ON g.owner_id = last.owner_id
    FOR UPDATE OF g SKIP LOCKED
), marked AS (
    UPDATE files.usage g SET trimmed_changes = greatest(g.trimmed_changes, locked.number)
    FROM locked WHERE g.owner_id = locked.owner_id  -- guard: owner-trim-usage
), deleted AS (
    -- Delete up to that number without a gap. A change that waited for the lock may be slightly younger.
    DELETE FROM files.changes c USING locked
    WHERE c.owner_id = locked.owner_id  -- guard: owner-trim-changes
      AND c.number <= locked.number
    RETURNING c.number
)
SELECT count(*) FROM deleted;

-- name: select_backlog
SELECT count(*) FILTER (WHERE state = 'pending') AS pending_uploads,
       count(*) FILTER (WHERE state = 'pending' AND expires_at <= now()) AS overdue_uploads,
       (SELECT count(*) FROM files.purges WHERE due_at <= now())
         + (SELECT count(*) FROM files.purges WHERE attempts > 0 AND due_at > now())  -- guard: backlog-failed-purges
         + (SELECT count(*) FROM files.entries WHERE trashed_at IS NOT NULL AND purge_after <= now())
         + (SELECT coalesce(sum(hidden_files), 0)::bigint FROM files.entries
            WHERE trashed_at IS NOT NULL AND kind = 'folder' AND purge_after <= now()) AS due_purges,  -- guard: backlog-hidden-files
       (SELECT count(*) FROM files.dead_letters) AS dead_letters
FROM files.uploads WHERE next_check_at IS NOT NULL;

-- name: select_versions_after
-- A page of the versions whose object must exist, after the owner $1 and the id $2.
SELECT owner_id, id, size, sha256, state = 'missing' AS is_missing, key FROM files.versions
WHERE (owner_id, id) > ($1, $2) AND state IN ('stored', 'missing') ORDER BY owner_id, id LIMIT $3;

-- name: mark_missing
-- Mark versions whose object is missing, or exists again. Arrays: $1 owners, $2 ids, $3 missing.
-- `missing` is an alarm and never leads to a deletion.
UPDATE files.versions v SET state = CASE WHEN r.missing THEN 'missing' ELSE 'stored' END
FROM unnest($1::uuid[], $2::uuid[], $3::bool[]) AS r (owner_id, id, missing)
WHERE v.owner_id = r.owner_id AND v.id = r.id AND v.state IN ('stored', 'missing');  -- guard: owner-mark-missing
