-- A purge that fails is tried again with growing gaps. A deleted key is looked at again when its last URL has expired,
-- and once more at the end of the tombstone.
ALTER TABLE files.purges
    ADD COLUMN attempts   int NOT NULL DEFAULT 0,  -- claims since the last deletion that succeeded
    ADD COLUMN keep_until timestamptz;             -- of a tombstone: its rows are deleted after this time
CREATE INDEX purges_attempted ON files.purges (due_at) WHERE attempts > 0;

-- The parts of an upload are measured while a URL may still write them.
ALTER TABLE files.uploads ADD COLUMN urls_until timestamptz;  -- of parts: not before the last signed URL has expired

-- Scans of the whole bucket, which one janitor at a time does for all.
CREATE TABLE files.scans (
    kind         text        PRIMARY KEY CHECK (kind IN ('objects', 'multiparts')),
    position     text,                                   -- null: the next scan starts at the beginning
    lease_id     uuid,
    leased_until timestamptz NOT NULL DEFAULT now(),
    due_at       timestamptz NOT NULL DEFAULT now()
);
INSERT INTO files.scans (kind) VALUES ('objects'), ('multiparts');
