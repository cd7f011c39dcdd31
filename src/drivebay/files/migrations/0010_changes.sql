-- Tables are locked in the order in which transactions lock them: entries first.
-- Of an item in the trash: its change `deleted` is written, so that the purge does not write it again.
ALTER TABLE files.entries ADD COLUMN is_deleted bool NOT NULL DEFAULT false;

-- The change feed: what happened to each item and who did it. The earlier kinds stay, because the previous release
-- writes and reads them.
ALTER TABLE files.changes ADD COLUMN actor_id uuid;  -- null: the system
ALTER TABLE files.changes DROP CONSTRAINT changes_what_check;
ALTER TABLE files.changes ADD CONSTRAINT changes_what_check CHECK (what IN (
    'created', 'content', 'renamed', 'moved', 'trashed', 'restored', 'deleted', 'shared', 'properties',
    'purged',                            -- the object of a version was deleted; not part of the feed
    'stored', 'replaced', 'changed'));   -- of the previous release: created, content, renamed or moved
