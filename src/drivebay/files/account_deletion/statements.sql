-- Statements on the drive of a deleted account. `$1` is the drive. None needs a lock.

-- name: list_uploads_to_abort
-- Up to $2 uploads that can still become files.
SELECT id FROM files.uploads
WHERE owner_id = $1 AND state IN ('pending', 'expired')  -- guard: owner-list-uploads-to-abort
LIMIT $2;

-- name: list_top_entries
-- Up to $3 entries in the root $2 that are not in the trash.
SELECT id FROM files.entries
WHERE owner_id = $1 AND parent_id = $2 AND trashed_at IS NULL  -- guard: owner-list-top-entries
LIMIT $3;

-- name: is_purged
-- Whether no entry is left, no upload can become a file, and every object is deleted. Tombstones may be left.
SELECT NOT EXISTS (
    SELECT FROM files.entries WHERE owner_id = $1  -- guard: owner-is-purged-entries
) AND NOT EXISTS (
    SELECT FROM files.uploads WHERE owner_id = $1 AND state IN ('pending', 'expired')  -- guard: owner-is-purged-uploads
) AND NOT EXISTS (
    SELECT FROM files.purges WHERE owner_id = $1 AND stage = 'purging'
);
