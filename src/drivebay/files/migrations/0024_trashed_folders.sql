-- Trashing a folder changes its row alone. What is below it is in the trash because the folder is.

ALTER TABLE files.entries
    ADD COLUMN trashed_depth int,     -- of a trashed folder: the folders above it at that time; null: not known
    ADD COLUMN hidden_files  bigint,  -- of a trashed folder: the files below it with `trashed_at` null; null: not counted yet
    ADD COLUMN count_attempts int NOT NULL DEFAULT 0;  -- how often the files of a trashed folder could not be counted
ALTER TABLE files.usage
    ADD COLUMN hidden_files bigint NOT NULL DEFAULT 0;  -- the sum of `hidden_files` of the entries in the trash

-- The one rule: an entry is outside the trash if it is not trashed, and no folder above it is. This returns the nearest entry
-- that is trashed, of the entry and those above it. Null: none, as for the root, which has no row. If a row is missing,
-- its id is returned: what was in a folder that is purged is not outside the trash.
-- COST makes the planner call it last, and remember its results for entries of one folder.
CREATE FUNCTION files.nearest_trashed(owner uuid, item uuid) RETURNS uuid
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE COST 400 AS $$
DECLARE
    above   uuid;
    trashed timestamptz;
BEGIN
    -- The limit ends the loop if the tree should have a cycle.
    FOR level IN 1..1000 LOOP
        IF item = '00000000-0000-0000-0000-000000000000' THEN
            RETURN NULL;
        END IF;
        SELECT e.parent_id, e.trashed_at INTO above, trashed FROM files.entries e
        WHERE e.owner_id = owner AND e.id = item;  -- guard: owner-nearest-trashed
        IF NOT FOUND OR trashed IS NOT NULL THEN
            RETURN item;
        END IF;
        item := above;
    END LOOP;
    RETURN item;
END $$;

-- The previous release deletes a trashed folder and knows nothing of entries below it that are not trashed themselves. They
-- come first: `mark_below_due_folders` gives them to the purge.
CREATE FUNCTION files.keep_folder_with_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM files.entries e
               WHERE e.owner_id = OLD.owner_id AND e.parent_id = OLD.id  -- guard: purge-folder-with-entries
                 AND e.trashed_at IS NULL) THEN
        RETURN NULL;
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER keep_folder_with_entries BEFORE DELETE ON files.entries FOR EACH ROW
    WHEN (OLD.kind = 'folder' AND OLD.trashed_at IS NOT NULL) EXECUTE FUNCTION files.keep_folder_with_entries();

-- The pages of the trash: only entries that were trashed themselves. `entries_trashed` also has the hidden entries of jobs.
CREATE INDEX entries_trashed_themselves ON files.entries (owner_id, trashed_at, id) WHERE trashed_with = id;
-- Folders to purge, in the order in which they are due.
CREATE INDEX folders_to_purge ON files.entries (purge_after) WHERE trashed_at IS NOT NULL AND kind = 'folder';
-- Trashed folders whose files are not counted yet. Not those that the previous release trashed: they hide nothing.
CREATE INDEX folders_to_count ON files.entries (count_attempts, trashed_at)
    WHERE trashed_with = id AND kind = 'folder' AND hidden_files IS NULL AND trashed_depth IS NOT NULL;
