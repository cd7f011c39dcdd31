-- Statements on files.usage, the row that holds the lock of a drive, bytes and limits.
-- All times come from the database clock.

-- name: lock_usage
-- Lock the row of a drive, and insert it if it does not exist. $2 is the quota of a drive without a quota of its own.
-- Every change of the entries of a drive takes this lock first. The transaction waits for a lock at most $3 milliseconds.
INSERT INTO files.usage (owner_id)
SELECT $1::uuid FROM (SELECT set_config('lock_timeout', $3::text, true)) AS timeout  -- guard: lock-timeout
ON CONFLICT (owner_id) DO UPDATE SET owner_id = excluded.owner_id
RETURNING used_bytes, reserved_bytes, open_uploads, coalesce(limit_bytes, $2::bigint) AS limit_bytes, entry_count,
          purge_count;

-- name: lock_owners
-- Lock the rows of several drives, and return the drives. The order by id prevents deadlocks. The transaction waits for a
-- lock at most $2 milliseconds.
SELECT g.owner_id FROM files.usage g, (SELECT set_config('lock_timeout', $2::text, true)) AS timeout
WHERE g.owner_id = ANY($1::uuid[]) ORDER BY g.owner_id FOR UPDATE OF g;

-- name: lock_free_owners
-- Lock the rows of those drives that are not locked, and return the drives.
SELECT owner_id FROM files.usage WHERE owner_id = ANY($1::uuid[]) ORDER BY owner_id
FOR UPDATE SKIP LOCKED;  -- guard: lock-free-owners

-- name: reserve_bytes
-- Reserve $2 bytes for one new upload. The caller holds the lock and has checked the limits.
-- guard: owner-reserve-bytes
UPDATE files.usage SET reserved_bytes = reserved_bytes + $2, open_uploads = open_uploads + 1 WHERE owner_id = $1;

-- name: select_usage
-- `file_count` counts the files that are not trashed themselves. Those that a trashed folder hides are subtracted.
SELECT used_bytes, reserved_bytes, coalesce(limit_bytes, $2::bigint) AS limit_bytes,
       greatest(file_count - hidden_files, 0) AS file_count
FROM files.usage WHERE owner_id = $1;  -- guard: owner-select-usage

-- name: set_quota
-- The caller holds the lock. A null is the quota of the deployment.
UPDATE files.usage SET limit_bytes = $2 WHERE owner_id = $1;  -- guard: owner-set-quota

-- name: select_usages
SELECT owner_id, used_bytes, reserved_bytes, coalesce(limit_bytes, $2::bigint) AS limit_bytes,
       greatest(file_count - hidden_files, 0) AS file_count
FROM files.usage WHERE owner_id = ANY($1::uuid[]);

-- name: list_usages
-- A page of the owners with stored bytes, the smallest first, after $1 bytes and the owner $2. There is no index on the
-- bytes: it would cost every upload, and only admins sort by them.
SELECT owner_id, used_bytes, reserved_bytes, coalesce(limit_bytes, $4::bigint) AS limit_bytes,
       greatest(file_count - hidden_files, 0) AS file_count
FROM files.usage WHERE used_bytes > 0 AND (used_bytes, owner_id) > ($1::bigint, $2::uuid)
ORDER BY used_bytes, owner_id LIMIT $3;

-- name: list_usages_descending
SELECT owner_id, used_bytes, reserved_bytes, coalesce(limit_bytes, $4::bigint) AS limit_bytes,
       greatest(file_count - hidden_files, 0) AS file_count
FROM files.usage WHERE used_bytes > 0 AND (used_bytes, owner_id) < ($1::bigint, $2::uuid)
ORDER BY used_bytes DESC, owner_id DESC LIMIT $3;

-- name: select_totals
SELECT (SELECT count(*) FROM files.drives WHERE deleted_at IS NULL) AS shared_drives,
       coalesce(sum(greatest(file_count - hidden_files, 0)), 0)::bigint AS file_count,
       coalesce(sum(used_bytes), 0)::bigint AS used_bytes, coalesce(sum(reserved_bytes), 0)::bigint AS reserved_bytes
FROM files.usage;
