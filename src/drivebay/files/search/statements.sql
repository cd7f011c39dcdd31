-- Statements of the search over names. `$1` is the owner.

-- name: select_search_text
-- A text in the form in which names are compared.
SELECT files.search_text($1);

-- name: scan_by_name
-- The source of names for `scan`: at most $11 that begin with $12, in order, after the name $14 and the id $13.
SELECT id, name FROM files.search_names
-- guard: owner-scan-by-name
WHERE owner_id = $1 AND (name, id) > ($14, $13::uuid) AND name < $12::text || chr(1114111)
ORDER BY name, id LIMIT $11

-- name: scan_newest
-- The newest $11 names, after the id $13. The ids of entries grow with time.
SELECT id, name FROM files.search_names
WHERE owner_id = $1 AND id < $13::uuid ORDER BY id DESC LIMIT $11  -- guard: owner-scan-newest

-- name: scan_pairs
-- At most $11 names with all pairs of characters of $12, newest first, after the id $13.
-- The keys contain the owner. OFFSET keeps the planner from the primary key: it would read all names of the owner.
SELECT id, name FROM (
    SELECT owner_id, id, name FROM files.search_names
    WHERE files.search_keys(owner_id, name) @> files.search_pairs($1, $12) OFFSET 0) keyed
WHERE owner_id = $1 AND id < $13::uuid
ORDER BY id DESC LIMIT $11

-- name: scan_words
-- At most $11 names with a word that may be $17 misspelled, newest first, after the id $13.
-- OFFSET as in `scan_pairs`.
SELECT id, name FROM (
    SELECT owner_id, id, name FROM files.search_names
    WHERE files.search_keys(owner_id, name) && files.search_words($1, $17) OFFSET 0) keyed
WHERE owner_id = $1 AND id < $13::uuid
ORDER BY id DESC LIMIT $11

-- name: scan
-- A template, which `SearchStore` fills in for each source of names. Read names from the source, and return at most $10
-- entries whose name passes the condition. Every row has the last name that was read and the number of names that were
-- read. If no entry passes, one row has only these two values. Filters: kind $2, patterns of media types $3, sizes $4 to $5, changed
-- after $6 and before $7, below the folder $8, stars $9. LATERAL and OFFSET lead the planner to the primary key: it expects too
-- many names.
WITH scanned AS MATERIALIZED (
    {source}
), matched AS (
    SELECT e.*, s.name AS search_name FROM scanned s CROSS JOIN LATERAL (
        SELECT * FROM files.entries
        WHERE owner_id = $1 AND id = s.id  -- guard: owner-search-entries
          AND trashed_at IS NULL  -- guard: search-trash
        OFFSET 0) e
    -- OFFSET lets the executor compute the value once for each folder (Memoize).
    CROSS JOIN LATERAL (SELECT files.nearest_trashed($1, e.parent_id) AS trashed OFFSET 0) above_folder
    WHERE {condition}
      AND above_folder.trashed IS NULL  -- guard: search-trash-above
      AND ($2::text IS NULL OR e.kind = $2)
      AND ($3::text[] IS NULL OR lower(e.content_type) LIKE ANY($3))
      AND ($4::bigint IS NULL OR e.size >= $4) AND ($5::bigint IS NULL OR e.size <= $5)
      AND ($6::timestamptz IS NULL OR e.modified_at > $6) AND ($7::timestamptz IS NULL OR e.modified_at < $7)
      AND ($9::bool IS NULL OR e.starred = $9)
      AND ($8::uuid IS NULL OR EXISTS (
          WITH RECURSIVE above AS (
              SELECT e.parent_id AS id, 1 AS depth
              UNION ALL
              SELECT f.parent_id, above.depth + 1 FROM above JOIN files.entries f ON f.id = above.id
              WHERE f.owner_id = $1 AND above.depth < 1000  -- guard: owner-search-below
          )
          SELECT FROM above WHERE above.id = $8))
    ORDER BY {order} LIMIT $10
)
SELECT matched.*, ends.id AS last_id, ends.name AS last_name, ends.number AS read
FROM (SELECT (SELECT count(*) FROM scanned) AS number, last.*
      FROM (SELECT 1) one LEFT JOIN (SELECT id, name FROM scanned s ORDER BY {last} LIMIT 1) last ON true) ends
LEFT JOIN matched ON true
ORDER BY {matched_order};

-- name: select_paths
-- The path of each of the entries $2. It begins at the root, or at the highest of the entries $3.
WITH RECURSIVE named AS (
    SELECT e.id, e.parent_id, '/' || e.name AS path, 1 AS depth, e.id AS top
    FROM unnest($2::uuid[]) AS r (id)
    JOIN files.entries e ON e.owner_id = $1 AND e.id = r.id  -- guard: owner-select-paths
    UNION ALL
    SELECT named.id, f.parent_id, '/' || f.name || named.path, named.depth + 1, f.id
    FROM named JOIN files.entries f ON f.owner_id = $1 AND f.id = named.parent_id  -- guard: owner-select-paths-above
    WHERE named.depth < 1000
)
SELECT DISTINCT ON (id) id, path FROM named
WHERE $3::uuid[] IS NULL OR top = ANY($3)  -- guard: search-path-top
ORDER BY id, depth DESC;

-- name: claim_search_backlog
-- An owner whose names are not all indexed, and the id of the last indexed entry.
SELECT owner_id, after FROM files.search_backlog ORDER BY owner_id LIMIT 1 FOR UPDATE SKIP LOCKED;

-- name: index_names
-- Add the names of the $3 entries after the id $2. Return the id of the last one and their number. The caller holds the
-- lock of the drive, so that no name changes meanwhile.
WITH entries AS MATERIALIZED (
    SELECT id, name FROM files.entries WHERE owner_id = $1 AND id > $2 ORDER BY id LIMIT $3  -- guard: owner-index-names
), added AS (
    INSERT INTO files.search_names (owner_id, id, name)
    SELECT $1, id, files.search_text(name) FROM entries ON CONFLICT (owner_id, id) DO NOTHING
)
SELECT (SELECT id FROM entries ORDER BY id DESC LIMIT 1) AS last, count(*) AS number FROM entries;

-- name: advance_search_backlog
UPDATE files.search_backlog SET after = $2 WHERE owner_id = $1;

-- name: finish_search_backlog
DELETE FROM files.search_backlog WHERE owner_id = $1;
