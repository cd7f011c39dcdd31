-- Sign-in with an identity provider.

-- Who an account is for its provider. An account may have several identities.
CREATE TABLE auth.identities (
    issuer     text        NOT NULL,
    subject    text        NOT NULL,
    user_id    uuid        NOT NULL REFERENCES auth.users ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX identities_user ON auth.identities (user_id);

-- Sign-ins that have begun. Nonce and PKCE verifier are derived from the state, so nothing secret is stored.
CREATE TABLE auth.oidc_logins (
    digest         bytea       PRIMARY KEY CHECK (octet_length(digest) = 32),          -- of the state
    browser_digest bytea       NOT NULL CHECK (octet_length(browser_digest) = 32),
    redirect_uri   text        NOT NULL,
    expires_at     timestamptz NOT NULL
);
CREATE INDEX oidc_logins_expiry ON auth.oidc_logins (expires_at);

-- One-time codes for which an app gets a session.
CREATE TABLE auth.oidc_codes (
    digest           bytea       PRIMARY KEY CHECK (octet_length(digest) = 32),
    user_id          uuid        NOT NULL REFERENCES auth.users ON DELETE CASCADE,
    password_version int         NOT NULL,
    expires_at       timestamptz NOT NULL
);
CREATE INDEX oidc_codes_user ON auth.oidc_codes (user_id);
CREATE INDEX oidc_codes_expiry ON auth.oidc_codes (expires_at);
