-- Stars, properties and users of entries, and the times that clients give with their uploads.
ALTER TABLE files.entries
    ADD COLUMN starred     bool NOT NULL DEFAULT false,
    ADD COLUMN properties  jsonb,                       -- text pairs of clients; null: none
    ADD COLUMN created_by  uuid,                        -- null: not known
    ADD COLUMN modified_by uuid;
ALTER TABLE files.uploads
    ADD COLUMN modified_at timestamptz,                 -- of the file at the client; null: the time of the commit
    ADD COLUMN created_by  uuid;

-- The folders in a folder, without its files: for the depth and the size of a tree.
CREATE INDEX folders_by_parent ON files.entries (owner_id, parent_id, id) WHERE kind = 'folder' AND trashed_at IS NULL;

-- Each listing of starred entries has its index. An entry without a star is in none of them.
CREATE INDEX starred_entries_by_name ON files.entries (owner_id, parent_id, name) WHERE starred AND trashed_at IS NULL;
CREATE INDEX starred_entries_by_modified ON files.entries (owner_id, parent_id, modified_at, id)
    WHERE starred AND trashed_at IS NULL;
CREATE INDEX starred_entries_by_created ON files.entries (owner_id, parent_id, created_at, id)
    WHERE starred AND trashed_at IS NULL;
CREATE INDEX starred_entries_by_size ON files.entries (owner_id, parent_id, size, id)
    WHERE starred AND trashed_at IS NULL;
CREATE INDEX starred_by_name ON files.entries (owner_id, name, id) WHERE starred AND trashed_at IS NULL;
CREATE INDEX starred_by_modified ON files.entries (owner_id, modified_at, id) WHERE starred AND trashed_at IS NULL;
CREATE INDEX starred_by_created ON files.entries (owner_id, created_at, id) WHERE starred AND trashed_at IS NULL;
CREATE INDEX starred_by_size ON files.entries (owner_id, size, id) WHERE starred AND trashed_at IS NULL;
