-- Statements on copies of files and folders in one drive. `$1` is the owner. All times come from the database clock.

-- name: insert_copies
-- Insert copies of entries outside the trash. Arrays: $3 originals, each folder before what is in it, $4 ids, $5 parents,
-- $6 names (null: as the original), $7 ids of the versions of files. $2 is the actor. The caller has checked the limits.
WITH copies AS (
    SELECT e.*, c.new_id, c.new_parent, coalesce(c.new_name, e.name) AS new_name, c.new_version, c.ordinal
    FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::uuid[])
         WITH ORDINALITY AS c (original, new_id, new_parent, new_name, new_version, ordinal)
    JOIN files.entries e ON e.owner_id = $1 AND e.id = c.original AND e.trashed_at IS NULL  -- guard: owner-insert-copies
), inserted AS (
    INSERT INTO files.entries (owner_id, id, parent_id, kind, name, version_id, size, content_type, sha256, modified_at,
                               properties, created_by, modified_by)
    SELECT owner_id, new_id, new_parent, kind, new_name, new_version, size, content_type, sha256, modified_at, properties,
           $2::uuid, $2::uuid
    FROM copies
    RETURNING *
), versions AS (
    INSERT INTO files.versions (owner_id, id, file_id, state, size, content_type, sha256, etag, part_size, parts_sha256,
                                created_by, key, object_id)
    SELECT v.owner_id, copies.new_version, copies.new_id, v.state, v.size, v.content_type, v.sha256, v.etag, v.part_size,
           v.parts_sha256, $2, coalesce(v.key, v.owner_id || '/' || v.id), coalesce(v.object_id, v.id)
    FROM copies JOIN files.versions v ON v.owner_id = $1 AND v.id = copies.version_id
), charged AS (
    -- Each copy counts in the usage. Take the numbers of the changes.
    UPDATE files.usage g
    SET used_bytes = used_bytes + t.size, file_count = file_count + t.files, last_change = last_change + t.n
    FROM (SELECT coalesce(sum(size), 0)::bigint AS size, count(*) AS n, count(*) FILTER (WHERE kind = 'file') AS files
          FROM copies) t
    WHERE g.owner_id = $1  -- guard: owner-insert-copies-usage
    RETURNING g.last_change - t.n AS change_before
), changes AS (
    -- One change for each copy, folders first, so that a follower sees every new entry.
    INSERT INTO files.changes (owner_id, number, what, file_id, actor_id)
    SELECT $1, charged.change_before + copies.ordinal, 'created', copies.new_id, $2 FROM copies, charged
)
SELECT * FROM inserted;
