-- Statements on copies into other drives. `$1` is the drive that gets the copy and `$2` the job, unless stated otherwise. No
-- statement reads two drives. All times come from the database clock.

-- name: select_original
-- The file $2 of the drive $1, with its current version.
SELECT 0::bigint AS ordinal, e.id, e.kind, e.name, e.size, e.content_type, e.sha256, e.modified_at, e.properties, v.id AS version,
       v.key, v.etag, v.part_size, v.parts_sha256, o.crc32
FROM files.entries e
LEFT JOIN files.versions v ON v.owner_id = e.owner_id AND v.id = e.version_id
LEFT JOIN files.objects o ON o.owner_id = v.owner_id AND o.id = coalesce(v.object_id, v.id)
WHERE e.owner_id = $1 AND e.id = $2 AND e.trashed_at IS NULL AND files.nearest_trashed($1, e.parent_id) IS NULL;

-- name: list_originals
-- The next entries of the drive $1 to copy, up to $5. Arrays: $2 ordinals of folders, $3 folders, $4 the last copied name in
-- each.
SELECT f.ordinal, child.*
FROM unnest($2::bigint[], $3::uuid[], $4::text[]) AS f (ordinal, folder_id, after)
CROSS JOIN LATERAL (
    SELECT e.id, e.kind, e.name, e.size, e.content_type, e.sha256, e.modified_at, e.properties, v.id AS version, v.key,
           v.etag, v.part_size, v.parts_sha256, o.crc32
    FROM files.entries e
    LEFT JOIN files.versions v ON v.owner_id = e.owner_id AND v.id = e.version_id
    LEFT JOIN files.objects o ON o.owner_id = v.owner_id AND o.id = coalesce(v.object_id, v.id)
    WHERE e.owner_id = $1 AND e.parent_id = f.folder_id AND e.trashed_at IS NULL  -- guard: owner-list-foreign-originals
      AND e.name > f.after  -- guard: drive-copy-copied-name
    ORDER BY e.name LIMIT $5) child
ORDER BY f.ordinal, child.name LIMIT $5;

-- name: select_folders_below
-- The folders in $2, of the drive $1, that are the folder $3 or are below it.
WITH RECURSIVE above AS (
    SELECT f.id AS start, f.id, 1 AS steps FROM unnest($2::uuid[]) AS f (id)
    UNION ALL
    SELECT above.start, e.parent_id, above.steps + 1
    FROM above JOIN files.entries e ON e.owner_id = $1 AND e.id = above.id AND e.trashed_at IS NULL  -- guard: owner-folders-below
    WHERE above.id <> $3 AND above.steps < 1000
)
SELECT start FROM above WHERE id = $3;

-- name: list_open_folders
-- Up to $3 folders whose contents are not copied yet.
SELECT ordinal, folder_id, copy_id, depth, after FROM files.job_folders
WHERE owner_id = $1 AND job_id = $2 AND NOT is_done ORDER BY ordinal LIMIT $3;

-- name: insert_hidden_folders
-- Insert hidden copies of folders. Arrays: $3 ids, $4 parents, $5 names, $6 modification times, $7 properties. $8 is the actor, $9
-- the time of the job.
INSERT INTO files.entries (owner_id, id, parent_id, kind, name, modified_at, properties, created_by, modified_by, trashed_at,
                           purge_after, trashed_with)
SELECT $1, f.id, f.parent_id, 'folder', f.name, f.modified_at, f.properties, $8::uuid, $8::uuid, $9::timestamptz, 'infinity', $2
FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::timestamptz[], $7::jsonb[]) AS f (id, parent_id, name, modified_at, properties);

-- name: plan_objects
-- Record the objects that the store copies next, and reserve their bytes. Arrays: $3 uploads, $4 files, $5 parents, $6 names,
-- $7 sizes, $8 content types, $9 checksums, $10 modification times, $11 properties, $12 keys, $13 ETags, $14 sizes of parts,
-- $15 checksums of parts, $16 CRC-32s. $17 is the actor. An object that is not copied after the time $18 fails the job.
WITH planned AS (
    SELECT * FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::bigint[], $8::text[], $9::bytea[],
                         $10::timestamptz[], $11::jsonb[], $12::text[], $13::text[], $14::bigint[], $15::bytea[], $16::bigint[])
        AS p (upload_id, file_id, parent_id, name, size, content_type, sha256, modified_at, properties, key, etag, part_size,
              parts_sha256, crc32)
), uploads AS (
    INSERT INTO files.uploads (owner_id, id, state, parent_id, name, on_conflict, size, content_type, sha256, expires_at,
                               modified_at, created_by)
    SELECT $1, upload_id, 'copying', parent_id, name, 'rename', size, content_type, sha256, now() + $18::interval, modified_at,
           $17::uuid
    FROM planned
), objects AS (
    INSERT INTO files.job_objects (owner_id, job_id, upload_id, file_id, source_key, source_etag, properties, part_size,
                                   parts_sha256, crc32)
    SELECT $1, $2, upload_id, file_id, key, etag, properties, part_size, parts_sha256, crc32 FROM planned
)
UPDATE files.usage SET reserved_bytes = reserved_bytes + (SELECT coalesce(sum(size), 0)::bigint FROM planned)
WHERE owner_id = $1;  -- guard: drive-copy-reservation

-- name: list_planned_objects
-- Up to $3 objects that are not copied yet.
SELECT o.upload_id, o.source_key, o.source_etag, o.crc32, u.name, u.size, u.content_type, u.expires_at <= now() AS is_overdue
FROM files.job_objects o JOIN files.uploads u ON u.owner_id = o.owner_id AND u.id = o.upload_id
WHERE o.owner_id = $1 AND o.job_id = $2 ORDER BY o.upload_id LIMIT $3;

-- name: insert_copied_files
-- Insert hidden files for objects that the store has copied. Arrays: $3 uploads, $4 ETags. $5 is the actor, $6 the time of the
-- job. Reserved bytes become used bytes. Return the number of files and their bytes.
WITH copied AS (
    SELECT u.*, o.file_id AS copy_id, o.properties, o.part_size AS size_of_parts, o.parts_sha256 AS checksum_of_parts, c.etag
    FROM unnest($3::uuid[], $4::text[]) AS c (upload_id, etag)
    JOIN files.job_objects o ON o.owner_id = $1 AND o.job_id = $2 AND o.upload_id = c.upload_id
    JOIN files.uploads u ON u.owner_id = o.owner_id AND u.id = o.upload_id AND u.state = 'copying'
), inserted AS (
    INSERT INTO files.entries (owner_id, id, parent_id, kind, name, version_id, size, content_type, sha256, modified_at,
                               properties, created_by, modified_by, trashed_at, purge_after, trashed_with)
    SELECT owner_id, copy_id, parent_id, 'file', name, id, size, content_type, sha256, modified_at, properties, $5::uuid, $5::uuid,
           $6::timestamptz, 'infinity', $2
    FROM copied
), versions AS (
    INSERT INTO files.versions (owner_id, id, file_id, size, content_type, sha256, etag, part_size, parts_sha256, created_by)
    SELECT owner_id, id, copy_id, size, content_type, sha256, etag, size_of_parts, checksum_of_parts, $5 FROM copied
), completed AS (
    UPDATE files.uploads u SET state = 'complete', file_id = copied.copy_id, ended_at = now()
    FROM copied WHERE u.owner_id = $1 AND u.id = copied.id
), removed AS (
    DELETE FROM files.job_objects o USING copied
    WHERE o.owner_id = $1 AND o.job_id = $2 AND o.upload_id = copied.id
), charged AS (
    UPDATE files.usage g SET used_bytes = used_bytes + t.size, reserved_bytes = reserved_bytes - t.size
    FROM (SELECT coalesce(sum(size), 0)::bigint AS size FROM copied) t
    WHERE g.owner_id = $1  -- guard: drive-copy-usage
)
SELECT count(*) AS files, coalesce(sum(size), 0)::bigint AS bytes FROM copied;

-- name: set_object_crcs
-- Arrays: $2 objects, $3 CRC-32s.
UPDATE files.objects o SET crc32 = c.crc32
FROM unnest($2::uuid[], $3::bigint[]) AS c (id, crc32)
WHERE o.owner_id = $1 AND o.id = c.id;

-- name: abort_planned_objects
-- Abort up to $3 planned objects: release their bytes, and queue the objects for the purge, because the store may still copy
-- them. Return their number.
WITH removed AS (
    DELETE FROM files.job_objects o
    USING (SELECT upload_id FROM files.job_objects WHERE owner_id = $1 AND job_id = $2 LIMIT $3) old
    WHERE o.owner_id = $1 AND o.job_id = $2 AND o.upload_id = old.upload_id
    RETURNING o.upload_id
), aborted AS (
    UPDATE files.uploads u SET state = 'aborted', ended_at = now() FROM removed
    WHERE u.owner_id = $1 AND u.id = removed.upload_id AND u.state = 'copying'
    RETURNING u.owner_id, u.id, u.size
), queued AS (
    INSERT INTO files.purges (owner_id, upload_id) SELECT owner_id, id FROM aborted  -- guard: drive-copy-purge
    ON CONFLICT (owner_id, upload_id) DO NOTHING
), released AS (
    UPDATE files.usage g SET reserved_bytes = reserved_bytes - t.size
    FROM (SELECT coalesce(sum(size), 0)::bigint AS size FROM aborted) t
    WHERE g.owner_id = $1  -- guard: drive-copy-release
)
SELECT count(*) FROM removed;

-- name: select_copied_version
-- The version of the hidden copy $2 of a file.
SELECT version_id FROM files.entries WHERE owner_id = $1 AND id = $2 AND kind = 'file';
