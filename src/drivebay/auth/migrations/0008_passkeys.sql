-- Passkeys (WebAuthn).

CREATE TABLE auth.passkeys (
    id            uuid        PRIMARY KEY,
    user_id       uuid        NOT NULL REFERENCES auth.users ON DELETE CASCADE,
    credential_id bytea       NOT NULL UNIQUE CHECK (octet_length(credential_id) BETWEEN 16 AND 1023),
    public_key    bytea       NOT NULL,                 -- COSE
    sign_count    bigint      NOT NULL,                 -- of the last use; 0 for an authenticator that does not count
    transports    text[]      NOT NULL DEFAULT '{}',
    name          text        NOT NULL,
    is_synced     bool        NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    last_used_at  timestamptz
);
CREATE INDEX passkeys_user ON auth.passkeys (user_id, id);

-- Challenges that a browser signs, each once: to make a passkey in a session, to log in, or as a second factor.
CREATE TABLE auth.passkey_challenges (
    digest       bytea       PRIMARY KEY CHECK (octet_length(digest) = 32),   -- SHA-256; the challenge itself is nowhere
    purpose      text        NOT NULL CHECK (purpose IN ('registration', 'login', 'second_factor')),
    session_id   uuid        REFERENCES auth.sessions ON DELETE CASCADE,
    login_digest bytea       REFERENCES auth.login_challenges ON DELETE CASCADE,
    expires_at   timestamptz NOT NULL,
    CHECK ((purpose = 'registration') = (session_id IS NOT NULL)),
    CHECK ((purpose = 'second_factor') = (login_digest IS NOT NULL))
);
CREATE UNIQUE INDEX passkey_challenges_session ON auth.passkey_challenges (session_id);
CREATE UNIQUE INDEX passkey_challenges_login ON auth.passkey_challenges (login_digest);
CREATE INDEX passkey_challenges_expiry ON auth.passkey_challenges (expires_at);
