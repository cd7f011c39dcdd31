-- What is always true of the data, each written so that every row it returns is a violation:
-- (owner_id, detail). Invariant 3 (every stored version has its object) asks the store and is in
-- `check.py`; invariant 5 (nobody reaches another's rows) is a property of every statement and is tested.

-- name: used_is_the_sum_of_versions
SELECT coalesce(g.owner_id, v.owner_id) AS owner_id,
       format('used_bytes is %s, versions sum to %s', g.used_bytes, coalesce(v.size, 0)) AS detail
FROM files.usage g
FULL JOIN (SELECT owner_id, sum(size) AS size FROM files.versions WHERE state <> 'purged' GROUP BY owner_id) v
     ON v.owner_id = g.owner_id
WHERE coalesce(g.used_bytes, 0) <> coalesce(v.size, 0);

-- name: reserved_is_the_sum_of_pending_uploads
SELECT coalesce(g.owner_id, u.owner_id) AS owner_id,
       format('reserved_bytes is %s and open_uploads %s, pending uploads sum to %s in %s',
              g.reserved_bytes, g.open_uploads, coalesce(u.size, 0), coalesce(u.n, 0)) AS detail
FROM files.usage g
FULL JOIN (SELECT owner_id, sum(size) AS size, count(*) AS n FROM files.uploads
           WHERE state = 'pending' GROUP BY owner_id) u ON u.owner_id = g.owner_id
WHERE (coalesce(g.reserved_bytes, 0), coalesce(g.open_uploads, 0)) <> (coalesce(u.size, 0), coalesce(u.n, 0));

-- name: file_count_counts_files_outside_the_trash
SELECT coalesce(g.owner_id, e.owner_id) AS owner_id,
       format('file_count is %s, there are %s', g.file_count, coalesce(e.n, 0)) AS detail
FROM files.usage g
FULL JOIN (SELECT owner_id, count(*) AS n FROM files.entries
           WHERE kind = 'file' AND trashed_at IS NULL GROUP BY owner_id) e ON e.owner_id = g.owner_id
WHERE coalesce(g.file_count, 0) <> coalesce(e.n, 0);

-- name: a_complete_upload_has_its_version
SELECT u.owner_id, format('upload %s is complete without a version', u.id) AS detail
FROM files.uploads u LEFT JOIN files.versions v ON v.owner_id = u.owner_id AND v.id = u.id
WHERE u.state = 'complete' AND v.id IS NULL;

-- name: a_version_has_its_complete_upload
SELECT v.owner_id, format('version %s without a complete upload', v.id) AS detail
FROM files.versions v LEFT JOIN files.uploads u ON u.owner_id = v.owner_id AND u.id = v.id AND u.state = 'complete'
WHERE u.id IS NULL;

-- name: a_version_is_what_was_intended
SELECT v.owner_id, format('version %s differs in size or checksum from its upload', v.id) AS detail
FROM files.versions v JOIN files.uploads u ON u.owner_id = v.owner_id AND u.id = v.id
WHERE v.size <> u.size OR (u.sha256 IS NOT NULL AND v.sha256 IS NOT NULL AND u.sha256 <> v.sha256);

-- name: a_file_shows_its_own_stored_version
SELECT e.owner_id, format('file %s shows version %s, which is %s', e.id, e.version_id, coalesce(v.state, 'not there'))
       AS detail
FROM files.entries e LEFT JOIN files.versions v ON v.owner_id = e.owner_id AND v.id = e.version_id
WHERE e.kind = 'file'
  AND (v.id IS NULL OR v.state NOT IN ('stored', 'missing') OR v.file_id <> e.id OR v.size <> e.size);

-- name: a_stored_version_is_shown_by_its_file
SELECT v.owner_id, format('version %s is stored and no file shows it', v.id) AS detail
FROM files.versions v LEFT JOIN files.entries e ON e.owner_id = v.owner_id AND e.version_id = v.id
WHERE v.state IN ('stored', 'missing') AND e.id IS NULL;

-- name: what_is_purged_is_queued
SELECT v.owner_id, format('version %s is %s and not in the purge queue', v.id, v.state) AS detail
FROM files.versions v LEFT JOIN files.purges p ON p.owner_id = v.owner_id AND p.upload_id = v.id AND p.stage = v.state
WHERE v.state IN ('purging', 'purged') AND p.upload_id IS NULL;

-- name: nothing_stored_is_queued_for_purging
SELECT p.owner_id, format('upload %s is %s and in the purge queue', p.upload_id, coalesce(v.state, u.state)) AS detail
FROM files.purges p
LEFT JOIN files.versions v ON v.owner_id = p.owner_id AND v.id = p.upload_id
LEFT JOIN files.uploads u ON u.owner_id = p.owner_id AND u.id = p.upload_id
WHERE v.state IN ('stored', 'missing') OR u.state = 'pending';

-- name: live_siblings_have_different_names
SELECT owner_id, format('%s live entries named alike under %s', count(*), parent_id) AS detail
FROM files.entries WHERE trashed_at IS NULL GROUP BY owner_id, parent_id, name HAVING count(*) > 1;

-- name: a_live_entry_is_in_a_live_folder
SELECT e.owner_id, format('entry %s is under %s, which is no live folder', e.id, e.parent_id) AS detail
FROM files.entries e
LEFT JOIN files.entries p ON p.owner_id = e.owner_id AND p.id = e.parent_id AND p.kind = 'folder'
                             AND p.trashed_at IS NULL
WHERE e.trashed_at IS NULL AND e.parent_id <> '00000000-0000-0000-0000-000000000000' AND p.id IS NULL;

-- name: folders_have_no_cycle
WITH RECURSIVE up AS (
    SELECT owner_id, id, parent_id, ARRAY[id] AS path, false AS cycle FROM files.entries
    WHERE kind = 'folder' AND trashed_at IS NULL
    UNION ALL
    SELECT up.owner_id, up.id, e.parent_id, up.path || e.id, e.id = ANY(up.path)
    FROM up JOIN files.entries e ON e.owner_id = up.owner_id AND e.id = up.parent_id WHERE NOT up.cycle
)
SELECT owner_id, format('folder %s is inside itself', id) AS detail FROM up WHERE cycle;

-- name: changes_are_numbered_without_gaps
SELECT coalesce(g.owner_id, c.owner_id) AS owner_id,
       format('last_change is %s, recorded are %s up to %s', g.last_change, coalesce(c.n, 0), c.last) AS detail
FROM files.usage g
FULL JOIN (SELECT owner_id, count(*) AS n, max(number) AS last FROM files.changes GROUP BY owner_id) c
     ON c.owner_id = g.owner_id
WHERE coalesce(g.last_change, 0) <> coalesce(c.n, 0) OR coalesce(c.last, 0) <> coalesce(c.n, 0);
