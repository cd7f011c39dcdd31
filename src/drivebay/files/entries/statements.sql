-- Statements on files and folders outside the trash. `$1` is the owner. All times come from the database clock.
--
-- An entry is outside the trash if neither it nor a folder above it is trashed. Statements that begin at an entry ask
-- files.nearest_trashed about the folders above it. Statements that read a folder which the caller has checked, or walk down
-- from such a folder, need only `trashed_at IS NULL`. A recursion over folders ends at 1000 levels, more than the settings
-- allow, so that damaged rows cannot make it endless.

-- name: select_taken_names
-- Which of the names $3 are taken under the parent $2: by an entry outside the trash, or by a pending upload other than
-- $4.
SELECT name FROM files.entries
WHERE owner_id = $1 AND parent_id = $2 AND name = ANY($3::text[]) AND trashed_at IS NULL  -- guard: owner-taken-by-entry
UNION
SELECT name FROM files.uploads
WHERE owner_id = $1 AND parent_id = $2 AND name = ANY($3::text[])  -- guard: owner-taken-by-upload
  AND state = 'pending' AND on_conflict <> 'replace'  -- guard: entry-pending-name
  AND id <> $4::uuid;

-- name: select_taken_names_in_trash
-- Which of the names $3 are taken in the trashed folder $2: by an entry that is in the trash with it, because it was
-- trashed together with $5 or is not trashed itself, or by a pending upload other than $4. Two such entries of one name could
-- not be restored.
SELECT name FROM files.entries
WHERE owner_id = $1 AND parent_id = $2 AND name = ANY($3::text[])  -- guard: owner-taken-in-trash
  AND trashed_at IS NOT NULL
  AND trashed_with = $5  -- guard: trash-taken-name
UNION
SELECT name FROM files.entries
WHERE owner_id = $1 AND parent_id = $2 AND name = ANY($3::text[])  -- guard: owner-taken-in-trashed-folder
  AND trashed_at IS NULL  -- guard: trash-taken-name-below
UNION
SELECT name FROM files.uploads
WHERE owner_id = $1 AND parent_id = $2 AND name = ANY($3::text[])  -- guard: owner-taken-in-trash-by-upload
  AND state = 'pending' AND on_conflict <> 'replace'  -- guard: trash-pending-name
  AND id <> $4::uuid;

-- name: select_free_number
-- The first number from $5 on that no name `$3 number $4` in the folder $2 has: of an entry outside the trash, of an entry
-- that was trashed together with $8, or of a pending upload other than $6. The name $7 counts as free.
-- A list of all candidate names would be compared with each name of the folder if PostgreSQL reads the whole folder.
WITH names AS (
    SELECT name FROM files.entries
    WHERE owner_id = $1 AND parent_id = $2  -- guard: owner-free-number-entry
      AND name > $3::text AND name < $3::text || ':' AND trashed_at IS NULL  -- `:` follows the digit 9
    UNION ALL
    SELECT name FROM files.entries
    WHERE owner_id = $1 AND parent_id = $2  -- guard: owner-free-number-trashed
      AND name > $3::text AND name < $3::text || ':' AND trashed_at IS NOT NULL AND $8::uuid IS NOT NULL
      AND trashed_with = $8::uuid  -- guard: free-number-trashed
    UNION ALL
    SELECT name FROM files.uploads
    WHERE owner_id = $1 AND parent_id = $2  -- guard: owner-free-number-upload
      AND name > $3::text AND name < $3::text || ':'
      AND state = 'pending' AND on_conflict <> 'replace' AND id <> $6::uuid  -- guard: free-number-pending
), middles AS (
    -- PostgreSQL may compute the digits before the conditions, and substr refuses a negative length.
    SELECT substr(name, length($3::text) + 1, greatest(0, length(name) - length($3::text) - length($4::text))) AS digits
    FROM names
    WHERE length(name) > length($3::text) + length($4::text) AND right(name, length($4::text)) = $4::text
      AND name IS DISTINCT FROM $7::text  -- guard: free-number-own-name
), numbers AS (
    SELECT digits::int AS number FROM middles WHERE digits ~ '^[1-9][0-9]{0,8}$'
    UNION SELECT $5::int - 1
)
SELECT number + 1 FROM (SELECT number, lead(number) OVER (ORDER BY number) AS next FROM numbers
                        WHERE number >= $5::int - 1) taken
WHERE next IS DISTINCT FROM number + 1
ORDER BY number LIMIT 1;

-- name: select_entry
SELECT * FROM files.entries
WHERE owner_id = $1 AND id = $2 AND trashed_at IS NULL  -- guard: owner-select-entry
  AND files.nearest_trashed($1, parent_id) IS NULL;  -- guard: trash-above-entry

-- name: select_entry_with_parts
-- An entry with the part size and the checksum of the parts of its version.
SELECT e.*, v.part_size, v.parts_sha256
FROM files.entries e LEFT JOIN files.versions v ON v.owner_id = e.owner_id AND v.id = e.version_id
WHERE e.owner_id = $1 AND e.id = $2 AND e.trashed_at IS NULL  -- guard: owner-select-entry-with-parts
  AND files.nearest_trashed($1, e.parent_id) IS NULL;  -- guard: trash-above-entry-with-parts

-- name: select_entry_by_name
-- An entry in a folder that the caller has checked.
-- guard: owner-select-named
SELECT * FROM files.entries WHERE owner_id = $1 AND parent_id = $2 AND name = $3 AND trashed_at IS NULL;

-- name: find_by_name
-- The same in a folder that must be outside the trash.
SELECT * FROM files.entries
WHERE owner_id = $1 AND parent_id = $2 AND name = $3  -- guard: owner-find-by-name
  AND files.nearest_trashed($1, $2) IS NULL  -- guard: trash-above-name
  AND trashed_at IS NULL;

-- name: select_content
SELECT e.name, e.content_type, e.version_id, e.size, e.sha256, v.key, v.part_size, v.parts_sha256, v.etag
FROM files.entries e LEFT JOIN files.versions v ON v.owner_id = e.owner_id AND v.id = e.version_id
WHERE e.owner_id = $1 AND e.id = $2 AND e.kind = 'file' AND e.trashed_at IS NULL  -- guard: owner-select-content
  AND files.nearest_trashed($1, e.parent_id) IS NULL;  -- guard: trash-above-content

-- name: select_contents
SELECT e.id, e.name, e.content_type, e.version_id, e.size, e.sha256, v.key, v.part_size, v.parts_sha256, v.etag
FROM unnest($2::uuid[]) AS r (id)
CROSS JOIN LATERAL (
    -- guard: owner-select-contents
    SELECT * FROM files.entries WHERE owner_id = $1 AND id = r.id AND kind = 'file' AND trashed_at IS NULL OFFSET 0) e
-- Once for each folder: the planner remembers the result.
CROSS JOIN LATERAL (SELECT files.nearest_trashed($1, e.parent_id) AS id OFFSET 0) above
LEFT JOIN files.versions v ON v.owner_id = e.owner_id AND v.id = e.version_id
WHERE above.id IS NULL;  -- guard: trash-above-contents

-- name: select_ancestors
-- The folders from $2 up to the root, nearest first. No row: $2 is not a folder of the owner, or is in the trash.
WITH RECURSIVE ancestors AS (
    SELECT id, parent_id, 1 AS depth FROM files.entries
    WHERE owner_id = $1 AND id = $2 AND kind = 'folder' AND trashed_at IS NULL  -- guard: owner-select-ancestors
      AND files.nearest_trashed($1, parent_id) IS NULL  -- guard: trash-above-folder
    UNION ALL
    SELECT e.id, e.parent_id, ancestors.depth + 1 FROM files.entries e JOIN ancestors ON e.id = ancestors.parent_id
    WHERE e.owner_id = $1 AND ancestors.depth < 1000  -- guard: owner-select-ancestors-above
)
SELECT id FROM ancestors ORDER BY depth;

-- name: select_untrashed_folders
-- Which of several owners' folders ($1 owners, $2 ids) are outside the trash.
SELECT DISTINCT e.owner_id, e.id
FROM unnest($1::uuid[], $2::uuid[]) AS r (owner_id, id)
JOIN files.entries e ON e.owner_id = r.owner_id AND e.id = r.id AND e.kind = 'folder'
  AND e.trashed_at IS NULL
  AND files.nearest_trashed(e.owner_id, e.parent_id) IS NULL;  -- guard: trash-above-upload

-- name: select_height
-- The number of levels of folders from $2 down, including $2. Files are not read. ORDER BY and OFFSET lead the planner to the
-- index. The planner expects too many rows, and would otherwise read all entries of the owner.
WITH RECURSIVE descendants AS (
    SELECT id, 1 AS depth FROM files.entries WHERE owner_id = $1 AND id = $2 AND kind = 'folder'
    UNION ALL
    SELECT child.id, descendants.depth + 1 FROM descendants CROSS JOIN LATERAL (
        SELECT e.id FROM files.entries e
        -- guard: owner-select-height
        WHERE e.owner_id = $1 AND e.parent_id = descendants.id AND e.kind = 'folder' AND e.trashed_at IS NULL
        ORDER BY e.id OFFSET 0) child
    WHERE descendants.depth < 1000
)
SELECT coalesce(max(depth), 0) FROM descendants;

-- name: select_along_path
-- The entries along a path: the names $3, each inside the folder before it, the first in the folder $2. As many rows as
-- exist, from the top down.
WITH RECURSIVE walk AS (
    SELECT $2::uuid AS id, 0 AS depth WHERE files.nearest_trashed($1, $2) IS NULL  -- guard: trash-above-path
    UNION ALL
    SELECT child.id, walk.depth + 1 FROM walk CROSS JOIN LATERAL (
        SELECT e.id FROM files.entries e
        -- guard: owner-select-along-path
        WHERE e.owner_id = $1 AND e.parent_id = walk.id AND e.name = ($3::text[])[walk.depth + 1]
          AND e.trashed_at IS NULL LIMIT 1) child
    WHERE walk.depth < cardinality($3::text[])
)
SELECT e.* FROM walk JOIN files.entries e ON e.owner_id = $1 AND e.id = walk.id
WHERE walk.depth > 0 ORDER BY walk.depth;

-- name: select_path
-- An entry outside the trash and the folders above it, from the top down.
WITH RECURSIVE above AS (
    SELECT id, parent_id, 1 AS depth FROM files.entries
    WHERE owner_id = $1 AND id = $2 AND trashed_at IS NULL  -- guard: owner-select-path
      AND files.nearest_trashed($1, parent_id) IS NULL  -- guard: trash-above-item-path
    UNION ALL
    SELECT e.id, e.parent_id, above.depth + 1 FROM files.entries e JOIN above ON e.id = above.parent_id
    WHERE e.owner_id = $1 AND above.depth < 1000  -- guard: owner-select-path-above
)
SELECT e.* FROM above JOIN files.entries e ON e.owner_id = $1 AND e.id = above.id ORDER BY above.depth DESC;

-- name: limit_measurement
-- A folder of millions of entries must not occupy a connection for long.
SET LOCAL statement_timeout = '5s';  -- guard: measure-time

-- name: measure_tree
-- The bytes, files and folders below the folder $2, outside the trash. Only the ids of folders are kept in memory.
WITH RECURSIVE folders AS (
    SELECT $2::uuid AS id
    UNION ALL
    SELECT child.id FROM folders CROSS JOIN LATERAL (
        SELECT e.id FROM files.entries e
        -- guard: owner-measure-folders
        WHERE e.owner_id = $1 AND e.parent_id = folders.id AND e.kind = 'folder' AND e.trashed_at IS NULL
        ORDER BY e.id OFFSET 0) child
)
SELECT coalesce(sum(inside.bytes), 0)::bigint AS bytes, coalesce(sum(inside.files), 0)::bigint AS files,
       count(*) - 1 AS folders
FROM folders CROSS JOIN LATERAL (
    SELECT sum(e.size) AS bytes, count(*) AS files FROM files.entries e
    -- guard: owner-measure-files
    WHERE e.owner_id = $1 AND e.parent_id = folders.id AND e.kind = 'file' AND e.trashed_at IS NULL) inside;

-- name: insert_folder
-- Insert the folder $2. $5 is the actor.
WITH inserted AS (
    INSERT INTO files.entries (owner_id, id, parent_id, kind, name, created_by, modified_by)
    VALUES ($1, $2, $3, 'folder', $4, $5, $5) RETURNING created_at
), numbered AS (
    UPDATE files.usage SET last_change = last_change + 1 WHERE owner_id = $1  -- guard: owner-insert-folder-usage
    RETURNING last_change
), changes AS (
    INSERT INTO files.changes (owner_id, number, what, file_id, actor_id)
    SELECT $1, last_change, 'created', $2, $5 FROM numbered
)
SELECT created_at FROM inserted;

-- name: update_entry
-- Set the name, the parent and the other values of an entry outside the trash. $8 is the actor, $9 the kind of change.
WITH updated AS (
    UPDATE files.entries
    SET name = $3, parent_id = $4, modified_at = $5, starred = $6, properties = $7::jsonb, modified_by = $8,
        revision = revision + 1
    WHERE owner_id = $1 AND id = $2 AND trashed_at IS NULL  -- guard: owner-update-entry
    RETURNING *
), numbered AS (
    -- Take the number of the change, if an entry was updated.
    -- guard: owner-update-entry-usage
    UPDATE files.usage SET last_change = last_change + 1 WHERE owner_id = $1 AND EXISTS (SELECT FROM updated)
    RETURNING last_change
), changes AS (
    INSERT INTO files.changes (owner_id, number, what, file_id, actor_id)
    SELECT $1, last_change, $9::text, $2, $8 FROM numbered
)
SELECT * FROM updated;

-- name: replace_file
-- Make the content of the file $3 the current version of the file $2, and delete the entry $3, which may be in the trash
-- by itself. The versions and uploads of $3 then belong to $2. The old version of $2 stays. $4 is the user. Returns no row
-- if one of the files does not exist, or if it is too late to restore $3.
WITH source AS (
    -- `clock_timestamp()` as in `restore_entry`.
    SELECT * FROM files.entries
    WHERE owner_id = $1 AND id = $3 AND kind = 'file'  -- guard: owner-replace-source
      AND (trashed_at IS NULL OR trashed_with = id AND purge_after > (SELECT clock_timestamp()))
), target AS (
    SELECT t.id, t.version_id FROM files.entries t JOIN source ON source.owner_id = t.owner_id
    WHERE t.id = $2 AND t.kind = 'file' AND t.trashed_at IS NULL
), updated AS (
    UPDATE files.entries e
    SET version_id = source.version_id, size = source.size, content_type = source.content_type,
        sha256 = source.sha256, modified_at = source.modified_at, modified_by = $4, revision = e.revision + 1
    FROM source, target WHERE e.owner_id = source.owner_id AND e.id = target.id
    RETURNING e.*
), deleted AS (
    DELETE FROM files.entries e USING source, target WHERE e.owner_id = source.owner_id AND e.id = source.id
), superseded AS (
    UPDATE files.versions v SET replaced_at = now()
    FROM source, target WHERE v.owner_id = source.owner_id AND v.id = target.version_id
), moved AS (
    UPDATE files.versions v SET file_id = target.id
    FROM source, target WHERE v.owner_id = source.owner_id AND v.file_id = source.id
    RETURNING v.owner_id, v.id, v.file_id
), uploads AS (
    UPDATE files.uploads u SET file_id = moved.file_id FROM moved WHERE u.owner_id = moved.owner_id AND u.id = moved.id
), counted AS (
    -- One file fewer is outside the trash, if the source was. Allocate the numbers of two changes.
    UPDATE files.usage g
    SET file_count = file_count - CASE WHEN source.trashed_at IS NULL THEN 1 ELSE 0 END, last_change = last_change + 2
    FROM source, target WHERE g.owner_id = source.owner_id
    RETURNING g.owner_id, g.last_change
), changes AS (
    INSERT INTO files.changes (owner_id, number, what, file_id, actor_id)
    SELECT owner_id, last_change - 1, 'deleted', $3, $4 FROM counted
    UNION ALL
    SELECT owner_id, last_change, 'content', $2, $4 FROM counted
)
SELECT * FROM updated;

-- name: list_children
-- A template for one page of a folder ($5), after the position ($2, $3). `listing_statements` fills in {column}, {direction}
-- and {after} once for each sort, and {starred} for all, starred and other entries. `_file_from_columns` depends on the
-- order of the columns.
SELECT id, kind, name, parent_id, size, content_type, sha256, revision, created_at, modified_at,
       version_id, starred, properties, created_by, modified_by
FROM files.entries
-- guard: owner-list-children
WHERE owner_id = $1 AND parent_id = $5 AND trashed_at IS NULL{starred} AND ({column}, id) {after} ($2, $3::uuid)
  AND files.nearest_trashed($1, $5) IS NULL  -- guard: trash-above-listing
ORDER BY {column} {direction}, id {direction} LIMIT $4;

-- name: list_children_by_name
-- As `list_children`, but sorted by name. Names in a folder differ, so the id does not matter. $3 is used only to have the
-- same parameters as `list_children`.
SELECT id, kind, name, parent_id, size, content_type, sha256, revision, created_at, modified_at,
       version_id, starred, properties, created_by, modified_by
FROM files.entries
-- guard: owner-list-children-by-name
WHERE owner_id = $1 AND parent_id = $5 AND trashed_at IS NULL{starred} AND name {after} $2 AND $3::uuid IS NOT NULL
  AND files.nearest_trashed($1, $5) IS NULL  -- guard: trash-above-listing-by-name
ORDER BY name {direction} LIMIT $4;

-- name: list_all
-- A template for one page of all files of an owner. {starred} also chooses the kind. Read at most $5 files, and return the
-- first $4 files that are not in a trashed folder. The file number $5 is returned also if it is in a trashed folder, because
-- the next page begins after it.
-- OFFSET keeps the planner from joining the subqueries, so that the value is computed once for each folder (Memoize).
SELECT id, kind, name, parent_id, size, content_type, sha256, revision, created_at, modified_at,
       version_id, starred, properties, created_by, modified_by,
       ordinal = $5::int AS is_last, trashed_above IS NOT NULL AS is_hidden
FROM (
    SELECT e.*, above.id AS trashed_above
    FROM (
        SELECT *, row_number() OVER (ORDER BY {column} {direction}, id {direction}) AS ordinal
        FROM files.entries
        -- guard: owner-list-all
        WHERE owner_id = $1 AND trashed_at IS NULL{starred} AND ({column}, id) {after} ($2, $3::uuid)
        ORDER BY {column} {direction}, id {direction} LIMIT $5::int) e
    CROSS JOIN LATERAL (SELECT files.nearest_trashed($1, e.parent_id) AS id OFFSET 0) above
    ORDER BY e.{column} {direction}, e.id {direction} OFFSET 0) read
WHERE trashed_above IS NULL OR ordinal = $5::int
ORDER BY {column} {direction}, id {direction} LIMIT $4;

-- name: select_tree
-- The entries $2 outside the trash and everything below them, each folder before what is in it, up to $3 rows. `top` is the
-- position in $2 of the entry from which a row was reached. `depth` is 0 for that entry, 1 for what is in it, and so on.
-- ORDER BY leads the planner to the index, as in the statement `select_height`.
WITH RECURSIVE tree AS (
    SELECT r.top::int AS top, 0 AS depth, e.id, e.parent_id, e.kind, e.name, e.size, e.modified_at
    FROM unnest($2::uuid[]) WITH ORDINALITY AS r (id, top)
    -- OFFSET 0 keeps the conditions after it out of the subquery. The planner could choose the index of one of them, and would
    -- read all entries of the drive for each id.
    CROSS JOIN LATERAL (
        SELECT e.id, e.parent_id, e.kind, e.name, e.size, e.modified_at, e.trashed_at FROM files.entries e
        WHERE e.owner_id = $1 AND e.id = r.id OFFSET 0) e  -- guard: owner-select-tree
    WHERE e.trashed_at IS NULL  -- guard: tree-trash
        AND files.nearest_trashed($1, e.parent_id) IS NULL  -- guard: trash-above-tree
    UNION ALL
    SELECT tree.top, tree.depth + 1, child.id, child.parent_id, child.kind, child.name, child.size, child.modified_at
    FROM tree CROSS JOIN LATERAL (
        SELECT e.id, e.parent_id, e.kind, e.name, e.size, e.modified_at FROM files.entries e
        -- guard: owner-select-tree-below
        WHERE e.owner_id = $1 AND e.parent_id = tree.id
          AND e.trashed_at IS NULL  -- guard: tree-skip-trashed
        ORDER BY e.name LIMIT $3) child
    WHERE tree.kind = 'folder'
)
SELECT top, id, parent_id, kind, name, size, modified_at, depth FROM tree LIMIT $3;
