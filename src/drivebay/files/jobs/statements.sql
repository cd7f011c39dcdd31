-- Statements on jobs. `$1` is the owner and `$2` the job, unless stated otherwise. All times come from the database clock.
--
-- The entries of a copy that is not complete are hidden: `trashed_with` is the job, and `purge_after` is infinite.

-- name: count_unfinished_jobs
-- The jobs of the user $2 in the drive $1 that run, or that are not cleaned up yet.
SELECT count(*) FROM files.jobs WHERE owner_id = $1 AND created_by = $2 AND NOT is_settled;

-- name: insert_job
-- Insert a copy of the folder $4 for the user $3, to the folder $5 with the name $6 and the rule $7. It has at least $8
-- entries. $9 is the drive of the original, if the copy is for another drive. With the lease $10, its holder has $11 for a
-- step.
INSERT INTO files.jobs (owner_id, id, kind, created_by, source_id, parent_id, name, on_conflict, total, source_drive_id, lease,
                        leased_until)
VALUES ($1, $2, 'copy', $3, $4, $5, $6, $7, $8, $9, $10::uuid, CASE WHEN $10 IS NOT NULL THEN now() + $11::interval END)
RETURNING *, CASE WHEN lease IS NULL THEN due_at END AS waiting_since;

-- name: prune_jobs_of_user
-- Delete up to 100 ended jobs of the user $1, and keep the $2 jobs that ended last. A user has not many more than $2 jobs, so
-- no index is needed. The jobs that are kept are not locked. A concurrent call skips the locked rows instead of waiting.
DELETE FROM files.jobs j USING (
    SELECT o.owner_id, o.id FROM files.jobs o JOIN (
        SELECT owner_id, id FROM files.jobs WHERE created_by = $1 AND is_settled
        ORDER BY ended_at DESC, id DESC OFFSET $2 LIMIT 100) excess USING (owner_id, id)
    FOR UPDATE OF o SKIP LOCKED) old
WHERE j.owner_id = old.owner_id AND j.id = old.id;

-- name: select_job
-- The job $2 of the user $1. Its drive is the user's own, or one that is shared with the user.
SELECT j.*, CASE WHEN j.status = 'running' AND coalesce(j.leased_until, '-infinity') <= now() THEN j.due_at END AS waiting_since
FROM files.jobs j
WHERE j.created_by = $1 AND j.id = $2  -- guard: job-creator
  AND (j.owner_id = $1
       OR EXISTS (SELECT FROM files.members m JOIN files.drives d ON d.owner_id = m.owner_id AND d.deleted_at IS NULL
                  WHERE m.owner_id = j.owner_id AND m.user_id = $1)  -- guard: job-of-left-drive
       OR EXISTS (SELECT FROM files.permissions p WHERE p.owner_id = j.owner_id AND p.user_id = $1
                  AND NOT EXISTS (SELECT FROM files.drives d WHERE d.owner_id = p.owner_id AND d.deleted_at IS NOT NULL)));

-- name: cancel_job
-- A job that has copied nothing yet needs no worker to clean it up.
UPDATE files.jobs j
SET status = 'cancelled', ended_at = now(), due_at = now(),
    is_settled = folder_count = 0  -- guard: cancel-unfinished-job
WHERE owner_id = $1 AND id = $2 AND status = 'running';  -- guard: cancel-ended-job

-- name: end_unclaimed_jobs
-- Fail the jobs of the user $1 that no worker has claimed for $2. As in `cancel_job`, some of them need no worker any more.
UPDATE files.jobs
SET status = 'failed', ended_at = now(), due_at = now(), is_settled = folder_count = 0, error_code = 'unavailable',
    error_detail = 'no worker has run the job for a day: ask the operator whether the service worker runs'
WHERE created_by = $1 AND status = 'running'
  AND greatest(due_at, leased_until) < now() - $2::interval;  -- guard: job-unclaimed

-- name: cancel_jobs_of_drive
UPDATE files.jobs SET status = 'cancelled', ended_at = now(), due_at = now() WHERE owner_id = $1 AND status = 'running';

-- name: list_unfinished_jobs
-- The jobs of the drive $1 that have hidden entries or rows of folders.
SELECT * FROM files.jobs WHERE owner_id = $1 AND NOT is_settled ORDER BY id;

-- name: prune_jobs
-- Delete up to 100 jobs that ended longer ago than $1.
DELETE FROM files.jobs j USING (
    SELECT owner_id, id FROM files.jobs WHERE is_settled AND ended_at < now() - $1::interval
    ORDER BY ended_at LIMIT 100 FOR UPDATE SKIP LOCKED) old
WHERE j.owner_id = old.owner_id AND j.id = old.id;

-- name: lease_jobs
-- Lease up to $2 jobs to $1, for $3, the longest waiting first, and one of each drive. A repeat of a claim whose response
-- was lost gets the same jobs.
WITH waiting AS (
    SELECT j.owner_id, j.id, j.lease IS NOT DISTINCT FROM $1 AS is_repeat,
           row_number() OVER (PARTITION BY j.owner_id ORDER BY j.lease IS DISTINCT FROM $1, j.due_at, j.id) AS place
    FROM files.jobs j
    WHERE NOT j.is_settled AND (j.lease = $1 OR j.due_at <= now())
      -- A copy of one file holds the lock of the drive only for a short time, so other jobs run beside it.
      AND NOT EXISTS (SELECT FROM files.jobs o WHERE o.owner_id = j.owner_id AND NOT o.is_settled AND o.id <> j.id
                      AND o.total > 1
                      AND o.leased_until > now())  -- guard: job-drive-share
), due AS (
    SELECT j.owner_id, j.id FROM files.jobs j JOIN waiting ON waiting.owner_id = j.owner_id AND waiting.id = j.id
    WHERE waiting.place = 1 AND NOT j.is_settled
      AND (j.leased_until IS NULL OR j.leased_until <= now() OR j.lease = $1)  -- guard: job-lease
    ORDER BY j.due_at LIMIT $2
    FOR UPDATE OF j SKIP LOCKED
)
UPDATE files.jobs j
SET lease = $1, leased_until = now() + $3::interval, attempts = j.attempts + (j.lease IS DISTINCT FROM $1)::int
FROM due WHERE j.owner_id = due.owner_id AND j.id = due.id
RETURNING j.owner_id, j.id;

-- name: select_unfinished_job
SELECT * FROM files.jobs WHERE owner_id = $1 AND id = $2 AND NOT is_settled;

-- name: lock_leased_job
-- Lock the job, if it still has the lease $3. No other transaction changes it before this one ends.
SELECT * FROM files.jobs WHERE owner_id = $1 AND id = $2 AND NOT is_settled
  AND lease = $3  -- guard: job-fencing
FOR UPDATE;

-- name: keep_job_lease
-- A step has succeeded. The lease continues for $3, or ends if $3 is null.
UPDATE files.jobs
SET attempts = 0, steps = steps + 1, due_at = now(), leased_until = (SELECT clock_timestamp()) + $3::interval,
    lease = CASE WHEN $3::interval IS NOT NULL THEN lease END
WHERE owner_id = $1 AND id = $2;

-- name: release_jobs
-- The lease $1 ends.
UPDATE files.jobs SET lease = NULL, leased_until = NULL WHERE lease = $1 AND NOT is_settled;  -- guard: job-release

-- name: set_job_total
-- The tree has $3 entries with $4 bytes.
UPDATE files.jobs SET total = greatest($3, 1), total_bytes = $4, is_measured = true WHERE owner_id = $1 AND id = $2;

-- name: close_moved_folders
-- Of the next $3 open folders, close the folders that are not below the source $4 any more: they were moved away or put into
-- the trash, so the user who copies may have no access to them. Return the ordinal of the last of the $3 folders.
WITH RECURSIVE open AS (
    SELECT ordinal, folder_id FROM files.job_folders
    WHERE owner_id = $1 AND job_id = $2 AND NOT is_done ORDER BY ordinal LIMIT $3
), above AS (
    SELECT open.ordinal, open.folder_id AS id, 1 AS steps FROM open
    UNION ALL
    SELECT above.ordinal, e.parent_id, above.steps + 1
    FROM above JOIN files.entries e ON e.owner_id = $1 AND e.id = above.id AND e.trashed_at IS NULL
    WHERE above.id <> $4 AND above.steps < 1000
), closed AS (
    UPDATE files.job_folders f SET is_done = true
    FROM open
    WHERE f.owner_id = $1 AND f.job_id = $2 AND f.ordinal = open.ordinal
      AND NOT EXISTS (SELECT FROM above WHERE above.ordinal = open.ordinal AND above.id = $4)  -- guard: job-moved-folder
)
SELECT max(ordinal) FROM open;

-- name: list_next_originals
-- The next entries to copy, up to $4. They are in the open folders up to the ordinal $3. In each folder, they come after
-- the last name that was copied.
SELECT f.ordinal, f.copy_id, f.depth, child.id, child.kind, child.name, child.size
FROM (SELECT ordinal, folder_id, copy_id, depth, after FROM files.job_folders
      WHERE owner_id = $1 AND job_id = $2 AND NOT is_done AND ordinal <= $3 ORDER BY ordinal) f
CROSS JOIN LATERAL (
    SELECT e.id, e.kind, e.name, e.size FROM files.entries e
    WHERE e.owner_id = $1 AND e.parent_id = f.folder_id AND e.trashed_at IS NULL  -- guard: owner-list-originals
      AND e.name > f.after  -- guard: job-copied-name
    ORDER BY e.name LIMIT $4) child
ORDER BY f.ordinal, child.name LIMIT $4;

-- name: insert_hidden_copies
-- Insert hidden copies. Arrays: $3 originals, $4 ids, $5 parents, $6 ids of the versions of files. $7 is the actor, $8 the
-- time of the job. The caller has checked the limits.
WITH copies AS (
    SELECT e.*, c.new_id, c.new_parent, c.new_version
    FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[]) AS c (original, new_id, new_parent, new_version)
    JOIN files.entries e ON e.owner_id = $1 AND e.id = c.original AND e.trashed_at IS NULL  -- guard: owner-hidden-copies
), inserted AS (
    INSERT INTO files.entries (owner_id, id, parent_id, kind, name, version_id, size, content_type, sha256, modified_at,
                               properties, created_by, modified_by, trashed_at, purge_after, trashed_with)
    SELECT owner_id, new_id, new_parent, kind, name, new_version, size, content_type, sha256, modified_at, properties,
           $7::uuid, $7::uuid, $8::timestamptz, 'infinity', $2
    FROM copies
), versions AS (
    INSERT INTO files.versions (owner_id, id, file_id, state, size, content_type, sha256, etag, part_size, parts_sha256,
                                created_by, key, object_id)
    SELECT v.owner_id, copies.new_version, copies.new_id, v.state, v.size, v.content_type, v.sha256, v.etag, v.part_size,
           v.parts_sha256, $7, coalesce(v.key, v.owner_id || '/' || v.id), coalesce(v.object_id, v.id)
    FROM copies JOIN files.versions v ON v.owner_id = $1 AND v.id = copies.version_id
), charged AS (
    -- Each copy counts in the usage. Its files are not counted until they are visible.
    UPDATE files.usage SET used_bytes = used_bytes + (SELECT coalesce(sum(size), 0)::bigint FROM copies)
    WHERE owner_id = $1  -- guard: owner-hidden-copies-usage
)
SELECT count(*) FROM copies;

-- name: insert_job_folders
-- Arrays: $3 ordinals, $4 folders, $5 their copies, $6 depths.
INSERT INTO files.job_folders (owner_id, job_id, ordinal, folder_id, copy_id, depth)
SELECT $1, $2, f.ordinal, f.folder_id, f.copy_id, f.depth
FROM unnest($3::bigint[], $4::uuid[], $5::uuid[], $6::int[]) AS f (ordinal, folder_id, copy_id, depth);

-- name: save_job_progress
-- Record how far the open folders up to the ordinal $3 are copied: every folder before the ordinal $4 is done, and the
-- folder $4 is copied up to the name $5. If $4 is null, every folder is done.
UPDATE files.job_folders
SET is_done = coalesce(ordinal < $4::bigint, true), after = CASE WHEN ordinal = $4 THEN $5 ELSE after END
WHERE owner_id = $1 AND job_id = $2 AND NOT is_done AND ordinal <= least($3::bigint, $4);

-- name: advance_job
-- The job has copied $3 more entries, of which $4 are folders, with $5 bytes.
UPDATE files.jobs
SET done = done + $3, folder_count = folder_count + $4, total = greatest(total, done + $3), done_bytes = done_bytes + $5,
    total_bytes = greatest(total_bytes, done_bytes + $5)
WHERE owner_id = $1 AND id = $2;

-- name: publish_copies
-- Show all copies of the job at once: the copy $3 of the source gets the parent $4 and the name $5. $6 is the actor, $7 the
-- time of the job. Return the number of copies, and the row of $3.
WITH shown AS (
    UPDATE files.entries
    SET trashed_at = NULL, purge_after = NULL, trashed_with = NULL, created_at = now(),
        parent_id = CASE WHEN id = $3 THEN $4 ELSE parent_id END, name = CASE WHEN id = $3 THEN $5 ELSE name END
    WHERE owner_id = $1 AND trashed_at = $7 AND trashed_with = $2
    RETURNING *
), numbered AS (
    -- Each folder before its contents: ordered by the ordinal of the folder that an entry is in.
    SELECT shown.id, shown.kind, row_number() OVER (ORDER BY coalesce(f.ordinal, -1), shown.id) AS ordinal
    FROM shown LEFT JOIN files.job_folders f ON f.owner_id = $1 AND f.job_id = $2 AND f.copy_id = shown.parent_id
), counted AS (
    -- Add the files to the file count, and allocate the numbers of the changes.
    UPDATE files.usage g SET file_count = g.file_count + t.files, last_change = g.last_change + t.n
    FROM (SELECT count(*) AS n, count(*) FILTER (WHERE kind = 'file') AS files FROM numbered) t
    WHERE g.owner_id = $1  -- guard: owner-publish-copies-usage
    RETURNING g.last_change - t.n AS change_before
), changes AS (
    -- One change for each copy, so that a follower sees every new entry.
    INSERT INTO files.changes (owner_id, number, what, file_id, actor_id)
    SELECT $1, counted.change_before + numbered.ordinal, 'created', numbered.id, $6 FROM numbered, counted
)
SELECT (SELECT count(*) FROM shown) AS count, shown.* FROM shown WHERE id = $3;

-- name: first_copy
-- The id of the copy of the source: a folder, or a file that is copied into another drive.
SELECT copy_id FROM files.job_folders WHERE owner_id = $1 AND job_id = $2 AND ordinal = 0;

-- name: deepest_copy
-- The number of levels from the copy of the source to its deepest folder, both included. 0 if a file is copied.
SELECT max(depth) FROM files.job_folders WHERE owner_id = $1 AND job_id = $2;

-- name: end_job
-- The job has ended with the status $3, the result $4 or the error $5 with the detail $6.
UPDATE files.jobs SET status = $3, ended_at = now(), result = $4, error_code = $5, error_detail = $6
WHERE owner_id = $1 AND id = $2 AND status = 'running';

-- name: delete_hidden_copies
-- Delete up to $4 hidden entries. $3 is the time of the job. `release_versions_of` then releases their versions.
DELETE FROM files.entries e
USING (SELECT id FROM files.entries
       WHERE owner_id = $1 AND trashed_at = $3 AND trashed_with = $2 LIMIT $4) hidden
WHERE e.owner_id = $1 AND e.id = hidden.id
RETURNING e.owner_id, e.id;

-- name: delete_job_folders
-- Delete up to $3 rows.
DELETE FROM files.job_folders f
USING (SELECT ordinal FROM files.job_folders WHERE owner_id = $1 AND job_id = $2 LIMIT $3) old
WHERE f.owner_id = $1 AND f.job_id = $2 AND f.ordinal = old.ordinal RETURNING 1;

-- name: finish_job
-- All data of the job is deleted except its row.
UPDATE files.jobs SET is_settled = true, lease = NULL, leased_until = NULL WHERE owner_id = $1 AND id = $2;
