-- Links: who has the token of a link reaches one entry without an account. Only the SHA-256 of the token is stored.
-- The foreign key ends a link with its entry, whichever statement deletes it, also one of the previous release.
CREATE TABLE files.links (
    owner_id      uuid        NOT NULL,
    id            uuid        NOT NULL,
    file_id       uuid        NOT NULL,
    token_hash    bytea       NOT NULL CHECK (octet_length(token_hash) = 32),
    role          text        NOT NULL CHECK (role IN ('viewer', 'uploader', 'editor')),
    name          text,
    password_hash text,
    expires_at    timestamptz,
    max_downloads int         CHECK (max_downloads > 0),
    downloads     int         NOT NULL DEFAULT 0 CHECK (downloads >= 0),
    created_at    timestamptz NOT NULL DEFAULT now(),
    created_by    uuid        NOT NULL,
    PRIMARY KEY (owner_id, id),
    FOREIGN KEY (owner_id, file_id) REFERENCES files.entries (owner_id, id) ON DELETE CASCADE
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX links_by_token ON files.links (token_hash);
CREATE INDEX links_of_file ON files.links (owner_id, file_id, id);
CREATE INDEX links_by_creator ON files.links (created_by);

-- Wrong passwords of one client for one link, as a token bucket that is full again at `full_at`.
CREATE TABLE files.link_attempts (
    owner_id uuid        NOT NULL,
    link_id  uuid        NOT NULL,
    client   text        NOT NULL,                                         -- a hash of the client's network
    full_at  timestamptz NOT NULL,
    PRIMARY KEY (owner_id, link_id, client),
    FOREIGN KEY (owner_id, link_id) REFERENCES files.links (owner_id, id) ON DELETE CASCADE
);
