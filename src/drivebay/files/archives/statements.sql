-- Statements on archives. `$1` is the owner, unless stated otherwise. All times come from the database clock.

-- name: select_root_entries
-- At most $3 entries of the root $2.
SELECT id FROM files.entries
WHERE owner_id = $1 AND parent_id = $2 AND trashed_at IS NULL LIMIT $3;  -- guard: owner-archive-root

-- name: lock_archives_of
-- Let one transaction at a time create archives of $1: a user, or the link of a holder without an account.
SELECT pg_advisory_xact_lock(hashtextextended('archives ' || $1::uuid::text, 0));

-- name: count_archived_entries
-- The number of entries in the archives of $1 (as above) that have not expired. An archive counts as at least 1.
-- Holders of links must not use up the limit of the drive's user.
SELECT coalesce(sum(greatest(entry_count, 1)), 0)::bigint FROM files.archives
WHERE coalesce(created_by, link_id, owner_id) = $1 AND expires_at > now();  -- guard: archive-count-link

-- name: insert_archive
-- $9 to $11 are set if the holder of a link creates the archive: the link, the hash of the password of the link, and the
-- number of this download of the link.
INSERT INTO files.archives (owner_id, id, name, created_by, chosen, entry_count, size, expires_at, link_id, link_lock,
                            link_count)
VALUES ($1, $2, $3, $4, $5, $6, $7, now() + $8::interval, $9, $10, $11) RETURNING expires_at;

-- name: insert_archive_entries
-- Arrays, in the order of the positions: $3 paths, $4 sizes, $5 times, $6 keys, $7 versions. If the object has a
-- CRC-32, the entry gets it.
INSERT INTO files.archive_entries (owner_id, archive_id, position, path, size, modified_at, key, object_id, crc_size, crc32)
SELECT $1, $2, r.position - 1, r.path, r.size, r.modified_at, r.key, o.id,
       CASE WHEN o.crc32 IS NULL THEN 0 ELSE r.size END, coalesce(o.crc32, 0)
FROM unnest($3::text[], $4::bigint[], $5::timestamptz[], $6::text[], $7::uuid[])
    WITH ORDINALITY AS r (path, size, modified_at, key, version_id, position)
LEFT JOIN files.versions v ON v.owner_id = $1 AND v.id = r.version_id  -- guard: owner-archived-versions
-- guard: owner-archived-objects
LEFT JOIN files.objects o ON o.owner_id = $1 AND o.id = coalesce(v.object_id, v.id) AND o.size = r.size;

-- name: select_archive
-- `link_file` is the item of the link of its creator, null without a link. Returns no row if the archive has expired, or
-- if its link has ended. The archive that used the last download of a link does not end.
SELECT a.name, a.created_by, a.chosen, a.entry_count, a.size, a.expires_at, l.file_id AS link_file
FROM files.archives a
-- guard: owner-select-archive-link
LEFT JOIN files.links l ON l.owner_id = a.owner_id AND l.id = a.link_id
    AND (l.expires_at IS NULL OR l.expires_at > now())  -- guard: archive-link-expiry
    AND (l.max_downloads IS NULL OR l.downloads < l.max_downloads OR l.downloads = a.link_count)  -- guard: archive-link-spent
    AND l.password_hash IS NOT DISTINCT FROM a.link_lock  -- guard: archive-link-password
    -- guard: archive-link-item
    AND EXISTS (SELECT FROM files.entries e WHERE e.owner_id = l.owner_id AND e.id = l.file_id AND e.trashed_at IS NULL)
LEFT JOIN files.drives d ON d.owner_id = a.owner_id
WHERE a.owner_id = $1 AND a.id = $2  -- guard: owner-select-archive
  AND a.expires_at > now()  -- guard: archive-expiry
  AND (a.link_id IS NULL OR l.id IS NOT NULL AND d.deleted_at IS NULL);  -- guard: archive-link

-- name: select_archive_entries
-- At most $4 entries from the position $3 on.
SELECT path, size, modified_at, key, crc_size, crc32 FROM files.archive_entries
WHERE owner_id = $1 AND archive_id = $2 AND position >= $3  -- guard: owner-select-archive-entries
ORDER BY position LIMIT $4;

-- name: update_archive_crcs
-- Arrays: $3 positions, $4 sizes, $5 values.
UPDATE files.archive_entries e SET crc_size = r.size, crc32 = r.crc32
FROM unnest($3::int[], $4::bigint[], $5::bigint[]) AS r (position, size, crc32)
WHERE e.owner_id = $1 AND e.archive_id = $2 AND e.position = r.position  -- guard: owner-update-archive-crcs
  AND r.size > e.crc_size  -- guard: archive-crc-progress
  AND r.size <= e.size AND e.key IS NOT NULL;

-- name: update_object_crcs
-- Keep the complete CRC-32 values of the entries at the positions $3 of an archive with their objects. Every change of an
-- owner's rows takes the lock of the drive. If another transaction has it, the values are left out: the download must
-- not wait, and a later archive computes them again.
WITH owner AS (
    SELECT owner_id FROM files.usage WHERE owner_id = $1 FOR UPDATE SKIP LOCKED  -- guard: object-crc-lock
)
UPDATE files.objects o SET crc32 = e.crc32
FROM owner JOIN files.archive_entries e ON e.owner_id = $1  -- guard: owner-complete-entries
WHERE e.archive_id = $2 AND e.position = ANY ($3::int[]) AND e.crc_size = e.size  -- guard: object-crc-complete
  AND o.owner_id = $1 AND o.id = e.object_id  -- guard: owner-update-object-crcs
  AND o.size = e.size AND o.crc32 IS NULL;

-- name: delete_expired_archives
-- Delete at most $1 archives. Other processes may do the same.
WITH expired AS (
    SELECT owner_id, id FROM files.archives WHERE expires_at <= now() LIMIT $1 FOR UPDATE SKIP LOCKED
), entries AS (
    DELETE FROM files.archive_entries e USING expired
    WHERE e.owner_id = expired.owner_id AND e.archive_id = expired.id  -- guard: owner-delete-archive-entries
)
DELETE FROM files.archives a USING expired
WHERE a.owner_id = expired.owner_id AND a.id = expired.id;  -- guard: owner-delete-archives

-- name: end_archives
-- Let the archives of the drive $1 expire now. $1 is also the id of the user who owns the drive. The archives that this
-- user created in other drives expire too.
UPDATE files.archives SET expires_at = now() WHERE (owner_id = $1 OR created_by = $1) AND expires_at > now();

-- name: end_archives_before
-- Let the archives that the user $1 has created until $2 expire now.
UPDATE files.archives SET expires_at = now() WHERE created_by = $1 AND created_at <= $2 AND expires_at > now();
