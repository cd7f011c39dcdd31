-- Uploads in parts. A part's checksum is kept from its first signature on, so that whatever the store holds of it
-- was held against that one.
ALTER TABLE files.uploads
    ADD COLUMN part_size    bigint CHECK (part_size > 0),  -- null: in one piece
    ADD COLUMN multipart    text,                          -- the store's name for the write; null: not begun
    ADD COLUMN checked      bool NOT NULL DEFAULT false,   -- every part comes with its SHA-256
    ADD COLUMN parts_sha256 bytea CHECK (octet_length(parts_sha256) = 32),
    ADD COLUMN assembled_at timestamptz,                   -- when the store was first told to put them together
    ADD COLUMN expired_at   timestamptz,
    ADD COLUMN cause        text;                          -- who ended it
ALTER TABLE files.versions
    ADD COLUMN part_size    bigint,
    ADD COLUMN parts_sha256 bytea;

CREATE TABLE files.parts (
    owner_id  uuid  NOT NULL,
    upload_id uuid  NOT NULL,
    number    int   NOT NULL CHECK (number > 0),
    sha256    bytea NOT NULL CHECK (octet_length(sha256) = 32),
    PRIMARY KEY (owner_id, upload_id, number)
);
