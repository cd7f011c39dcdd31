-- Thumbnails of objects: which have some, and the queue of those to make. The images are in the store, beside the objects.
CREATE TABLE files.thumbnails (
    owner_id     uuid        NOT NULL,
    object_id    uuid        NOT NULL,
    state        text        NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'ready', 'none')),
    requested_by uuid        NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    attempts     int         NOT NULL DEFAULT 0,
    lease        uuid,
    leased_until timestamptz,  -- after a failed attempt: when the next one may begin
    PRIMARY KEY (owner_id, object_id),
    -- An object keeps its row as long as something of it may be in the store, and so does its thumbnail.
    FOREIGN KEY (owner_id, object_id) REFERENCES files.objects (owner_id, id) ON DELETE CASCADE
);
CREATE INDEX thumbnails_queued ON files.thumbnails (requested_at) WHERE state = 'queued';
CREATE INDEX thumbnails_of_user ON files.thumbnails (requested_by, requested_at);
