-- Statements that read the change feed. `$1` is the owner. All times come from the database clock.

-- name: select_last_change
SELECT last_change FROM files.usage WHERE owner_id = $1;  -- guard: owner-select-last-change

-- name: select_changes
-- Up to $3 changes after the number $2, each with its item as it is now. If there is no such change, the result is one row
-- with null values for the change. If the owner has no row in files.usage, there is no row and no change. One statement
-- reads both tables, so the numbers match the changes.
-- An item whose grace period is over cannot be restored, so it counts as deleted. An item in a trashed folder has the times of that
-- folder.
SELECT g.trimmed_changes, g.last_change, c.number, c.what, c.file_id, c.at, c.actor_id, item.*
FROM files.usage g
LEFT JOIN LATERAL (
    SELECT number, what, file_id, at, actor_id FROM files.changes
    WHERE owner_id = $1 AND number > $2  -- guard: owner-select-changes
      AND what <> 'purged'  -- guard: changes-purged
    ORDER BY number LIMIT $3) c ON true
LEFT JOIN files.entries e ON e.owner_id = $1 AND e.id = c.file_id  -- guard: owner-select-changed-entry
-- Once for each folder: the planner remembers the result.
LEFT JOIN LATERAL (SELECT files.nearest_trashed($1, e.parent_id) AS id OFFSET 0) above ON e.trashed_at IS NULL
LEFT JOIN files.entries head
    ON head.owner_id = $1 AND head.id = CASE WHEN e.trashed_at IS NOT NULL THEN e.id ELSE above.id END
LEFT JOIN LATERAL (
    SELECT e.*, head.trashed_at AS in_trash_since, head.purge_after AS in_trash_until
    WHERE e.trashed_at IS NULL AND above.id IS NULL OR head.purge_after > now()  -- guard: changes-gone
) item ON true
WHERE g.owner_id = $1  -- guard: owner-select-changes-usage
ORDER BY c.number;

-- name: list_activity_page
-- Up to $4 changes of the entry $2 with numbers below $3, newest first. If there is no such change, the result is one row
-- with null values. If there is no such entry, or if it is in the trash, there is no row.
SELECT c.number, c.what, c.at, c.actor_id
FROM files.entries e
LEFT JOIN LATERAL (
    SELECT number, what, at, actor_id FROM files.changes
    WHERE owner_id = $1 AND file_id = e.id AND number < $3  -- guard: owner-list-activity
      AND what <> 'purged'  -- guard: activity-purged
    ORDER BY number DESC LIMIT $4) c ON true
WHERE e.owner_id = $1 AND e.id = $2 AND e.trashed_at IS NULL  -- guard: owner-list-activity-entry
  AND files.nearest_trashed($1, e.parent_id) IS NULL  -- guard: trash-above-activity
ORDER BY c.number DESC;

-- name: delete_changes
-- Delete the changes of every owner, after a restore.
DELETE FROM files.changes;

-- name: restart_feeds
-- After a restore: the numbers of every feed continue above all numbers that were ever used, also those after the backup.
-- $1 are users, who may have no row yet. A feed grows by less than a million changes a second, so the microseconds of
-- the clock are above all its numbers.
INSERT INTO files.usage AS g (owner_id, trimmed_changes, last_change)
SELECT owner_id, number, number
FROM (SELECT unnest($1::uuid[]) AS owner_id UNION SELECT owner_id FROM files.usage) o,
     (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS number) n
ON CONFLICT (owner_id) DO UPDATE
SET trimmed_changes = excluded.trimmed_changes, last_change = excluded.last_change;  -- guard: restore-expires-cursors
