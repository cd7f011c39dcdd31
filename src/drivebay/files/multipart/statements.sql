-- Statements on uploads in parts. Each changes one upload that is still pending, and needs no lock of its drive.
-- `$1` is the owner, `$2` the upload.

-- name: set_multipart_id
-- Record the store's multipart id ($3) and whether parts have checksums ($4), and extend the deadline by $5.
-- The first call determines both, and later calls only extend the deadline. Returns no row if the upload has ended. URLs
-- of parts are valid for the time $6. While one is valid, the parts are measured every minute.
UPDATE files.uploads
SET multipart = coalesce(multipart, $3),  -- guard: multipart-id-first
    checked = CASE WHEN multipart IS NULL THEN $4 ELSE checked END,
    expires_at = greatest(expires_at, now() + $5::interval),
    urls_until = now() + $6::interval * 2, next_check_at = least(next_check_at, now() + interval '1 minute')
WHERE owner_id = $1 AND id = $2 AND state = 'pending' AND part_size IS NOT NULL
RETURNING *;

-- name: extend_deadline
-- Extend the deadline once half of its time has passed, and record that URLs of parts live for the time $4. The statement
-- records twice that time, so that not every request writes. Returns no row if nothing changed.
UPDATE files.uploads
SET expires_at = greatest(expires_at, now() + $3::interval),
    urls_until = now() + $4::interval * 2, next_check_at = least(next_check_at, now() + interval '1 minute')
WHERE owner_id = $1 AND id = $2 AND state = 'pending'
  AND (expires_at < now() + $3::interval / 2  -- guard: multipart-deadline
       OR urls_until IS NULL OR urls_until < now() + $4::interval)  -- guard: parts-measured-again
RETURNING *;

-- name: insert_part_checksums
-- Record the checksums of parts before their URLs are signed. The first checksum of a part stays.
INSERT INTO files.parts (owner_id, upload_id, number, sha256)
SELECT $1, $2, r.number, r.sha256 FROM unnest($3::int[], $4::bytea[]) AS r (number, sha256)
ON CONFLICT (owner_id, upload_id, number) DO NOTHING;  -- guard: part-checksum-first

-- name: select_part_checksums
SELECT number, sha256 FROM files.parts WHERE owner_id = $1 AND upload_id = $2 ORDER BY number;

-- name: delete_part_checksums
-- Delete the checksums of several uploads ($1 owners, $2 ids) that have ended.
DELETE FROM files.parts p USING unnest($1::uuid[], $2::uuid[]) AS r (owner_id, id), files.uploads u
WHERE p.owner_id = r.owner_id AND p.upload_id = r.id
  AND u.owner_id = r.owner_id AND u.id = r.id AND u.state <> 'pending';

-- name: set_assembly_begun
-- Record in `assembled_at` the time at which the assembly begins, and the checksum of the parts' checksums ($3). The
-- next look-up is due in a second, and the deadline is at least $4 away, which is time for the assembly. Returns no row if
-- the upload has ended.
UPDATE files.uploads
SET assembled_at = coalesce(assembled_at, (SELECT now())), parts_sha256 = $3, checks = 0,
    next_check_at = now() + interval '1 second', expires_at = greatest(expires_at, now() + $4::interval)
WHERE owner_id = $1 AND id = $2 AND state = 'pending' AND part_size IS NOT NULL
RETURNING id;

-- name: is_assembly_begun
SELECT assembled_at IS NOT NULL FROM files.uploads WHERE owner_id = $1 AND id = $2;
