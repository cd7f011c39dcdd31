-- Statements of sign-ins with an identity provider.

-- name: insert_oidc_login
INSERT INTO auth.oidc_logins (digest, browser_digest, redirect_uri, expires_at)
VALUES ($1, $2, $3, now() + $4::interval)

-- name: take_oidc_login
-- Delete a sign-in and return its redirect URI. Only one of two responses with the same state gets it.
DELETE FROM auth.oidc_logins
WHERE digest = $1
  AND browser_digest = $2 -- guard: oidc-browser
  AND expires_at > now() -- guard: oidc-login-expiry
RETURNING redirect_uri

-- name: prune_oidc_logins
DELETE FROM auth.oidc_logins WHERE expires_at < now()

-- name: find_identity
SELECT user_id FROM auth.identities WHERE issuer = $1 AND subject = $2

-- name: has_identity
SELECT true FROM auth.identities WHERE issuer = $1 AND user_id = $2 LIMIT 1

-- name: list_identities
SELECT issuer, subject, created_at FROM auth.identities WHERE user_id = $1 ORDER BY created_at, issuer, subject

-- name: insert_identity
-- The transaction has called `lock_identity` and found no identity.
INSERT INTO auth.identities (issuer, subject, user_id) VALUES ($1, $2, $3)

-- name: lock_identity
-- Only one transaction at a time handles the first sign-in of an identity. The lock ends with the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('drivebay.auth.identity ' || $1::text || ' ' || $2::text, 0))

-- name: find_account_state
SELECT password_version, disabled_at IS NOT NULL AS is_disabled FROM auth.users WHERE id = $1 AND deleted_at IS NULL

-- name: find_password_hash_of_unused_account
-- The password hash of an account that nobody has logged in to.
SELECT password_hash FROM auth.users WHERE id = $1 AND last_login_at IS NULL AND deleted_at IS NULL

-- name: insert_sign_in_code
INSERT INTO auth.oidc_codes (digest, user_id, password_version, expires_at) VALUES ($1, $2, $3, now() + $4::interval)

-- name: take_sign_in_code
-- Delete a code and return its account. Only one of two concurrent calls gets it.
DELETE FROM auth.oidc_codes WHERE digest = $1
  AND expires_at > now() -- guard: oidc-code-expiry
RETURNING user_id, password_version

-- name: prune_sign_in_codes
DELETE FROM auth.oidc_codes WHERE expires_at < now()
