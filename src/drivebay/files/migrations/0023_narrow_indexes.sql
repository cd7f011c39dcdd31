-- Listings read columns that no index has (properties, stars), so the columns that these indexes include serve nothing. They made
-- the indexes ten times as large as the table, and each new revision of an entry was written to all of them.
CREATE UNIQUE INDEX narrow_entries_by_name ON files.entries (owner_id, parent_id, name) WHERE trashed_at IS NULL;
CREATE INDEX narrow_entries_by_modified ON files.entries (owner_id, parent_id, modified_at, id) WHERE trashed_at IS NULL;
CREATE INDEX narrow_entries_by_created ON files.entries (owner_id, parent_id, created_at, id) WHERE trashed_at IS NULL;
CREATE INDEX narrow_entries_by_size ON files.entries (owner_id, parent_id, size, id) WHERE trashed_at IS NULL;
CREATE INDEX narrow_files_by_name ON files.entries (owner_id, name, id) WHERE trashed_at IS NULL AND kind = 'file';
CREATE INDEX narrow_files_by_modified ON files.entries (owner_id, modified_at, id)
    WHERE trashed_at IS NULL AND kind = 'file';
CREATE INDEX narrow_files_by_created ON files.entries (owner_id, created_at, id)
    WHERE trashed_at IS NULL AND kind = 'file';
CREATE INDEX narrow_files_by_size ON files.entries (owner_id, size, id) WHERE trashed_at IS NULL AND kind = 'file';

DROP INDEX files.entries_by_name, files.entries_by_modified, files.entries_by_created, files.entries_by_size,
    files.files_by_name, files.files_by_modified, files.files_by_created, files.files_by_size;

ALTER INDEX files.narrow_entries_by_name RENAME TO entries_by_name;
ALTER INDEX files.narrow_entries_by_modified RENAME TO entries_by_modified;
ALTER INDEX files.narrow_entries_by_created RENAME TO entries_by_created;
ALTER INDEX files.narrow_entries_by_size RENAME TO entries_by_size;
ALTER INDEX files.narrow_files_by_name RENAME TO files_by_name;
ALTER INDEX files.narrow_files_by_modified RENAME TO files_by_modified;
ALTER INDEX files.narrow_files_by_created RENAME TO files_by_created;
ALTER INDEX files.narrow_files_by_size RENAME TO files_by_size;
