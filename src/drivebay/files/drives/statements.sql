-- Statements on shared drives and their members. `$1` is the drive, unless stated otherwise. Changes hold the lock of
-- the drive's row in files.usage. All times come from the database clock.

-- name: select_access
-- The role of the user $2 as a member, without an item, and their permissions on items. Returns no row if the drive
-- does not exist or is deleted, or if nothing in it is shared with the user.
SELECT NULL::uuid AS file_id, m.role FROM files.members m JOIN files.drives d ON d.owner_id = m.owner_id
WHERE m.owner_id = $1 AND m.user_id = $2  -- guard: drive-member
  AND d.deleted_at IS NULL  -- guard: drive-deleted
UNION ALL
SELECT p.file_id, p.role FROM files.permissions p
WHERE p.owner_id = $1 AND p.user_id = $2  -- guard: permission-user
  AND NOT EXISTS (SELECT FROM files.drives d
                  WHERE d.owner_id = p.owner_id AND d.deleted_at IS NOT NULL);

-- name: select_drive
-- A drive with its usage and the role of the user $2. $3 is the quota of a drive without a quota of its own.
SELECT d.owner_id, d.name, m.role, d.created_at, d.created_by, coalesce(g.used_bytes, 0) AS used_bytes,
       coalesce(g.reserved_bytes, 0) AS reserved_bytes, coalesce(g.limit_bytes, $3::bigint) AS limit_bytes,
       greatest(coalesce(g.file_count - g.hidden_files, 0), 0) AS file_count
FROM files.drives d JOIN files.members m ON m.owner_id = d.owner_id AND m.user_id = $2
LEFT JOIN files.usage g ON g.owner_id = d.owner_id
WHERE d.owner_id = $1 AND d.deleted_at IS NULL;

-- name: list_drives_of_user
-- The shared drives of the user $1 after the drive $2, by id, with usage as in `select_drive`.
SELECT d.owner_id, d.name, m.role, d.created_at, d.created_by, coalesce(g.used_bytes, 0) AS used_bytes,
       coalesce(g.reserved_bytes, 0) AS reserved_bytes, coalesce(g.limit_bytes, $4::bigint) AS limit_bytes,
       greatest(coalesce(g.file_count - g.hidden_files, 0), 0) AS file_count
FROM files.members m JOIN files.drives d ON d.owner_id = m.owner_id AND d.deleted_at IS NULL
LEFT JOIN files.usage g ON g.owner_id = m.owner_id
WHERE m.user_id = $1 AND m.owner_id > $2
ORDER BY m.owner_id LIMIT $3;

-- name: count_drives_of_creator
-- The drives that the user $1 has created and whose grace period has not passed.
SELECT count(*) FROM files.drives WHERE created_by = $1 AND (deleted_at IS NULL OR purge_after > now());

-- name: insert_drive
-- Create a drive named $2 with the user $3 as its manager.
WITH drive AS (
    INSERT INTO files.drives (owner_id, name, created_by) VALUES ($1, $2, $3) RETURNING owner_id, created_by, created_at
), manager AS (
    INSERT INTO files.members (owner_id, user_id, role) SELECT owner_id, created_by, 'manager' FROM drive
)
SELECT created_at FROM drive;

-- name: update_drive_name
UPDATE files.drives SET name = $2 WHERE owner_id = $1 AND deleted_at IS NULL RETURNING owner_id;

-- name: delete_drive
-- The rows of the members stay until the drive is purged. No statement gives access to a deleted drive.
UPDATE files.drives SET deleted_at = now(), purge_after = now() + $2::interval
WHERE owner_id = $1 AND deleted_at IS NULL RETURNING owner_id;

-- name: select_members
-- The members of a drive that is not deleted. A drive has at least one member.
SELECT m.user_id, m.role, m.hides_email FROM files.members m JOIN files.drives d ON d.owner_id = m.owner_id
WHERE m.owner_id = $1 AND d.deleted_at IS NULL ORDER BY m.user_id;

-- name: select_successor
-- The member who manages the drive when the user $2 leaves it: another manager, else the editor who was added first, else
-- the viewer who was added first.
SELECT user_id, role FROM files.members WHERE owner_id = $1 AND user_id <> $2
ORDER BY array_position(ARRAY['manager', 'editor', 'viewer'], role), added_at, user_id LIMIT 1;

-- name: list_drives_to_leave
-- Up to $2 drives that the user $1 is a member of and that are not deleted.
SELECT m.owner_id FROM files.members m JOIN files.drives d ON d.owner_id = m.owner_id AND d.deleted_at IS NULL
WHERE m.user_id = $1 ORDER BY m.owner_id LIMIT $2;

-- name: upsert_member
-- $4: whether to hide the email address. An address that is visible stays visible.
INSERT INTO files.members AS m (owner_id, user_id, role, hides_email) VALUES ($1, $2, $3, $4)
ON CONFLICT (owner_id, user_id) DO UPDATE
SET role = excluded.role, hides_email = m.hides_email AND excluded.hides_email
RETURNING hides_email;

-- name: delete_member
DELETE FROM files.members WHERE owner_id = $1 AND user_id = $2;

-- name: expire_entries_of_deleted_drives
-- Trash up to $1 entries in the root of deleted drives whose grace period has passed, so that the next purge deletes them with
-- everything below them. Locked drives are skipped. A later round trashes their entries.
WITH due AS (
    SELECT e.owner_id, e.id FROM files.drives d
    JOIN files.usage g ON g.owner_id = d.owner_id
    JOIN files.entries e ON e.owner_id = d.owner_id
    WHERE d.purge_after <= now()  -- guard: drive-grace-period
      AND e.parent_id = '00000000-0000-0000-0000-000000000000' AND e.trashed_at IS NULL
    LIMIT $1
    FOR UPDATE OF g, e SKIP LOCKED
), expired AS (
    UPDATE files.entries e SET trashed_at = now(), purge_after = now(), trashed_with = e.id, revision = e.revision + 1
    FROM due WHERE e.owner_id = due.owner_id AND e.id = due.id
    RETURNING e.owner_id, e.kind
)
UPDATE files.usage g SET file_count = file_count - t.n
FROM (SELECT owner_id, count(*) FILTER (WHERE kind = 'file') AS n FROM expired GROUP BY owner_id) t
WHERE g.owner_id = t.owner_id;
