-- Statements on the trash. `$1` is the owner and `$2` the entry, unless stated otherwise. All times come from the
-- database clock.

-- name: measure_folder
-- Of the folder $2, before it is trashed: the number of folders above it, the number of entries below it, up to $3, and how
-- many of these are files. Entries that are trashed themselves, and what is below them, do not count.
WITH RECURSIVE above AS (
    SELECT parent_id, 0 AS depth FROM files.entries WHERE owner_id = $1 AND id = $2
    UNION ALL
    SELECT e.parent_id, above.depth + 1 FROM files.entries e JOIN above ON e.id = above.parent_id
    WHERE e.owner_id = $1 AND above.depth < 1000
), below AS (
    SELECT $2::uuid AS id, 'folder' AS kind
    UNION ALL
    SELECT child.id, child.kind FROM below CROSS JOIN LATERAL (
        SELECT e.id, e.kind FROM files.entries e
        WHERE e.owner_id = $1 AND e.parent_id = below.id  -- guard: owner-measure-below
          AND e.trashed_at IS NULL  -- guard: trash-count-skip-trashed
        ORDER BY e.name LIMIT $3::bigint) child
    WHERE below.kind = 'folder'
)
SELECT (SELECT max(depth) FROM above) AS levels, count(*) - 1 AS entries, count(*) FILTER (WHERE kind = 'file') AS files
FROM (SELECT kind FROM below LIMIT $3::bigint + 1) counted;

-- name: trash_entry
-- Move an entry to the trash, and so everything below it, whose rows stay as they are. It can be restored for the time $3. $4
-- is the actor. Of a folder, $5 is the number of folders above it, and $6 the number of files below it, if they are known.
WITH trashed AS (
    UPDATE files.entries e
    SET trashed_at = now(), purge_after = now() + $3::interval, trashed_with = $2, revision = e.revision + 1,
        trashed_depth = $5, hidden_files = $6, count_attempts = 0
    WHERE e.owner_id = $1 AND e.id = $2 AND e.trashed_at IS NULL  -- guard: owner-trash-entry
    RETURNING e.kind
), counted AS (
    -- Subtract a file from the file count, or add the files that the folder hides. Allocate the next change number.
    UPDATE files.usage SET file_count = file_count - (SELECT count(*) FROM trashed WHERE kind = 'file'),
                           hidden_files = hidden_files + coalesce($6, 0), last_change = last_change + 1
    WHERE owner_id = $1 AND EXISTS (SELECT FROM trashed)  -- guard: owner-trash-usage
    RETURNING last_change
)
-- One change for the entry and all below it.
INSERT INTO files.changes (owner_id, number, what, file_id, actor_id)
SELECT $1, last_change, 'trashed', $2, $4 FROM counted;

-- name: select_trashed
-- An entry that was trashed itself. Only `restore_entry` decides whether it can still be restored.
SELECT * FROM files.entries WHERE owner_id = $1 AND id = $2 AND trashed_at IS NOT NULL;

-- name: select_levels_when_trashed
SELECT trashed_depth FROM files.entries WHERE owner_id = $1 AND id = $2;

-- name: select_height_in_trash
-- The number of levels of folders from $2 down, including $2, that come back with $2: those that are not trashed themselves,
-- and those that were trashed with it. Files are not read. ORDER BY and OFFSET as in `select_height`.
WITH RECURSIVE descendants AS (
    SELECT id, 1 AS depth FROM files.entries WHERE owner_id = $1 AND id = $2 AND kind = 'folder'
    UNION ALL
    SELECT child.id, descendants.depth + 1 FROM descendants CROSS JOIN LATERAL (
        (SELECT e.id FROM files.entries e
         -- guard: owner-select-height-in-trash
         WHERE e.owner_id = $1 AND e.parent_id = descendants.id AND e.kind = 'folder' AND e.trashed_at IS NULL
         ORDER BY e.id OFFSET 0)
        UNION ALL
        (SELECT e.id FROM files.entries e
         WHERE e.owner_id = $1 AND e.parent_id = descendants.id AND e.kind = 'folder' AND e.trashed_at IS NOT NULL
           AND e.trashed_with = $2
         ORDER BY e.name OFFSET 0)) child
    WHERE descendants.depth < 2000
)
SELECT coalesce(max(depth), 0) FROM descendants;

-- name: keep_duplicates_in_trash
-- Run this before the folder $2 is restored, which was trashed at the time $3. An entry that was trashed with $2 stays in the
-- trash, as if it had been trashed alone, if an entry that is not trashed itself has the same name. The previous release can
-- cause two such entries.
-- LATERAL and LIMIT keep the planner from reading all entries of the owner.
WITH duplicates AS MATERIALIZED (
    SELECT e.id FROM files.entries e
    CROSS JOIN LATERAL (SELECT FROM files.entries s
                        WHERE s.owner_id = $1 AND s.parent_id = e.parent_id AND s.name = e.name
                          AND s.trashed_at IS NULL LIMIT 1) sibling
    WHERE e.owner_id = $1 AND e.trashed_at = $3
      AND e.trashed_with = $2 AND e.id <> $2  -- guard: keep-duplicates
)
UPDATE files.entries e SET trashed_with = e.id
FROM duplicates WHERE e.owner_id = $1 AND e.id = duplicates.id;

-- name: restore_entry
-- Restore an entry that was trashed directly, not as part of a folder, at the time $5. Everything below it comes back with it.
-- Rows that were trashed with it are restored too: files that were uploaded to the trashed folder, and all rows below a folder
-- that the previous release trashed. The parent of the entry becomes $3 and its name $4. $6 is the actor. No row: the grace
-- period is over, or a purge has deleted the entry.
WITH head AS (
    SELECT hidden_files FROM files.entries WHERE owner_id = $1 AND id = $2
), restored AS (
    UPDATE files.entries
    SET trashed_at = NULL, purge_after = NULL, trashed_with = NULL, revision = revision + 1,
        trashed_depth = NULL, hidden_files = NULL,
        parent_id = CASE id WHEN $2 THEN $3 ELSE parent_id END, name = CASE id WHEN $2 THEN $4 ELSE name END
    WHERE owner_id = $1 AND trashed_at = $5  -- guard: owner-restore-entry
      AND trashed_with = $2  -- guard: restore-trashed-with
      -- Use `clock_timestamp()`, not `now()`: the transaction may have waited for the lock of the drive while a purge ran.
      AND purge_after > (SELECT clock_timestamp())  -- guard: restore-grace-period, restore-clock
    RETURNING *
), counted AS (
    -- Add the files to the file count, and allocate the next change number.
    UPDATE files.usage SET file_count = file_count + (SELECT count(*) FROM restored WHERE kind = 'file'),
                           hidden_files = hidden_files - coalesce((SELECT hidden_files FROM head), 0),
                           last_change = last_change + 1
    WHERE owner_id = $1  -- guard: owner-restore-usage
    RETURNING last_change
), changes AS (
    -- One change for the entry and all below it.
    INSERT INTO files.changes (owner_id, number, what, file_id, actor_id)
    SELECT $1, last_change, 'restored', $2, $6 FROM counted
)
SELECT * FROM restored WHERE id = $2;

-- name: list_trash_page
-- The entries that were trashed directly, not as part of a folder, and can be restored. Latest first, after the
-- position ($2, $3).
SELECT * FROM files.entries
WHERE owner_id = $1 AND trashed_with = id AND trashed_at IS NOT NULL  -- guard: owner-list-trash
  AND purge_after > now()  -- guard: trash-listing-grace-period
  AND (trashed_at, id) < ($2::timestamptz, $3::uuid)
ORDER BY trashed_at DESC, id DESC LIMIT $4;

-- name: end_grace_period
-- End the grace period of an entry that was trashed directly, and of everything that was trashed with it. The next purge
-- deletes them. `clock_timestamp()` as in `restore_entry`. $3 is the actor. No row: there is no such entry.
WITH ended AS (
    UPDATE files.entries SET purge_after = (SELECT clock_timestamp()), is_deleted = true
    WHERE owner_id = $1 AND trashed_with = $2  -- guard: owner-end-grace-period
      AND trashed_at = (SELECT head.trashed_at FROM files.entries head WHERE head.owner_id = $1 AND head.id = $2)
      AND purge_after > (SELECT clock_timestamp())
    RETURNING id
), counted AS (
    -- Allocate the number of the change.
    UPDATE files.usage SET last_change = last_change + 1
    WHERE owner_id = $1 AND EXISTS (SELECT FROM ended)  -- guard: owner-end-grace-period-usage
    RETURNING last_change
)
-- One change for the entry and all below it.
INSERT INTO files.changes (owner_id, number, what, file_id, actor_id)
SELECT $1, last_change, 'deleted', $2, $3 FROM counted
RETURNING number;

-- name: end_all_grace_periods
-- The same for everything in the trash. $2 is the actor. Each entry that was trashed directly gets a change.
WITH ended AS (
    UPDATE files.entries SET purge_after = (SELECT clock_timestamp()), is_deleted = true
    WHERE owner_id = $1 AND trashed_at IS NOT NULL  -- guard: owner-end-all-grace-periods
      AND purge_after > (SELECT clock_timestamp())
      AND purge_after < 'infinity'  -- guard: hidden-copy-empty-trash
    RETURNING id, trashed_with
), numbered AS (
    SELECT id, row_number() OVER (ORDER BY id) AS ordinal FROM ended WHERE id = trashed_with
), counted AS (
    -- Allocate the numbers of the changes.
    UPDATE files.usage SET last_change = last_change + (SELECT count(*) FROM numbered)
    WHERE owner_id = $1  -- guard: owner-end-all-grace-periods-usage
    RETURNING last_change - (SELECT count(*) FROM numbered) AS change_before
)
INSERT INTO files.changes (owner_id, number, what, file_id, actor_id)
SELECT $1, counted.change_before + numbered.ordinal, 'deleted', numbered.id, $2 FROM numbered, counted;

-- name: lock_counting
-- Let one transaction at a time count the files of trashed folders, also in other processes.
SELECT pg_try_advisory_xact_lock(hashtextextended('count trashed folders', 0));

-- name: select_folder_to_count
-- A folder in the trash whose files are not counted, and the version of its row. One whose count has
-- failed comes last, and after $1 attempts never. A folder that is due for the purge is not counted.
SELECT owner_id, id, xmin::text AS row_version FROM files.entries
WHERE trashed_with = id AND kind = 'folder' AND hidden_files IS NULL
  AND trashed_depth IS NOT NULL  -- guard: trash-count-new-folders
  AND count_attempts < $1 AND purge_after > now()
ORDER BY count_attempts, trashed_at LIMIT 1;

-- name: limit_counting
SET LOCAL statement_timeout = '2s';

-- name: count_hidden_files
-- The number of files that the trashed folder $2 hides. As in `measure_folder`.
WITH RECURSIVE folders AS (
    SELECT $2::uuid AS id
    UNION ALL
    SELECT child.id FROM folders CROSS JOIN LATERAL (
        SELECT e.id FROM files.entries e
        WHERE e.owner_id = $1 AND e.parent_id = folders.id AND e.kind = 'folder' AND e.trashed_at IS NULL
        ORDER BY e.id OFFSET 0) child
)
SELECT coalesce(sum(inside.files), 0)::bigint FROM folders CROSS JOIN LATERAL (
    SELECT count(*) AS files FROM files.entries e
    -- guard: owner-count-hidden-files
    WHERE e.owner_id = $1 AND e.parent_id = folders.id AND e.kind = 'file' AND e.trashed_at IS NULL) inside;

-- name: set_hidden_files
-- Save the number $3 of hidden files, unless the row has changed since the count began: each upload into the folder changes
-- it. $3 null: the files could not be counted.
WITH counted AS (
    UPDATE files.entries SET hidden_files = $3::bigint, count_attempts = count_attempts + ($3::bigint IS NULL)::int
    WHERE owner_id = $1 AND id = $2 AND trashed_at IS NOT NULL
      AND hidden_files IS NULL AND xmin::text = $4  -- guard: trash-count-row-version
    RETURNING hidden_files
)
UPDATE files.usage g SET hidden_files = g.hidden_files + coalesce(counted.hidden_files, 0)
FROM counted WHERE g.owner_id = $1;

-- name: add_hidden_file
-- A file was uploaded into a folder below the trashed folder $2. If its files are not counted yet, only the row changes.
WITH counted AS (
    UPDATE files.entries SET hidden_files = hidden_files + 1
    WHERE owner_id = $1 AND id = $2 RETURNING hidden_files  -- guard: owner-add-hidden-file
)
UPDATE files.usage g SET hidden_files = g.hidden_files + 1
FROM counted WHERE g.owner_id = $1 AND counted.hidden_files IS NOT NULL;
