-- Mail: the queue that the worker sends from, and the confirmation of addresses.

ALTER TABLE auth.users
    ADD COLUMN email_verified_at timestamptz;             -- null: nobody has shown that the address is theirs

-- A token that came by mail also confirms the address. The other kinds are given to an admin or an operator.
ALTER TABLE auth.password_tokens
    DROP CONSTRAINT password_tokens_purpose_check,
    ADD CONSTRAINT password_tokens_purpose_check
        CHECK (purpose IN ('invitation', 'reset', 'mailed_invitation', 'mailed_reset'));

CREATE TABLE auth.email_tokens (
    digest     bytea       PRIMARY KEY CHECK (octet_length(digest) = 32),  -- SHA-256; the token itself is nowhere
    user_id    uuid        NOT NULL REFERENCES auth.users ON DELETE CASCADE,
    email_key  text        NOT NULL,                      -- the address that it confirms
    expires_at timestamptz NOT NULL
);
CREATE INDEX email_tokens_user ON auth.email_tokens (user_id);
CREATE INDEX email_tokens_expiry ON auth.email_tokens (expires_at);

-- Mails that are not sent. A token is derived from the id and a key of the service when the mail is claimed.
CREATE TABLE auth.mails (
    id              uuid        PRIMARY KEY,
    kind            text        NOT NULL,
    user_id         uuid        REFERENCES auth.users ON DELETE CASCADE,
    requested_email text,                                 -- of a reset, until the first claim looks up the account
    requested_from  text        NOT NULL DEFAULT '',      -- the client's address, for the audit log
    created_at      timestamptz NOT NULL DEFAULT now(),
    due_at          timestamptz NOT NULL DEFAULT now(),   -- of the next attempt
    give_up_at      timestamptz NOT NULL,
    attempts        int         NOT NULL DEFAULT 0,
    lease           uuid,
    failed_at       timestamptz,
    error           text        NOT NULL DEFAULT '',
    CHECK ((user_id IS NULL) <> (requested_email IS NULL))
);
CREATE INDEX mails_due ON auth.mails (due_at) WHERE failed_at IS NULL;
CREATE INDEX mails_user ON auth.mails (user_id);
CREATE INDEX mails_age ON auth.mails (give_up_at);
