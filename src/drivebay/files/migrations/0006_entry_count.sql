-- The number of entries of each owner, the number up to which its changes were deleted, and indexes.
ALTER TABLE files.usage
    ADD COLUMN entry_count     bigint NOT NULL DEFAULT 0 CHECK (entry_count >= 0),  -- files and folders, also in the trash
    ADD COLUMN trimmed_changes bigint NOT NULL DEFAULT 0 CHECK (trimmed_changes >= 0);  -- changes up to here are deleted
-- No entry may appear between the count and the trigger.
LOCK TABLE files.entries IN SHARE ROW EXCLUSIVE MODE;
UPDATE files.usage u SET entry_count = e.n
FROM (SELECT owner_id, count(*) AS n FROM files.entries GROUP BY owner_id) e WHERE e.owner_id = u.owner_id;

-- A trigger counts, so that a process of the previous release counts too. Each statement that inserts or deletes entries
-- holds the lock of their owners.
CREATE FUNCTION files.count_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE files.usage u SET entry_count = entry_count + CASE TG_OP WHEN 'INSERT' THEN e.n ELSE -e.n END
    FROM (SELECT owner_id, count(*) AS n FROM changed GROUP BY owner_id) e WHERE u.owner_id = e.owner_id;
    RETURN NULL;
END $$;
CREATE TRIGGER count_inserted AFTER INSERT ON files.entries REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION files.count_entries();
CREATE TRIGGER count_deleted AFTER DELETE ON files.entries REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION files.count_entries();

-- Siblings in the trash: for the name of an upload whose folder was trashed, and for the depth of a restored folder.
CREATE INDEX entries_trashed_by_name ON files.entries (owner_id, parent_id, name) WHERE trashed_at IS NOT NULL;
-- The pending uploads of an owner, in the order in which they began.
CREATE INDEX uploads_pending ON files.uploads (owner_id, id) WHERE state = 'pending';
-- The timeline of an upload, and the deletion of old changes.
CREATE INDEX changes_of_file ON files.changes (owner_id, file_id, number);
CREATE INDEX changes_by_age ON files.changes (at);
