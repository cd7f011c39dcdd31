-- Statements on versions. `$1` is the owner, unless stated otherwise. All times come from the database clock.
--
-- A version that is `stored` or `missing` is a reference to its object. Triggers count them in files.objects. A version is
-- released in two steps of one transaction: it becomes `purging`, which counts down, and `delete_released` then deletes
-- the version, or queues the object if that was its last reference.

-- name: list_versions_page
-- A page of the versions of the file $2, newest first, after the position ($3, $4). No row: there is no such file
-- outside the trash, or the page is empty.
SELECT v.id, v.size, v.content_type, v.sha256, v.stored_at, coalesce(v.created_by, u.created_by) AS created_by,
       v.id = e.version_id AS is_current
FROM files.entries e
JOIN files.versions v ON v.owner_id = e.owner_id AND v.file_id = e.id AND v.state IN ('stored', 'missing')
LEFT JOIN files.uploads u ON u.owner_id = v.owner_id AND u.id = v.id
WHERE e.owner_id = $1 AND e.id = $2 AND e.kind = 'file' AND e.trashed_at IS NULL  -- guard: owner-list-versions
  AND files.nearest_trashed($1, e.parent_id) IS NULL  -- guard: list-versions-trash-above
  AND (v.stored_at, v.id) < ($3::timestamptz, $4::uuid)
ORDER BY v.stored_at DESC, v.id DESC LIMIT $5;

-- name: select_version
-- The version $3 of the file $2, with the name of the file, and whether the current version has the same content.
SELECT e.name, v.id AS version_id, v.content_type, v.size, v.sha256, v.key, v.part_size, v.parts_sha256, v.etag,
       v.id = e.version_id AS is_current,
       coalesce(v.object_id, v.id) = coalesce(c.object_id, c.id) AND v.content_type = c.content_type AS is_same_content
FROM files.entries e
JOIN files.versions v ON v.owner_id = e.owner_id AND v.file_id = e.id AND v.id = $3
                         AND v.state IN ('stored', 'missing')
JOIN files.versions c ON c.owner_id = e.owner_id AND c.id = e.version_id
WHERE e.owner_id = $1 AND e.id = $2 AND e.kind = 'file' AND e.trashed_at IS NULL  -- guard: owner-select-version
  AND files.nearest_trashed($1, e.parent_id) IS NULL;  -- guard: select-version-trash-above

-- name: share_version
-- Give the file $2 a new version $4, which shares the object of the version $3. $5 is the actor, $6 the modification
-- time (null: now). The old version stays. Returns no row if the file or the version does not exist.
WITH source AS (
    SELECT *, coalesce($6::timestamptz, now()) AS modified_at FROM files.versions
    WHERE owner_id = $1 AND id = $3 AND state IN ('stored', 'missing')  -- guard: owner-share-version
), file AS (
    SELECT e.owner_id, e.id, e.version_id FROM files.entries e, source
    WHERE e.owner_id = $1 AND e.id = $2 AND e.kind = 'file' AND e.trashed_at IS NULL
), updated AS (
    UPDATE files.entries e
    SET version_id = $4, size = source.size, content_type = source.content_type, sha256 = source.sha256,
        revision = e.revision + 1, modified_at = source.modified_at, modified_by = $5
    FROM source, file WHERE e.owner_id = $1 AND e.id = file.id
    RETURNING e.*
), superseded AS (
    UPDATE files.versions v SET replaced_at = now()
    FROM file WHERE v.owner_id = $1 AND v.id = file.version_id
), inserted AS (
    INSERT INTO files.versions (owner_id, id, file_id, state, size, content_type, sha256, etag, part_size, parts_sha256,
                                created_by, key, object_id)
    SELECT source.owner_id, $4, file.id, source.state, source.size, source.content_type, source.sha256, source.etag,
           source.part_size, source.parts_sha256, $5,
           coalesce(source.key, source.owner_id || '/' || source.id), coalesce(source.object_id, source.id)
    FROM source, file
), charged AS (
    -- Each version counts in the usage, also those that share an object.
    UPDATE files.usage g SET used_bytes = used_bytes + source.size, last_change = last_change + 1
    FROM source, file WHERE g.owner_id = $1
    RETURNING g.owner_id, g.last_change
), changes AS (
    INSERT INTO files.changes (owner_id, number, what, file_id, actor_id)
    SELECT owner_id, last_change, 'content', $2, $5 FROM charged
)
SELECT * FROM updated;

-- name: release_version
-- Release the old version $3 of the file $2. Returns no row if there is no such version, or if it is the
-- current one.
UPDATE files.versions SET state = 'purging'
WHERE owner_id = $1 AND file_id = $2 AND id = $3  -- guard: owner-release-version
  AND state IN ('stored', 'missing')
  AND replaced_at IS NOT NULL  -- guard: release-current-version
RETURNING owner_id, id;

-- name: release_versions_of
-- Release all versions of deleted files ($1 owners, $2 files): the current and the old versions, and the versions whose
-- object is queued already, so that the object is purged now. This is not a part of `mark_for_purge`, which locks the owners:
-- a statement does not see a version that was committed after the statement began and before it had the lock.
UPDATE files.versions v SET state = 'purging'
FROM unnest($1::uuid[], $2::uuid[]) AS deleted (owner_id, id)
-- guard: owner-purge-version
WHERE v.owner_id = deleted.owner_id AND v.file_id = deleted.id AND v.state IN ('stored', 'missing', 'purging')
RETURNING v.owner_id, v.id;

-- name: release_excess_versions
-- Release old versions of the file $2, so that only $3 old versions remain. The versions that were replaced first are released.
UPDATE files.versions SET state = 'purging'
WHERE owner_id = $1 AND id = ANY(ARRAY(  -- guard: owner-release-excess-versions
    SELECT id FROM files.versions
    WHERE owner_id = $1 AND file_id = $2 AND state IN ('stored', 'missing') AND replaced_at IS NOT NULL
    ORDER BY replaced_at DESC, id DESC OFFSET $3 LIMIT 1000))
RETURNING owner_id, id;

-- name: release_aged_versions
-- Release up to $2 old versions of all owners that were replaced longer ago than $1.
UPDATE files.versions v SET state = 'purging'
FROM (
    -- Lock their owners as for every change. Skip owners that are locked, as in `mark_for_purge`.
    SELECT a.owner_id, a.id FROM files.usage g JOIN files.versions a ON a.owner_id = g.owner_id
    WHERE a.replaced_at IS NOT NULL AND a.state IN ('stored', 'missing')
      AND a.replaced_at <= now() - $1::interval  -- guard: version-age
    ORDER BY a.replaced_at LIMIT $2
    FOR UPDATE SKIP LOCKED) aged
WHERE v.owner_id = aged.owner_id AND v.id = aged.id  -- guard: owner-release-aged-versions
RETURNING v.owner_id, v.id;

-- name: delete_released
-- Settle released versions ($1 owners, $2 ids). If other versions share the object, the version is deleted and its bytes
-- are freed. Otherwise the object is queued for purging, and the bytes count until it is deleted.
WITH released AS (
    SELECT v.owner_id, v.id, v.size, o.id AS object_id,
           o.refs > 0 AS is_shared  -- guard: release-shared-object
    FROM unnest($1::uuid[], $2::uuid[]) AS r (owner_id, id)
    JOIN files.versions v ON v.owner_id = r.owner_id AND v.id = r.id AND v.state = 'purging'
    -- guard: owner-settle-released
    JOIN files.objects o ON o.owner_id = v.owner_id AND o.id = coalesce(v.object_id, v.id)
), queued AS (
    INSERT INTO files.purges (owner_id, upload_id)
    SELECT DISTINCT owner_id, object_id FROM released WHERE NOT is_shared
    ON CONFLICT (owner_id, upload_id) DO UPDATE SET due_at = least(purges.due_at, excluded.due_at)
), deleted AS (
    DELETE FROM files.versions v USING released
    WHERE released.is_shared AND v.owner_id = released.owner_id AND v.id = released.id
), dequeued AS (
    -- The previous release queues objects by the id of a version, also when other versions share them.
    DELETE FROM files.purges p USING released
    -- guard: settle-stale-purge
    WHERE released.is_shared AND p.owner_id = released.owner_id AND p.upload_id = released.id
), deleted_uploads AS (
    -- The upload that stored the object stays as long as the object. An instant upload ends with its version.
    DELETE FROM files.uploads u USING released
    WHERE released.is_shared AND u.owner_id = released.owner_id AND u.id = released.id
      AND released.id <> released.object_id  -- guard: release-storing-upload
), freed AS (
    UPDATE files.usage g SET used_bytes = used_bytes - t.size
    FROM (SELECT owner_id, sum(size)::bigint AS size FROM released WHERE is_shared GROUP BY owner_id) t
    WHERE g.owner_id = t.owner_id  -- guard: owner-settle-usage
)
SELECT count(*) FROM released;

-- name: select_object_by_content
-- An object with $3 bytes and the SHA-256 $2 that the store has verified, and that has a reference and is not missing.
SELECT o.id, coalesce(o.key, o.owner_id || '/' || o.id) AS key, o.etag
FROM files.objects o
WHERE o.owner_id = $1 AND o.sha256 = $2  -- guard: owner-select-object-by-content
  AND o.size = $3
  AND o.refs > 0  -- guard: instant-referenced-object
  AND NOT EXISTS (SELECT FROM files.versions v
                  -- guard: instant-missing-object
                  WHERE v.owner_id = o.owner_id AND (v.id = o.id OR v.object_id = o.id) AND v.state = 'missing')
LIMIT 1;
