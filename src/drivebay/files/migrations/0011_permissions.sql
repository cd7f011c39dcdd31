-- Permissions of users on items, each with everything below the item.
CREATE TABLE files.permissions (
    owner_id   uuid        NOT NULL,
    file_id    uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    role       text        NOT NULL CHECK (role IN ('viewer', 'editor')),
    created_by uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner_id, file_id, user_id)
);
-- The permissions of a user in a drive: each request of the user reads them.
CREATE INDEX permissions_of_user ON files.permissions (owner_id, user_id) INCLUDE (file_id, role);

-- The same by user, for the list of what is shared with a user. Each transaction that changes a permission changes both.
CREATE TABLE files.shared_with (
    user_id   uuid        NOT NULL,
    owner_id  uuid        NOT NULL,
    file_id   uuid        NOT NULL,
    role      text        NOT NULL CHECK (role IN ('viewer', 'editor')),
    shared_by uuid,
    shared_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, owner_id, file_id)
);
CREATE INDEX shared_with_by_time ON files.shared_with (user_id, shared_at, owner_id, file_id);

-- An entry that is gone has no permissions. A trigger deletes them, so that a process of the previous release does too.
CREATE FUNCTION files.delete_permissions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM files.shared_with s USING files.permissions p, gone
    WHERE p.owner_id = gone.owner_id AND p.file_id = gone.id
      AND s.user_id = p.user_id AND s.owner_id = p.owner_id AND s.file_id = p.file_id;
    DELETE FROM files.permissions p USING gone WHERE p.owner_id = gone.owner_id AND p.file_id = gone.id;
    RETURN NULL;
END $$;
CREATE TRIGGER delete_permissions AFTER DELETE ON files.entries REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION files.delete_permissions();
