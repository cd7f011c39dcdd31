-- expand: a counter. A trigger counts for processes of earlier releases too.
-- The number of purges of each owner, tombstones included. They stay for days after an upload was aborted or its file deleted, so
-- begins are refused while an owner has too many.
ALTER TABLE files.usage
    ADD COLUMN purge_count bigint NOT NULL DEFAULT 0 CHECK (purge_count >= 0);
-- No purge may appear between the count and the trigger.
LOCK TABLE files.purges IN SHARE ROW EXCLUSIVE MODE;
UPDATE files.usage u SET purge_count = p.n
FROM (SELECT owner_id, count(*) AS n FROM files.purges GROUP BY owner_id) p WHERE p.owner_id = u.owner_id;

-- A trigger counts, so that a process of the previous release counts too. Each statement that inserts or deletes purges
-- holds the lock of their owners.
CREATE FUNCTION files.count_purges() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE files.usage u SET purge_count = purge_count + CASE TG_OP WHEN 'INSERT' THEN p.n ELSE -p.n END
    FROM (SELECT owner_id, count(*) AS n FROM changed GROUP BY owner_id) p WHERE u.owner_id = p.owner_id;
    RETURN NULL;
END $$;
CREATE TRIGGER count_inserted AFTER INSERT ON files.purges REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION files.count_purges();
CREATE TRIGGER count_deleted AFTER DELETE ON files.purges REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION files.count_purges();
