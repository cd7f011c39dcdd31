-- Archives: lists of entries, as they were when the archives were created, from which ZIP files are made.
CREATE TABLE files.archives (
    owner_id    uuid        NOT NULL,
    id          uuid        NOT NULL,
    name        text        NOT NULL,
    created_by  uuid,                                                      -- null: a holder of a link, without an account
    link_id     uuid,                                                      -- the link of this holder
    link_lock   text,                                                      -- the hash of the password that the link had
    link_count  int,                                                       -- which download of the link the archive is
    chosen      uuid[]      NOT NULL,                                      -- the items that it was created of
    entry_count int         NOT NULL,
    size        bigint      NOT NULL,                                      -- the length of the ZIP file
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (owner_id, id)
);
CREATE INDEX archives_by_creator ON files.archives (coalesce(created_by, link_id, owner_id), expires_at);
CREATE INDEX archives_by_expiry ON files.archives (expires_at);

-- The entries of an archive. `crc32` is the CRC-32 of the first `crc_size` bytes of the object `key`: it is computed
-- when the bytes are read for the first time, and a later request of a range needs it.
CREATE TABLE files.archive_entries (
    owner_id    uuid        NOT NULL,
    archive_id  uuid        NOT NULL,
    position    int         NOT NULL,
    path        text        NOT NULL,
    size        bigint      NOT NULL,
    modified_at timestamptz NOT NULL,
    object_id   uuid,                                                      -- null: a folder
    key         text,                                                      -- null: a folder
    crc_size    bigint      NOT NULL DEFAULT 0,
    crc32       bigint      NOT NULL DEFAULT 0,
    PRIMARY KEY (owner_id, archive_id, position)
);
