-- Webhooks: the changes of a drive are sent to a URL. A webhook reads files.changes at a position of its own.
CREATE TABLE files.webhooks (
    owner_id        uuid        NOT NULL,
    id              uuid        NOT NULL,
    created_by      uuid        NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    url             text        NOT NULL,
    what            text[]      NOT NULL DEFAULT '{}',  -- the kinds of changes to send; empty: all
    last_number     bigint      NOT NULL,               -- the changes up to this number are done
    disabled_at     timestamptz,
    disabled_reason text,                               -- null: the user disabled it
    failing_since   timestamptz,                        -- the first failed attempt since the last success
    attempts        int         NOT NULL DEFAULT 0,     -- the failed attempts since then
    due_at          timestamptz NOT NULL DEFAULT now(),
    lease           uuid,
    leased_until    timestamptz,
    PRIMARY KEY (owner_id, id)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX webhooks_of_creator ON files.webhooks (created_by, id);
CREATE INDEX webhooks_due ON files.webhooks (due_at) WHERE disabled_at IS NULL;

-- Attempts to send an event. `number` is that of the change.
CREATE TABLE files.webhook_deliveries (
    owner_id        uuid        NOT NULL,
    webhook_id      uuid        NOT NULL,
    id              uuid        NOT NULL,
    number          bigint      NOT NULL,
    what            text        NOT NULL,
    file_id         uuid        NOT NULL,
    at              timestamptz NOT NULL DEFAULT now(),
    attempt         int         NOT NULL,
    is_delivered    bool        NOT NULL,
    response_status int,
    error           text,
    next_try_at     timestamptz,
    PRIMARY KEY (owner_id, webhook_id, id),
    FOREIGN KEY (owner_id, webhook_id) REFERENCES files.webhooks (owner_id, id) ON DELETE CASCADE
);
CREATE INDEX webhook_deliveries_by_age ON files.webhook_deliveries (at);

-- Events that a user asked to send again.
CREATE TABLE files.webhook_redeliveries (
    owner_id     uuid        NOT NULL,
    webhook_id   uuid        NOT NULL,
    number       bigint      NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner_id, webhook_id, number),
    FOREIGN KEY (owner_id, webhook_id) REFERENCES files.webhooks (owner_id, id) ON DELETE CASCADE
);
