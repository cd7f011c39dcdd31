-- Reading the feed behind an old cursor skips the changes that clients do not see, without reading them.

CREATE INDEX changes_visible ON files.changes (owner_id, number) WHERE what <> 'purged';
