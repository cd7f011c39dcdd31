-- Everything is keyed by owner first and no statement joins owners, so the schema can be distributed by
-- owner on an engine that does that, unchanged.
--
-- One rule keeps transactions of one owner from crossing each other: whoever changes an owner's uploads,
-- entries or versions locks the owner's row in `usage` first (several owners: in the order of their ids).

CREATE TABLE files.usage (
    owner_id       uuid   PRIMARY KEY,
    limit_bytes    bigint,                                                 -- null: the deployment's quota
    used_bytes     bigint NOT NULL DEFAULT 0 CHECK (used_bytes >= 0),      -- versions whose objects are not deleted
    reserved_bytes bigint NOT NULL DEFAULT 0 CHECK (reserved_bytes >= 0),  -- pending uploads
    open_uploads   int    NOT NULL DEFAULT 0 CHECK (open_uploads >= 0),
    file_count     bigint NOT NULL DEFAULT 0 CHECK (file_count >= 0),      -- files outside the trash
    last_change    bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- What a client means to upload. It never changes but for its state, so that a repeated request can be
-- given its first answer again; the name the file really got stands in `entries`.
CREATE TABLE files.uploads (
    owner_id      uuid        NOT NULL,
    id            uuid        NOT NULL,
    state         text        NOT NULL DEFAULT 'pending'
                  CHECK (state IN ('pending', 'complete', 'rejected', 'expired', 'aborted')),
    parent_id     uuid        NOT NULL,
    name          text        COLLATE "C" NOT NULL,
    on_conflict   text        NOT NULL CHECK (on_conflict IN ('fail', 'rename', 'replace')),
    size          bigint      NOT NULL CHECK (size >= 0),
    content_type  text        NOT NULL,
    sha256        bytea       CHECK (octet_length(sha256) = 32),
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    checks        int         NOT NULL DEFAULT 0,
    next_check_at timestamptz,                                             -- null: nobody looks any more
    ended_at      timestamptz,
    reason        text,
    file_id       uuid,
    PRIMARY KEY (owner_id, id),
    CHECK ((state = 'complete') = (file_id IS NOT NULL))
);
CREATE INDEX uploads_to_check ON files.uploads (next_check_at) WHERE next_check_at IS NOT NULL;
-- A pending upload holds its name, so that its commit cannot be surprised by another upload's.
CREATE UNIQUE INDEX uploads_pending_name ON files.uploads (owner_id, parent_id, name)
    WHERE state = 'pending' AND on_conflict <> 'replace';

-- Files and folders. What a listing shows of a file's current version is repeated here.
CREATE TABLE files.entries (
    owner_id     uuid        NOT NULL,
    id           uuid        NOT NULL,
    parent_id    uuid        NOT NULL,                                     -- all zeros: the root, which has no row
    kind         text        NOT NULL CHECK (kind IN ('file', 'folder')),
    name         text        COLLATE "C" NOT NULL,
    version_id   uuid,
    size         bigint      NOT NULL DEFAULT 0,
    content_type text        NOT NULL DEFAULT '',
    sha256       bytea,
    revision     int         NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    modified_at  timestamptz NOT NULL DEFAULT now(),
    trashed_at   timestamptz,
    purge_after  timestamptz,
    trashed_with uuid,                                                     -- whose trashing took this one along
    PRIMARY KEY (owner_id, id),
    CHECK ((kind = 'file') = (version_id IS NOT NULL)),
    CHECK ((trashed_at IS NULL) = (purge_after IS NULL) AND (trashed_at IS NULL) = (trashed_with IS NULL))
);
CREATE UNIQUE INDEX entries_by_name ON files.entries (owner_id, parent_id, name)
    INCLUDE (id, kind, size, content_type, sha256, revision, created_at, modified_at) WHERE trashed_at IS NULL;
CREATE INDEX entries_by_modified ON files.entries (owner_id, parent_id, modified_at, id)
    INCLUDE (kind, name, size, content_type, sha256, revision, created_at) WHERE trashed_at IS NULL;
CREATE INDEX entries_by_created ON files.entries (owner_id, parent_id, created_at, id)
    INCLUDE (kind, name, size, content_type, sha256, revision, modified_at) WHERE trashed_at IS NULL;
CREATE INDEX entries_by_size ON files.entries (owner_id, parent_id, size, id)
    INCLUDE (kind, name, content_type, sha256, revision, created_at, modified_at) WHERE trashed_at IS NULL;
CREATE INDEX files_by_name ON files.entries (owner_id, name, id)
    INCLUDE (parent_id, kind, size, content_type, sha256, revision, created_at, modified_at)
    WHERE trashed_at IS NULL AND kind = 'file';
CREATE INDEX files_by_modified ON files.entries (owner_id, modified_at, id)
    INCLUDE (parent_id, kind, name, size, content_type, sha256, revision, created_at)
    WHERE trashed_at IS NULL AND kind = 'file';
CREATE INDEX files_by_created ON files.entries (owner_id, created_at, id)
    INCLUDE (parent_id, kind, name, size, content_type, sha256, revision, modified_at)
    WHERE trashed_at IS NULL AND kind = 'file';
CREATE INDEX files_by_size ON files.entries (owner_id, size, id)
    INCLUDE (parent_id, kind, name, content_type, sha256, revision, created_at, modified_at)
    WHERE trashed_at IS NULL AND kind = 'file';
CREATE INDEX entries_trashed ON files.entries (owner_id, trashed_at, id) WHERE trashed_at IS NOT NULL;
CREATE INDEX entries_to_purge ON files.entries (purge_after) WHERE trashed_at IS NOT NULL;

-- The bytes a file has or had; one row for each complete upload, with its id.
CREATE TABLE files.versions (
    owner_id     uuid        NOT NULL,
    id           uuid        NOT NULL,
    file_id      uuid        NOT NULL,
    state        text        NOT NULL DEFAULT 'stored' CHECK (state IN ('stored', 'missing', 'purging', 'purged')),
    size         bigint      NOT NULL CHECK (size >= 0),
    content_type text        NOT NULL,
    sha256       bytea,
    etag         text        NOT NULL,                                     -- the store's, opaque
    stored_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner_id, id)
);
CREATE INDEX versions_of_file ON files.versions (owner_id, file_id);

-- Objects to delete. `purging` until deleted; then a tombstone, until a second look after every URL that
-- could have written the key again has died.
CREATE TABLE files.purges (
    owner_id     uuid        NOT NULL,
    upload_id    uuid        NOT NULL,
    stage        text        NOT NULL DEFAULT 'purging' CHECK (stage IN ('purging', 'purged')),
    due_at       timestamptz NOT NULL DEFAULT now(),
    lease_id     uuid,
    leased_until timestamptz,
    PRIMARY KEY (owner_id, upload_id)
);
CREATE INDEX purges_due ON files.purges (due_at);

-- What became of files, in the order of each owner's own numbers.
CREATE TABLE files.changes (
    owner_id uuid        NOT NULL,
    number   bigint      NOT NULL,
    what     text        NOT NULL CHECK (what IN ('stored', 'replaced', 'changed', 'trashed', 'restored', 'purged')),
    file_id  uuid        NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner_id, number)
);

CREATE TABLE files.idempotency (
    owner_id    uuid        NOT NULL,
    key         text        NOT NULL,
    fingerprint bytea       NOT NULL,
    made        uuid        NOT NULL,                                      -- the upload or folder
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner_id, key)
);
CREATE INDEX idempotency_by_age ON files.idempotency (created_at);

-- Events that could not be used. They have no owner: nothing in an event is believed.
CREATE TABLE files.dead_letters (
    id         text        PRIMARY KEY,
    subject    text        NOT NULL,
    reason     text        NOT NULL,
    payload    bytea       NOT NULL,
    deliveries int         NOT NULL,
    buried_at  timestamptz NOT NULL DEFAULT now()
);
