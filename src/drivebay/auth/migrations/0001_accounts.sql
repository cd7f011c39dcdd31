-- Accounts, sessions, signing keys and what throttles them.

CREATE TABLE auth.users (
    id            uuid PRIMARY KEY,
    email         text NOT NULL,                        -- as written, trimmed
    email_key     text NOT NULL,                        -- as compared
    password_hash text NOT NULL,                        -- scheme tag, then what the scheme stores
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email_key ON auth.users (email_key);

-- A session is a family of refresh tokens, each the child of the one before.
CREATE TABLE auth.sessions (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES auth.users,
    newest     bytea NOT NULL,                          -- digest of the one token that was not traded yet
    started_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,                    -- with its newest token
    ended_at   timestamptz,
    end_reason text CHECK (end_reason IN ('logout', 'reuse')),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
CREATE INDEX sessions_user ON auth.sessions (user_id);
CREATE INDEX sessions_expiry ON auth.sessions (expires_at);

CREATE TABLE auth.refresh_tokens (
    digest     bytea PRIMARY KEY CHECK (octet_length(digest) = 32),   -- SHA-256; the token itself is nowhere
    session_id uuid NOT NULL REFERENCES auth.sessions ON DELETE CASCADE,
    expires_at timestamptz NOT NULL,
    spent_at   timestamptz,
    child      bytea CHECK (octet_length(child) = 32),                -- digest of what it was traded for
    salt       bytea CHECK (octet_length(salt) = 32),                 -- with the token itself, makes the child again
    CHECK ((spent_at IS NULL) = (child IS NULL) AND (spent_at IS NULL) = (salt IS NULL))
);
CREATE INDEX refresh_tokens_session ON auth.refresh_tokens (session_id);
CREATE INDEX refresh_tokens_expiry ON auth.refresh_tokens (expires_at);

CREATE TABLE auth.signing_keys (
    kid        text PRIMARY KEY,                        -- RFC 7638 thumbprint
    x          text NOT NULL,                           -- public point, base64url
    sealed     bytea NOT NULL,                          -- private key, encrypted under the deployment's secret
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The first answer to a sign-up that carried an idempotency key.
CREATE TABLE auth.idempotency (
    address     text NOT NULL,
    key         text NOT NULL,
    fingerprint bytea NOT NULL,
    user_id     uuid NOT NULL REFERENCES auth.users,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (address, key)
);
CREATE INDEX idempotency_age ON auth.idempotency (created_at);

-- Unlogged: a crash forgets who was slowed down, and a charge costs no write-ahead log.
CREATE UNLOGGED TABLE auth.throttle (
    bucket  text PRIMARY KEY,
    full_at timestamptz NOT NULL                        -- when the bucket will have filled up again
);
CREATE INDEX throttle_full ON auth.throttle (full_at);
