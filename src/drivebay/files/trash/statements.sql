-- Statements on the trash. `$1` is the owner and `$2` the entry, unless stated otherwise. All times come from the
-- database clock.

-- name: trash_entry
-- Move an entry to the trash, with everything below it if it is a folder. It can be restored for the time $3. $4 is the
-- actor.
WITH RECURSIVE subtree AS (
    -- The entry, and the entries below it that are not in the trash. ORDER BY here and the array below lead the planner to
    -- the indexes. It expects too many rows, and would otherwise read all entries of the owner.
    SELECT id, kind FROM files.entries WHERE owner_id = $1 AND id = $2 AND trashed_at IS NULL
    UNION ALL
    SELECT child.id, child.kind FROM subtree CROSS JOIN LATERAL (
        SELECT e.id, e.kind FROM files.entries e
        WHERE e.owner_id = $1 AND e.parent_id = subtree.id  -- guard: owner-trash-subtree
          AND e.trashed_at IS NULL  -- guard: trash-skip-trashed
        ORDER BY e.name) child
    WHERE subtree.kind = 'folder'
), trashed AS (
    UPDATE files.entries e
    SET trashed_at = now(), purge_after = now() + $3::interval, trashed_with = $2, revision = e.revision + 1
    WHERE e.owner_id = $1 AND e.id = ANY(ARRAY(SELECT id FROM subtree))  -- guard: owner-trash-entry
    RETURNING e.kind
), counted AS (
    -- Subtract the files from the file count, and allocate the next change number.
    UPDATE files.usage SET file_count = file_count - (SELECT count(*) FROM trashed WHERE kind = 'file'),
                           last_change = last_change + 1
    WHERE owner_id = $1 AND EXISTS (SELECT FROM trashed)  -- guard: owner-trash-usage
    RETURNING last_change
)
-- One change for the entry and all below it.
INSERT INTO files.changes (owner_id, number, what, file_id, actor_id)
SELECT $1, last_change, 'trashed', $2, $4 FROM counted;

-- name: select_trashed
-- An entry in the trash. Only `restore_entry` decides whether it can still be restored.
SELECT * FROM files.entries WHERE owner_id = $1 AND id = $2 AND trashed_at IS NOT NULL;

-- name: select_height_in_trash
-- The number of levels of folders from $2 down, including $2, that were trashed with $2. ORDER BY and OFFSET as in
-- `select_height`.
WITH RECURSIVE descendants AS (
    SELECT id, 1 AS depth FROM files.entries WHERE owner_id = $1 AND id = $2 AND kind = 'folder'
    UNION ALL
    SELECT child.id, descendants.depth + 1 FROM descendants CROSS JOIN LATERAL (
        SELECT e.id, e.kind FROM files.entries e
        -- guard: owner-select-height-in-trash
        WHERE e.owner_id = $1 AND e.parent_id = descendants.id AND e.trashed_at IS NOT NULL
          AND e.trashed_with = $2
        ORDER BY e.name OFFSET 0) child
    WHERE child.kind = 'folder' AND descendants.depth < 2000
)
SELECT coalesce(max(depth), 0) FROM descendants;

-- name: restore_entry
-- Restore an entry that was deleted directly, not as part of a folder, at the time $5. Everything that was trashed with
-- it is restored too. Its parent becomes $3 and its name $4. $6 is the actor. No row: the grace period is over, or a
-- purge has deleted the entry.
WITH restored AS (
    UPDATE files.entries
    SET trashed_at = NULL, purge_after = NULL, trashed_with = NULL, revision = revision + 1,
        parent_id = CASE id WHEN $2 THEN $3 ELSE parent_id END, name = CASE id WHEN $2 THEN $4 ELSE name END
    WHERE owner_id = $1 AND trashed_at = $5  -- guard: owner-restore-entry
      AND trashed_with = $2  -- guard: restore-trashed-with
      -- Use `clock_timestamp()`, not `now()`: the transaction may have waited for the owner's lock while a purge ran.
      AND purge_after > (SELECT clock_timestamp())  -- guard: restore-grace-period, restore-clock
    RETURNING *
), counted AS (
    -- Add the files to the file count, and allocate the next change number.
    UPDATE files.usage SET file_count = file_count + (SELECT count(*) FROM restored WHERE kind = 'file'),
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
-- The entries that were deleted directly, not as part of a folder, and can be restored. Latest first, after the
-- position ($2, $3).
SELECT * FROM files.entries
WHERE owner_id = $1 AND trashed_with = id AND trashed_at IS NOT NULL  -- guard: owner-list-trash
  AND purge_after > now()  -- guard: trash-listing-grace-period
  AND (trashed_at, id) < ($2::timestamptz, $3::uuid)
ORDER BY trashed_at DESC, id DESC LIMIT $4;

-- name: end_grace_period
-- End the grace period of an entry that was deleted directly, and of everything that was trashed with it. The next purge
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
-- The same for everything in the trash. $2 is the actor. Each entry that was deleted directly gets a change.
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
