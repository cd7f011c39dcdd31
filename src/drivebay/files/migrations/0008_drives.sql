-- Shared drives and their members. In every table of this schema `owner_id` is the id of a drive. A personal drive has
-- the id of its user and no row here.
CREATE TABLE files.drives (
    owner_id    uuid        PRIMARY KEY,
    name        text        NOT NULL,
    created_by  uuid        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    deleted_at  timestamptz,                                               -- from then on no member has access
    purge_after timestamptz,                                               -- from then on its entries are purged
    CHECK ((deleted_at IS NULL) = (purge_after IS NULL))
);
CREATE INDEX drives_by_creator ON files.drives (created_by);
CREATE INDEX drives_to_purge ON files.drives (purge_after) WHERE purge_after IS NOT NULL;

CREATE TABLE files.members (
    owner_id uuid        NOT NULL,
    user_id  uuid        NOT NULL,
    role     text        NOT NULL CHECK (role IN ('viewer', 'editor', 'manager')),
    added_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner_id, user_id)
);
-- The drives of a user, in the order of their ids.
CREATE INDEX members_by_user ON files.members (user_id, owner_id);
