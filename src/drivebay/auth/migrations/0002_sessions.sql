-- Sessions that people can list and end, changes of passwords, deletion of accounts, and API tokens.

ALTER TABLE auth.users
    ADD COLUMN display_name     text NOT NULL DEFAULT '',
    ADD COLUMN password_version int  NOT NULL DEFAULT 1,  -- grows with each change of the password
    ADD COLUMN deleted_at       timestamptz;              -- the row stays until the files are purged
CREATE INDEX users_deleted ON auth.users (deleted_at) WHERE deleted_at IS NOT NULL;

ALTER TABLE auth.sessions
    ADD COLUMN user_agent   text NOT NULL DEFAULT '',     -- of the login, shortened
    ADD COLUMN address      text NOT NULL DEFAULT '',     -- of the login
    ADD COLUMN last_used_at timestamptz,                  -- the last refresh; null: the login
    DROP CONSTRAINT sessions_end_reason_check,
    ADD CONSTRAINT sessions_end_reason_check
        CHECK (end_reason IN ('logout', 'reuse', 'ended', 'password', 'deleted', 'disabled', 'admin'));
-- Every gateway asks for the sessions that ended lately, every two seconds.
CREATE INDEX sessions_ended ON auth.sessions (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE auth.api_tokens (
    id           uuid        PRIMARY KEY,
    user_id      uuid        NOT NULL REFERENCES auth.users ON DELETE CASCADE,
    digest       bytea       NOT NULL CHECK (octet_length(digest) = 32),  -- SHA-256; the token itself is nowhere
    name         text        NOT NULL,
    scopes       text[]      NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,                             -- null: it does not expire
    last_used_at timestamptz                              -- written at most once a minute
);
CREATE UNIQUE INDEX api_tokens_digest ON auth.api_tokens (digest);
CREATE INDEX api_tokens_user ON auth.api_tokens (user_id, id);
