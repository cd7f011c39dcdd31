-- Statements on links. `$1` is the drive, unless stated otherwise. All times come from the database clock.

-- name: count_links
SELECT count(*) FROM files.links WHERE owner_id = $1;  -- guard: owner-count-links

-- name: insert_link
-- Insert the link $2 to the entry $3: $4 is the hash of its token, $5 role, $6 name, $7 password hash, $8 expiry time, $9
-- limit of downloads, $10 the actor. Returns no row if there is no such entry, or if it is in the trash.
WITH inserted AS (
    INSERT INTO files.links (owner_id, id, file_id, token_hash, role, name, password_hash, expires_at, max_downloads,
                             created_by)
    SELECT e.owner_id, $2::uuid, e.id, $4::bytea, $5::text, $6::text, $7::text, $8::timestamptz, $9::int, $10::uuid
    FROM files.entries e
    WHERE e.owner_id = $1 AND e.id = $3 AND e.trashed_at IS NULL  -- guard: owner-insert-link
    RETURNING *
), numbered AS (
    -- Take the number of the change, if a link was inserted.
    -- guard: owner-insert-link-usage
    UPDATE files.usage SET last_change = last_change + 1 WHERE owner_id = $1 AND EXISTS (SELECT FROM inserted)
    RETURNING last_change
), changes AS (
    INSERT INTO files.changes (owner_id, number, what, file_id, actor_id)
    SELECT $1, last_change, 'shared', $3::uuid, $10 FROM numbered
)
SELECT * FROM inserted;

-- name: select_link
-- A link that the actor $3 may change, because the actor created it. If $3 is null, every link of the drive qualifies.
SELECT * FROM files.links
WHERE owner_id = $1 AND id = $2 AND ($3::uuid IS NULL OR created_by = $3);  -- guard: owner-select-link, link-creator

-- name: list_links
-- Up to $5 links before the link $4, newest first: of the entry $3 and of the actor $2, where these are not null.
SELECT * FROM files.links
WHERE owner_id = $1 AND id < $4::uuid  -- guard: owner-list-links
  AND ($2::uuid IS NULL OR created_by = $2)  -- guard: list-links-creator
  AND ($3::uuid IS NULL OR file_id = $3)
ORDER BY id DESC LIMIT $5;

-- name: update_link
-- Set the name, the password hash, the expiry time and the limit of downloads of a link.
UPDATE files.links SET name = $3, password_hash = $4, expires_at = $5, max_downloads = $6
WHERE owner_id = $1 AND id = $2 RETURNING *;  -- guard: owner-update-link

-- name: delete_link
-- Delete a link. $3 is the actor. Returns no row if there is no such link.
WITH deleted AS (
    DELETE FROM files.links WHERE owner_id = $1 AND id = $2 RETURNING file_id  -- guard: owner-delete-link
), numbered AS (
    -- Take the number of the change, if a link was deleted.
    -- guard: owner-delete-link-usage
    UPDATE files.usage SET last_change = last_change + 1 WHERE owner_id = $1 AND EXISTS (SELECT FROM deleted)
    RETURNING last_change
), changes AS (
    INSERT INTO files.changes (owner_id, number, what, file_id, actor_id)
    SELECT $1, numbered.last_change, 'shared', deleted.file_id, $3 FROM numbered, deleted
)
SELECT file_id FROM deleted;

-- name: delete_links_of_user
-- Delete the links in the personal drive of the user $1, and those that the user created elsewhere. The feeds of these
-- drives do not show it: each would need the lock of its drive.
DELETE FROM files.links WHERE owner_id = $1 OR created_by = $1;

-- name: delete_links_of_user_before
-- As `delete_links_of_user`, but only links that were created up to the time $2.
DELETE FROM files.links
WHERE (owner_id = $1 OR created_by = $1) AND created_at <= $2;  -- guard: end-sharing-links

-- name: select_link_by_token
-- The link whose token has the hash $1, with its item, unless the link has ended. With $2, a link without a download left
-- is returned too.
SELECT l.*, e.name AS item_name, e.kind AS item_kind, e.size AS item_size,
       e.content_type AS item_type
FROM files.links l
JOIN files.entries e ON e.owner_id = l.owner_id AND e.id = l.file_id AND e.trashed_at IS NULL  -- guard: link-trashed
  AND files.nearest_trashed(e.owner_id, e.parent_id) IS NULL  -- guard: link-trash-above
LEFT JOIN files.drives d ON d.owner_id = l.owner_id
WHERE l.token_hash = $1
  AND (l.expires_at IS NULL OR l.expires_at > now())  -- guard: link-expiry
  AND (l.max_downloads IS NULL OR l.downloads < l.max_downloads OR $2::bool)  -- guard: link-spent
  AND d.deleted_at IS NULL;  -- guard: link-deleted-drive

-- name: count_pending_uploads
-- How many uploads of the drive $1 are pending whose note begins with $2.
SELECT count(*) FROM files.uploads WHERE owner_id = $1 AND state = 'pending' AND starts_with(note, $2);

-- name: count_link_download
-- Count one download of the link $2, whose password hash must still be $3, and return the number of downloads. Returns no
-- row if the link has ended or has no download left.
-- If two of these statements run at once, the second statement waits and sees the count of the first.
UPDATE files.links SET downloads = downloads + 1
WHERE owner_id = $1 AND id = $2 AND password_hash IS NOT DISTINCT FROM $3
  AND (expires_at IS NULL OR expires_at > now())
  AND (max_downloads IS NULL OR downloads < max_downloads)  -- guard: link-count
RETURNING downloads;

-- name: take_password_attempt
-- Use one attempt at the password of the link $2 by the client $3. A client has $5 attempts, and regains an attempt after
-- each interval $4. Returns no row if no attempt is left. The attempts are a token bucket, which is full at `full_at`. Some
-- buckets of other clients that have been full for an hour are deleted. Locked buckets are skipped, so that two clients do
-- not wait for each other's buckets.
WITH old AS (
    SELECT client FROM files.link_attempts
    WHERE owner_id = $1 AND link_id = $2 AND client <> $3 AND full_at < now() - interval '1 hour'
    LIMIT 100 FOR UPDATE SKIP LOCKED
), deleted AS (
    DELETE FROM files.link_attempts WHERE owner_id = $1 AND link_id = $2 AND client IN (SELECT client FROM old)
)
INSERT INTO files.link_attempts AS a (owner_id, link_id, client, full_at)
VALUES ($1, $2, $3, clock_timestamp() + $4::interval)
ON CONFLICT (owner_id, link_id, client) DO UPDATE
SET full_at = greatest(a.full_at, clock_timestamp()) + $4::interval
WHERE a.full_at <= clock_timestamp() + $4::interval * ($5::int - 1)  -- guard: link-password-attempts
RETURNING full_at;

-- name: refill_password_attempts
DELETE FROM files.link_attempts WHERE owner_id = $1 AND link_id = $2 AND client = $3;
