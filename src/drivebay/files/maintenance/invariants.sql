-- The invariants of the database. Each statement returns its violations as rows (owner_id, detail), so no row means
-- that the invariant holds.
-- `invariant_check.py` tests one more invariant: every stored version has its object in the store.

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
FULL JOIN (SELECT owner_id, sum(size) AS size, count(*) FILTER (WHERE state = 'pending') AS n FROM files.uploads
           WHERE state IN ('pending', 'copying') GROUP BY owner_id) u ON u.owner_id = g.owner_id
WHERE (coalesce(g.reserved_bytes, 0), coalesce(g.open_uploads, 0)) <> (coalesce(u.size, 0), coalesce(u.n, 0));

-- name: file_count_counts_files_that_are_not_trashed_themselves
SELECT coalesce(g.owner_id, e.owner_id) AS owner_id,
       format('file_count is %s, there are %s', g.file_count, coalesce(e.n, 0)) AS detail
FROM files.usage g
FULL JOIN (SELECT owner_id, count(*) AS n FROM files.entries
           WHERE kind = 'file' AND trashed_at IS NULL GROUP BY owner_id) e ON e.owner_id = g.owner_id
WHERE coalesce(g.file_count, 0) <> coalesce(e.n, 0);

-- name: hidden_files_is_the_sum_of_trashed_folders
SELECT coalesce(g.owner_id, e.owner_id) AS owner_id,
       format('hidden_files is %s, the folders in the trash sum to %s', g.hidden_files, coalesce(e.n, 0)) AS detail
FROM files.usage g
FULL JOIN (SELECT owner_id, sum(hidden_files) AS n FROM files.entries
           WHERE trashed_at IS NOT NULL GROUP BY owner_id) e ON e.owner_id = g.owner_id
WHERE coalesce(g.hidden_files, 0) <> coalesce(e.n, 0);

-- name: a_trashed_folder_counts_the_files_that_it_hides
-- A purge may have trashed some of what is below it, and deleted folders between them.
WITH RECURSIVE hidden AS (
    SELECT e.owner_id, head.id AS head, e.id, false AS is_file
    FROM files.entries head JOIN files.entries e ON e.owner_id = head.owner_id AND e.trashed_with = head.id
    WHERE head.trashed_at IS NOT NULL AND head.hidden_files IS NOT NULL
    UNION ALL
    SELECT e.owner_id, hidden.head, e.id, e.kind = 'file'
    FROM hidden JOIN files.entries e ON e.owner_id = hidden.owner_id AND e.parent_id = hidden.id AND e.trashed_at IS NULL
)
SELECT head.owner_id, format('folder %s hides %s files, there are %s', head.id, head.hidden_files, t.n) AS detail
FROM (SELECT owner_id, head, count(*) FILTER (WHERE is_file) AS n FROM hidden GROUP BY owner_id, head) t
JOIN files.entries head ON head.owner_id = t.owner_id AND head.id = t.head
WHERE head.hidden_files <> t.n;

-- name: every_entry_has_its_search_name
SELECT e.owner_id, format('entry %s has the search name %s', e.id, s.name) AS detail
FROM files.entries e LEFT JOIN files.search_names s ON s.owner_id = e.owner_id AND s.id = e.id
WHERE s.name IS DISTINCT FROM files.search_text(e.name)
  AND NOT EXISTS (SELECT FROM files.search_backlog b WHERE b.owner_id = e.owner_id);

-- name: every_search_name_has_its_entry
SELECT s.owner_id, format('search name of entry %s, which does not exist', s.id) AS detail
FROM files.search_names s LEFT JOIN files.entries e ON e.owner_id = s.owner_id AND e.id = s.id
WHERE e.id IS NULL;

-- name: a_complete_upload_has_its_object
-- An instant upload has a version, but no object of its own.
SELECT u.owner_id, format('upload %s is complete without an object', u.id) AS detail
FROM files.uploads u
LEFT JOIN files.objects o ON o.owner_id = u.owner_id AND o.id = u.id AND NOT u.is_instant
LEFT JOIN files.versions v ON v.owner_id = u.owner_id AND v.id = u.id AND u.is_instant
WHERE u.state = 'complete' AND o.id IS NULL AND v.id IS NULL;

-- name: an_object_has_its_complete_upload
SELECT o.owner_id, format('object %s without a complete upload', o.id) AS detail
FROM files.objects o
LEFT JOIN files.uploads u ON u.owner_id = o.owner_id AND u.id = o.id AND u.state = 'complete' AND NOT u.is_instant
WHERE u.id IS NULL;

-- name: an_object_counts_its_references
SELECT coalesce(o.owner_id, v.owner_id) AS owner_id,
       format('object %s has %s references, there are %s', coalesce(o.id, v.object_id), o.refs, coalesce(v.n, 0)) AS detail
FROM files.objects o
FULL JOIN (SELECT owner_id, coalesce(object_id, id) AS object_id,
                  count(*) FILTER (WHERE state IN ('stored', 'missing')) AS n
           FROM files.versions GROUP BY owner_id, coalesce(object_id, id)) v
     ON v.owner_id = o.owner_id AND v.object_id = o.id
WHERE o.refs IS DISTINCT FROM coalesce(v.n, 0) OR v.object_id IS NULL;

-- name: a_version_matches_its_object
SELECT v.owner_id, format('version %s differs in size, checksum or key from its object', v.id) AS detail
FROM files.versions v JOIN files.objects o ON o.owner_id = v.owner_id AND o.id = coalesce(v.object_id, v.id)
WHERE v.size <> o.size OR v.sha256 <> o.sha256
   OR coalesce(v.key, v.owner_id || '/' || v.id) <> coalesce(o.key, o.owner_id || '/' || o.id);

-- name: a_version_matches_its_upload
SELECT v.owner_id, format('version %s differs in size or checksum from its upload', v.id) AS detail
FROM files.versions v JOIN files.uploads u ON u.owner_id = v.owner_id AND u.id = v.id
WHERE v.size <> u.size OR (u.sha256 IS NOT NULL AND v.sha256 IS NOT NULL AND u.sha256 <> v.sha256);

-- name: a_file_shows_its_own_stored_version
SELECT e.owner_id, format('file %s shows version %s, which is %s', e.id, e.version_id, coalesce(v.state, 'not found'))
       AS detail
FROM files.entries e LEFT JOIN files.versions v ON v.owner_id = e.owner_id AND v.id = e.version_id
WHERE e.kind = 'file'
  AND (v.id IS NULL OR v.state NOT IN ('stored', 'missing') OR v.file_id <> e.id OR v.size <> e.size
       OR v.replaced_at IS NOT NULL);

-- name: a_stored_version_is_shown_by_its_file_or_is_old
SELECT v.owner_id, format('version %s is stored, and its file does not show it', v.id) AS detail
FROM files.versions v LEFT JOIN files.entries e ON e.owner_id = v.owner_id AND e.id = v.file_id
WHERE v.state IN ('stored', 'missing')
  AND (e.id IS NULL OR v.replaced_at IS NULL AND e.version_id IS DISTINCT FROM v.id);

-- name: a_purged_version_is_queued
SELECT v.owner_id, format('version %s is %s and not in the purge queue', v.id, v.state) AS detail
FROM files.versions v
LEFT JOIN files.purges p ON p.owner_id = v.owner_id AND p.upload_id = coalesce(v.object_id, v.id) AND p.stage = v.state
WHERE v.state IN ('purging', 'purged') AND p.upload_id IS NULL;

-- name: an_object_with_a_reference_is_not_queued_for_purging
SELECT p.owner_id, format('upload %s has %s references or is pending, and is in the purge queue', p.upload_id, o.refs)
       AS detail
FROM files.purges p
LEFT JOIN files.objects o ON o.owner_id = p.owner_id AND o.id = p.upload_id
LEFT JOIN files.uploads u ON u.owner_id = p.owner_id AND u.id = p.upload_id
WHERE o.refs > 0 OR u.state = 'pending';

-- name: live_siblings_have_different_names
SELECT owner_id, format('%s entries outside the trash with one name under %s', count(*), parent_id) AS detail
FROM files.entries WHERE trashed_at IS NULL GROUP BY owner_id, parent_id, name HAVING count(*) > 1;

-- name: siblings_trashed_together_have_different_names
-- Entries with the same name in one folder could not be restored together.
SELECT owner_id, format('%s entries with one name under %s were trashed together', count(*), parent_id) AS detail
FROM files.entries WHERE trashed_at IS NOT NULL GROUP BY owner_id, parent_id, name, trashed_with HAVING count(*) > 1;

-- name: entries_trashed_together_have_the_same_times
SELECT e.owner_id, format('entry %s was not trashed at the time of %s', e.id, e.trashed_with) AS detail
FROM files.entries e JOIN files.entries head ON head.owner_id = e.owner_id AND head.id = e.trashed_with
WHERE (e.trashed_at, e.purge_after) IS DISTINCT FROM (head.trashed_at, head.purge_after);

-- name: entry_count_counts_files_and_folders
SELECT coalesce(g.owner_id, e.owner_id) AS owner_id,
       format('entry_count is %s, there are %s', g.entry_count, coalesce(e.n, 0)) AS detail
FROM files.usage g
FULL JOIN (SELECT owner_id, count(*) AS n FROM files.entries GROUP BY owner_id) e ON e.owner_id = g.owner_id
WHERE coalesce(g.entry_count, 0) <> coalesce(e.n, 0);

-- name: purge_count_counts_purges
SELECT coalesce(g.owner_id, p.owner_id) AS owner_id,
       format('purge_count is %s, there are %s', g.purge_count, coalesce(p.n, 0)) AS detail
FROM files.usage g
FULL JOIN (SELECT owner_id, count(*) AS n FROM files.purges GROUP BY owner_id) p ON p.owner_id = g.owner_id
WHERE coalesce(g.purge_count, 0) <> coalesce(p.n, 0);

-- name: an_entry_that_is_not_trashed_is_in_a_folder
-- If the folder is in the trash, the entry is in the trash with it.
SELECT e.owner_id, format('entry %s is under %s, which is not a folder', e.id, e.parent_id) AS detail
FROM files.entries e
LEFT JOIN files.entries p ON p.owner_id = e.owner_id AND p.id = e.parent_id AND p.kind = 'folder'
WHERE e.trashed_at IS NULL AND e.parent_id <> '00000000-0000-0000-0000-000000000000' AND p.id IS NULL;

-- name: folders_have_no_cycle
WITH RECURSIVE path_up AS (
    SELECT owner_id, id, parent_id, ARRAY[id] AS path, false AS cycle FROM files.entries
    WHERE kind = 'folder' AND trashed_at IS NULL
    UNION ALL
    SELECT path_up.owner_id, path_up.id, e.parent_id, path_up.path || e.id, e.id = ANY(path_up.path)
    FROM path_up JOIN files.entries e ON e.owner_id = path_up.owner_id AND e.id = path_up.parent_id
    WHERE NOT path_up.cycle
)
SELECT owner_id, format('folder %s is inside itself', id) AS detail FROM path_up WHERE cycle;

-- name: changes_are_numbered_without_gaps
SELECT coalesce(g.owner_id, c.owner_id) AS owner_id,
       format('changes %s to %s are expected, there are %s from %s to %s',
              g.trimmed_changes + 1, g.last_change, coalesce(c.n, 0), c.first, c.last) AS detail
FROM files.usage g
FULL JOIN (SELECT owner_id, count(*) AS n, min(number) AS first, max(number) AS last
           FROM files.changes GROUP BY owner_id) c ON c.owner_id = g.owner_id
WHERE g.owner_id IS NULL OR coalesce(c.n, 0) <> g.last_change - g.trimmed_changes
   OR c.first <> g.trimmed_changes + 1 OR c.last <> g.last_change;

-- name: a_drive_has_a_manager
SELECT d.owner_id, 'the drive has no manager' AS detail
FROM files.drives d LEFT JOIN files.members m ON m.owner_id = d.owner_id AND m.role = 'manager'
WHERE d.deleted_at IS NULL AND m.user_id IS NULL;

-- name: a_member_has_a_drive
SELECT m.owner_id, format('user %s is a member of a drive that does not exist', m.user_id) AS detail
FROM files.members m LEFT JOIN files.drives d ON d.owner_id = m.owner_id WHERE d.owner_id IS NULL;

-- name: a_permission_has_an_item
SELECT p.owner_id, format('user %s has a permission on %s, which does not exist', p.user_id, p.file_id) AS detail
FROM files.permissions p LEFT JOIN files.entries e ON e.owner_id = p.owner_id AND e.id = p.file_id WHERE e.id IS NULL;

-- name: shared_with_equals_the_permissions
SELECT coalesce(p.owner_id, s.owner_id) AS owner_id,
       format('user %s is %s on %s in permissions and %s in shared_with', coalesce(p.user_id, s.user_id),
              coalesce(p.role, 'not found'), coalesce(p.file_id, s.file_id), coalesce(s.role, 'not found')) AS detail
FROM files.permissions p
FULL JOIN files.shared_with s ON s.user_id = p.user_id AND s.owner_id = p.owner_id AND s.file_id = p.file_id
WHERE (p.role, p.created_by, p.created_at) IS DISTINCT FROM (s.role, s.shared_by, s.shared_at);

-- name: a_link_has_an_item
SELECT l.owner_id, format('link %s is to an entry that does not exist', l.id) AS detail
FROM files.links l LEFT JOIN files.entries e ON e.owner_id = l.owner_id AND e.id = l.file_id WHERE e.id IS NULL;

-- name: a_webhook_has_a_manager
SELECT w.owner_id, format('webhook %s is of user %s, whose role is %s', w.id, w.created_by, coalesce(m.role, 'none')) AS detail
FROM files.webhooks w
LEFT JOIN files.members m ON m.owner_id = w.owner_id AND m.user_id = w.created_by
LEFT JOIN files.drives d ON d.owner_id = w.owner_id
WHERE w.owner_id <> w.created_by
  AND (m.role IS NULL OR d.deleted_at IS NOT NULL OR m.role <> 'manager' AND w.disabled_at IS NULL);

-- name: a_webhook_has_no_number_beyond_the_feed
SELECT w.owner_id, format('webhook %s is done up to change %s of %s', w.id, w.last_number, coalesce(g.last_change, 0)) AS detail
FROM files.webhooks w LEFT JOIN files.usage g ON g.owner_id = w.owner_id
WHERE w.last_number > coalesce(g.last_change, 0);

-- name: a_hidden_entry_is_of_a_job_that_is_not_settled
SELECT e.owner_id, format('entry %s never expires in the trash, and no job needs it', e.id) AS detail
FROM files.entries e
LEFT JOIN files.jobs j ON j.owner_id = e.owner_id AND j.id = e.trashed_with AND NOT j.is_settled AND j.status <> 'done'
WHERE e.purge_after = 'infinity' AND j.id IS NULL;

-- name: a_running_job_has_copied_as_many_entries_as_it_says
SELECT j.owner_id, format('job %s has copied %s entries, there are %s', j.id, j.done, count(e.id)) AS detail
FROM files.jobs j
LEFT JOIN files.entries e ON e.owner_id = j.owner_id AND e.trashed_with = j.id AND e.purge_after = 'infinity'
WHERE j.status = 'running' GROUP BY j.owner_id, j.id, j.done HAVING j.done <> count(e.id);

-- name: a_copying_upload_is_of_a_job_that_is_not_settled
SELECT coalesce(u.owner_id, o.owner_id) AS owner_id,
       format('upload %s is copied by job %s, which is %s', coalesce(u.id, o.upload_id), o.job_id, j.status) AS detail
FROM (SELECT owner_id, id FROM files.uploads WHERE state = 'copying') u
FULL JOIN files.job_objects o ON o.owner_id = u.owner_id AND o.upload_id = u.id
LEFT JOIN files.jobs j ON j.owner_id = o.owner_id AND j.id = o.job_id AND NOT j.is_settled AND j.status <> 'done'
WHERE u.id IS NULL OR j.id IS NULL;
