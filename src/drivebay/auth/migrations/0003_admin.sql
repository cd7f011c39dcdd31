-- Roles, disabled accounts, invitations, the second factor and the audit log.

ALTER TABLE auth.users
    ADD COLUMN role          text NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'admin')),
    ADD COLUMN disabled_at   timestamptz,
    ADD COLUMN last_login_at timestamptz;
CREATE INDEX users_by_created ON auth.users (created_at, id);
CREATE INDEX users_by_email ON auth.users (email_key COLLATE "C", id);
CREATE INDEX users_admins ON auth.users (id) WHERE role = 'admin';

-- A token with which the holder sets the password of an account once: an invitation, or a reset by an operator.
CREATE TABLE auth.password_tokens (
    digest     bytea PRIMARY KEY CHECK (octet_length(digest) = 32),   -- SHA-256; the token itself is nowhere
    user_id    uuid NOT NULL REFERENCES auth.users ON DELETE CASCADE,
    purpose    text NOT NULL CHECK (purpose IN ('invitation', 'reset')),
    expires_at timestamptz NOT NULL
);
CREATE INDEX password_tokens_user ON auth.password_tokens (user_id);
CREATE INDEX password_tokens_expiry ON auth.password_tokens (expires_at);

CREATE TABLE auth.totp (
    user_id      uuid PRIMARY KEY REFERENCES auth.users ON DELETE CASCADE,
    sealed       bytea NOT NULL,                        -- the secret, encrypted under the deployment's secret
    confirmed_at timestamptz,                           -- null: not active yet
    last_step    bigint NOT NULL DEFAULT 0              -- the time step of the last code that was used
);

CREATE TABLE auth.recovery_codes (
    user_id uuid NOT NULL REFERENCES auth.totp ON DELETE CASCADE,
    digest  bytea NOT NULL CHECK (octet_length(digest) = 32),         -- keyed hash
    used_at timestamptz,
    PRIMARY KEY (user_id, digest)
);

-- A login whose password was right and whose second factor is missing.
CREATE TABLE auth.login_challenges (
    digest     bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    user_id    uuid NOT NULL REFERENCES auth.users ON DELETE CASCADE,
    expires_at timestamptz NOT NULL,
    tries_left int NOT NULL,
    password_version int NOT NULL                       -- the version of the password that was checked
);
CREATE INDEX login_challenges_user ON auth.login_challenges (user_id);
CREATE INDEX login_challenges_expiry ON auth.login_challenges (expires_at);

-- Rows are only added, and pruned by age. Ids of users stay after the deletion of their accounts.
CREATE TABLE auth.audit (
    id         uuid PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT now(),
    actor_id   uuid,                                    -- null: an operator of the server, or no account
    action     text NOT NULL,
    target     text,
    address    text NOT NULL DEFAULT '',
    user_agent text NOT NULL DEFAULT '',
    request_id text NOT NULL DEFAULT '',
    detail     jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_by_time ON auth.audit (at, id);
CREATE INDEX audit_by_actor ON auth.audit (actor_id, at, id);
CREATE INDEX audit_by_target ON auth.audit (target, at, id);

CREATE FUNCTION auth.refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' OR OLD.at > now() - interval '1 day' THEN
        RAISE EXCEPTION 'rows of the audit log are only added, and deleted when they are older than a day';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON auth.audit
    FOR EACH ROW EXECUTE FUNCTION auth.refuse_audit_change();
