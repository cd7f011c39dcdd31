-- Objects: the bytes in the store that versions refer to. Several versions of one owner can refer to one object.
CREATE TABLE files.objects (
    owner_id     uuid   NOT NULL,
    id           uuid   NOT NULL,                                          -- of the upload that stored it
    key          text,                                                     -- null: `{owner}/{id}`
    size         bigint NOT NULL CHECK (size >= 0),
    content_type text   NOT NULL,
    sha256       bytea,                                                    -- as the store verified it; null: it did not
    etag         text   NOT NULL,
    refs         int    NOT NULL CHECK (refs >= 0),                        -- versions that are stored or missing
    crc32        bigint,                                                   -- null: no archive has read all bytes yet
    PRIMARY KEY (owner_id, id)
) WITH (fillfactor = 80);

-- Uploads come first: transactions lock the tables in this order.
ALTER TABLE files.uploads
    ADD COLUMN is_instant bool NOT NULL DEFAULT false;  -- complete from the start: the drive had the bytes already
ALTER TABLE files.versions
    ADD COLUMN object_id   uuid,         -- null: the object has the id of the version
    ADD COLUMN replaced_at timestamptz,  -- of an old version; null: of the current one
    ADD COLUMN created_by  uuid;         -- null: see its upload

-- The versions of an object that other versions share. The object's first version is found by its id.
CREATE INDEX versions_of_object ON files.versions (owner_id, object_id) WHERE object_id IS NOT NULL;
-- Old versions, those that were replaced first in front.
CREATE INDEX versions_replaced ON files.versions (replaced_at)
    WHERE replaced_at IS NOT NULL AND state IN ('stored', 'missing');

-- The objects of all versions, in one pass. `ALTER TABLE` has locked the versions until the triggers exist.
INSERT INTO files.objects (owner_id, id, key, size, content_type, sha256, etag, refs)
SELECT owner_id, id, key, size, content_type, sha256, etag, (state IN ('stored', 'missing'))::int FROM files.versions;
-- Objects by their content, for instant uploads.
CREATE INDEX objects_by_sha256 ON files.objects (owner_id, sha256) WHERE sha256 IS NOT NULL;

-- Triggers count the references, so that a process of the previous release counts too. An object has a row as long as a
-- version names it. Each statement that changes versions holds the lock of their owners.
CREATE FUNCTION files.count_references() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO files.objects AS o (owner_id, id, key, size, content_type, sha256, etag, refs)
        SELECT owner_id, coalesce(object_id, id), min(key), min(size), min(content_type), (array_agg(sha256))[1], min(etag),
               count(*) FILTER (WHERE state IN ('stored', 'missing'))
        FROM added GROUP BY owner_id, coalesce(object_id, id)
        ON CONFLICT (owner_id, id) DO UPDATE SET refs = o.refs + excluded.refs;
    ELSIF TG_OP = 'UPDATE' THEN
        UPDATE files.objects o SET refs = o.refs + t.n
        FROM (SELECT owner_id, id, sum(n)::int AS n
              FROM (SELECT owner_id, coalesce(object_id, id) AS id, 1 AS n FROM added WHERE state IN ('stored', 'missing')
                    UNION ALL
                    SELECT owner_id, coalesce(object_id, id), -1 FROM removed WHERE state IN ('stored', 'missing')) each
              GROUP BY owner_id, id HAVING sum(n) <> 0) t
        WHERE o.owner_id = t.owner_id AND o.id = t.id;
    ELSE
        -- A version that counts is never deleted: it is released first.
        DELETE FROM files.objects o
        USING (SELECT DISTINCT owner_id, coalesce(object_id, id) AS id FROM removed) r
        WHERE o.owner_id = r.owner_id AND o.id = r.id AND o.refs = 0
          AND NOT EXISTS (SELECT FROM files.versions v WHERE v.owner_id = o.owner_id AND v.id = o.id)
          AND NOT EXISTS (SELECT FROM files.versions v WHERE v.owner_id = o.owner_id AND v.object_id = o.id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER count_inserted AFTER INSERT ON files.versions REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION files.count_references();
CREATE TRIGGER count_updated AFTER UPDATE ON files.versions REFERENCING NEW TABLE AS added OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION files.count_references();
CREATE TRIGGER count_deleted AFTER DELETE ON files.versions REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION files.count_references();

-- An object with a reference is never leased for deletion. The previous release queues the object of each version that
-- it deletes, also when other versions share it. It would also forget the other versions of an object that it deletes, so it
-- leases none that versions share.
ALTER TABLE files.purges
    ADD COLUMN knows_objects bool NOT NULL DEFAULT false;  -- set by an UPDATE of a release that knows objects; stored as false
CREATE FUNCTION files.keep_referenced_object() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    object uuid := coalesce((SELECT v.object_id FROM files.versions v
                             WHERE v.owner_id = NEW.owner_id AND v.id = NEW.upload_id), NEW.upload_id);
BEGIN
    IF EXISTS (SELECT FROM files.objects o
               WHERE o.owner_id = NEW.owner_id AND o.id = object AND o.refs > 0)  -- guard: purge-referenced-object
       OR NOT NEW.knows_objects  -- guard: purge-knows-objects
          AND EXISTS (SELECT FROM files.versions v WHERE v.owner_id = NEW.owner_id AND v.object_id = object) THEN
        RETURN NULL;
    END IF;
    NEW.knows_objects := false;
    RETURN NEW;
END $$;
CREATE TRIGGER keep_referenced_object BEFORE UPDATE ON files.purges FOR EACH ROW
    WHEN (NEW.lease_id IS NOT NULL AND NEW.lease_id IS DISTINCT FROM OLD.lease_id)
    EXECUTE FUNCTION files.keep_referenced_object();
