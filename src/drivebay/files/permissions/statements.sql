-- Statements on permissions. `$1` is the owner, unless stated otherwise. Changes hold the lock of the drive. All times come
-- from the database clock.

-- name: select_granted_above
-- The pairs of an item of $2 outside the trash and a granted item of $3, where the first is the second or is below it.
WITH RECURSIVE above AS (
    SELECT id AS item, id, parent_id, 1 AS depth FROM files.entries
    WHERE owner_id = $1 AND id = ANY($2::uuid[])  -- guard: owner-select-granted
      AND trashed_at IS NULL  -- guard: scope-trash
      AND files.nearest_trashed($1, parent_id) IS NULL  -- guard: scope-trash-above
    UNION ALL
    SELECT above.item, e.id, e.parent_id, above.depth + 1
    FROM above JOIN files.entries e ON e.id = above.parent_id
    WHERE e.owner_id = $1 AND above.depth < 1000  -- guard: owner-select-granted-above
)
SELECT item, id AS granted FROM above WHERE id = ANY($3::uuid[]);

-- name: select_sharing_limits
-- What decides whether the user $3 can get a permission on the item $2: whether they are a member, whether the drive is
-- deleted, and the numbers of other permissions on the item and of the user in the drive.
SELECT EXISTS (SELECT FROM files.members WHERE owner_id = $1 AND user_id = $3) AS is_member,
       EXISTS (SELECT FROM files.drives WHERE owner_id = $1 AND deleted_at IS NOT NULL) AS is_drive_deleted,
       (SELECT count(*) FROM files.permissions
        WHERE owner_id = $1 AND file_id = $2 AND user_id <> $3) AS of_item,  -- guard: owner-count-of-item
       (SELECT count(*) FROM files.permissions
        WHERE owner_id = $1 AND user_id = $3 AND file_id <> $2) AS of_user;  -- guard: owner-count-of-user

-- name: select_permission
SELECT user_id, role, created_by, created_at, NULL::uuid AS inherited_from, hides_email FROM files.permissions
WHERE owner_id = $1 AND file_id = $2 AND user_id = $3;  -- guard: owner-select-permission

-- name: select_permissions
-- The permissions of the item $2, then those of the folders above it, the nearest first.
WITH RECURSIVE above AS (
    SELECT id, parent_id, 0 AS depth FROM files.entries
    WHERE owner_id = $1 AND id = $2 AND trashed_at IS NULL  -- guard: owner-select-permissions-item
    UNION ALL
    SELECT e.id, e.parent_id, above.depth + 1 FROM above JOIN files.entries e ON e.id = above.parent_id
    WHERE e.owner_id = $1 AND above.depth < 1000  -- guard: owner-select-permissions-above
)
SELECT p.user_id, p.role, p.created_by, p.created_at, nullif(p.file_id, $2) AS inherited_from, p.hides_email
FROM above JOIN files.permissions p ON p.file_id = above.id
WHERE p.owner_id = $1  -- guard: owner-select-permissions
ORDER BY above.depth, p.created_at, p.user_id;

-- name: upsert_permission
-- Give the user $3 the role $4 on the item $2. $5 is the actor, $6 whether to hide the email address of the user. An
-- address that an earlier permission of the user on the item shows stays visible.
WITH given AS (
    INSERT INTO files.permissions AS p (owner_id, file_id, user_id, role, created_by, hides_email)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (owner_id, file_id, user_id) DO UPDATE
    SET role = excluded.role, created_by = excluded.created_by, hides_email = p.hides_email AND excluded.hides_email
    RETURNING owner_id, file_id, user_id, role, created_by, created_at, hides_email
), listed AS (
    INSERT INTO files.shared_with (user_id, owner_id, file_id, role, shared_by, shared_at)
    SELECT user_id, owner_id, file_id, role, created_by, created_at FROM given
    ON CONFLICT (user_id, owner_id, file_id) DO UPDATE SET role = excluded.role, shared_by = excluded.shared_by
), numbered AS (
    UPDATE files.usage SET last_change = last_change + 1 WHERE owner_id = $1  -- guard: owner-upsert-permission-usage
    RETURNING last_change
), changes AS (
    INSERT INTO files.changes (owner_id, number, what, file_id, actor_id)
    SELECT $1, last_change, 'shared', $2, $5 FROM numbered
)
SELECT user_id, role, created_by, created_at, NULL::uuid AS inherited_from, hides_email FROM given;

-- name: may_see_email
-- Whether the user $1 may see the email address of the user $2: $2 is a member of a drive of $1
-- and visible there, or has shared an item with $1, or $1 has shared an item with $2 by this address.
SELECT $1 = $2::uuid OR EXISTS (
    SELECT FROM files.members mine
    JOIN files.members theirs ON theirs.owner_id = mine.owner_id AND theirs.user_id = $2
      AND NOT theirs.hides_email  -- guard: email-hidden-member
    JOIN files.drives d ON d.owner_id = mine.owner_id AND d.deleted_at IS NULL
    WHERE mine.user_id = $1
) OR EXISTS (
    SELECT FROM files.shared_with s WHERE s.user_id = $1 AND s.shared_by = $2
) OR EXISTS (
    SELECT FROM files.shared_with s
    JOIN files.permissions p ON p.owner_id = s.owner_id AND p.file_id = s.file_id AND p.user_id = s.user_id
    WHERE s.user_id = $2 AND s.shared_by = $1 AND NOT p.hides_email  -- guard: email-hidden-permission
);

-- name: delete_permission
-- Delete the permission of the user $3 on the item $2. $4 is the actor. Returns no row if there is none.
WITH taken AS (
    DELETE FROM files.permissions
    WHERE owner_id = $1 AND file_id = $2 AND user_id = $3  -- guard: owner-delete-permission
    RETURNING owner_id, file_id, user_id
), unlisted AS (
    DELETE FROM files.shared_with s USING taken
    WHERE s.user_id = $3 AND s.owner_id = $1 AND s.file_id = taken.file_id
), numbered AS (
    -- guard: owner-delete-permission-usage
    UPDATE files.usage SET last_change = last_change + 1 WHERE owner_id = $1 AND EXISTS (SELECT FROM taken)
    RETURNING last_change
), changes AS (
    INSERT INTO files.changes (owner_id, number, what, file_id, actor_id)
    SELECT $1, last_change, 'shared', $2, $4 FROM numbered
)
SELECT user_id FROM taken;

-- name: delete_permissions_of_user
-- Delete all permissions of the user $2 in a drive: they became a member, or their account is deleted.
WITH taken AS (
    DELETE FROM files.permissions WHERE owner_id = $1 AND user_id = $2  -- guard: owner-delete-permissions-of-user
    RETURNING owner_id, file_id, user_id
)
DELETE FROM files.shared_with s USING taken
WHERE s.user_id = $2 AND s.owner_id = $1 AND s.file_id = taken.file_id;

-- name: delete_permissions_given_until
-- Delete the permissions that were given until the time $2 in the personal drive of the user $1, or by this user in other
-- drives. The feeds of these drives do not show the deletion, because each feed would need the lock of its drive.
WITH taken AS (
    DELETE FROM files.permissions
    WHERE (owner_id = $1 OR created_by = $1) AND created_at <= $2  -- guard: end-sharing-permissions
    RETURNING owner_id, file_id, user_id
)
DELETE FROM files.shared_with s USING taken
WHERE s.user_id = taken.user_id AND s.owner_id = taken.owner_id AND s.file_id = taken.file_id;

-- name: delete_permissions_of_drive
-- Delete all permissions in a drive, which is deleted.
WITH taken AS (
    DELETE FROM files.permissions WHERE owner_id = $1  -- guard: owner-delete-permissions-of-drive
    RETURNING owner_id, file_id, user_id
)
DELETE FROM files.shared_with s USING taken
WHERE s.user_id = taken.user_id AND s.owner_id = taken.owner_id AND s.file_id = taken.file_id;

-- name: list_sharing_drives
-- Up to $2 drives in which the user $1 has permissions.
SELECT DISTINCT owner_id FROM files.shared_with WHERE user_id = $1 ORDER BY owner_id LIMIT $2;

-- name: list_shared_with
-- The items that are shared with the user $1, the latest first, after the position ($2 time, $3 drive, $4 item). Up to $5.
SELECT s.role, s.shared_by, s.shared_at, e.id, e.owner_id, e.kind, e.name, e.parent_id, e.size, e.content_type, e.sha256,
       e.revision, e.created_at, e.modified_at, e.version_id, e.starred, e.properties, e.created_by, e.modified_by
FROM files.shared_with s
JOIN files.entries e ON e.owner_id = s.owner_id AND e.id = s.file_id
  AND e.trashed_at IS NULL  -- guard: shared-items-trash
  AND files.nearest_trashed(e.owner_id, e.parent_id) IS NULL  -- guard: shared-items-trash-above
WHERE s.user_id = $1  -- guard: shared-items-user
  AND (s.shared_at, s.owner_id, s.file_id) < ($2::timestamptz, $3::uuid, $4::uuid)
  AND NOT EXISTS (SELECT FROM files.drives d
                  WHERE d.owner_id = s.owner_id AND d.deleted_at IS NOT NULL)
ORDER BY s.shared_at DESC, s.owner_id DESC, s.file_id DESC LIMIT $5;
