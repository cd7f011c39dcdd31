-- Statements of passkeys.

-- name: insert_registration_challenge
-- Store the challenge of a new passkey. It replaces an earlier one of the session. Returns no row if the session $2 of the
-- user $3 has ended.
WITH session AS (
    SELECT id FROM auth.sessions WHERE id = $2 AND user_id = $3 AND ended_at IS NULL FOR KEY SHARE
)
INSERT INTO auth.passkey_challenges (digest, purpose, session_id, expires_at)
SELECT $1, 'registration', id, now() + $4::interval FROM session
ON CONFLICT (session_id) DO UPDATE SET digest = excluded.digest, expires_at = excluded.expires_at
RETURNING digest

-- name: insert_login_challenge
-- Store the challenge of a login without a password.
INSERT INTO auth.passkey_challenges (digest, purpose, expires_at) VALUES ($1, 'login', now() + $2::interval)

-- name: insert_second_factor_challenge
-- Store the challenge of a second factor. It replaces an earlier one of the login $2. Returns no row if that
-- login has ended.
WITH login AS (
    SELECT digest FROM auth.login_challenges WHERE digest = $2 AND expires_at > now() AND tries_left > 0 FOR KEY SHARE
)
INSERT INTO auth.passkey_challenges (digest, purpose, login_digest, expires_at)
SELECT $1, 'second_factor', digest, now() + $3::interval FROM login
ON CONFLICT (login_digest) DO UPDATE SET digest = excluded.digest, expires_at = excluded.expires_at
RETURNING digest

-- name: take_registration_challenge
-- Delete the challenge of a new passkey. Returns no row if it was used, has expired, or was begun by another session.
DELETE FROM auth.passkey_challenges
WHERE digest = $1 AND purpose = 'registration'
  AND session_id = $2 -- guard: passkey-session
  AND expires_at > now() -- guard: passkey-challenge-expiry
RETURNING digest

-- name: take_login_challenge
-- Delete the challenge of a login. Only one of two concurrent calls gets it. The challenge of a second factor is valid only
-- for its login $2.
DELETE FROM auth.passkey_challenges
WHERE digest = $1 AND purpose <> 'registration' -- guard: passkey-purpose
  AND login_digest IS NOT DISTINCT FROM $2::bytea -- guard: passkey-login
  AND expires_at > now() -- guard: passkey-login-expiry
RETURNING digest

-- name: find_user_of_login
-- The account of a login that waits for its second factor. This does not use up a try.
SELECT user_id FROM auth.login_challenges WHERE digest = $1 AND expires_at > now() AND tries_left > 0

-- name: count_passkeys
SELECT count(*) AS passkeys FROM auth.passkeys WHERE user_id = $1

-- name: insert_passkey
-- Store a passkey. Returns no row if the credential is stored already, or if the session $9 has ended.
INSERT INTO auth.passkeys (id, user_id, credential_id, public_key, sign_count, transports, name, is_synced)
SELECT $1, s.user_id, $3, $4, $5, $6::text[], $7, $8 FROM auth.sessions s
WHERE s.id = $9 AND s.user_id = $2
  AND s.ended_at IS NULL -- guard: passkey-ended-session
ON CONFLICT (credential_id) DO NOTHING -- guard: passkey-credential-once
RETURNING id, name, created_at, last_used_at, is_synced

-- name: list_passkeys
SELECT id, name, created_at, last_used_at, is_synced FROM auth.passkeys
WHERE user_id = $1 -- guard: list-passkeys-owner
ORDER BY id DESC

-- name: list_credentials
SELECT credential_id, transports FROM auth.passkeys WHERE user_id = $1 ORDER BY id

-- name: find_credential
-- A passkey with the password version of its account. The passkeys of deleted accounts are not found.
SELECT p.id, p.user_id, p.public_key, p.sign_count, u.password_version
FROM auth.passkeys p JOIN auth.users u ON u.id = p.user_id
WHERE p.credential_id = $1 AND u.deleted_at IS NULL

-- name: use_passkey
-- Record a use with the counter $3. Returns no row if the passkey was removed, or if the counter has not increased, which
-- means that the passkey was copied. An authenticator without a counter always sends 0.
UPDATE auth.passkeys SET sign_count = $3, last_used_at = now(), is_synced = $4
WHERE id = $1 AND user_id = $2
  AND (sign_count < $3 OR (sign_count = 0 AND $3 = 0)) -- guard: passkey-sign-count
RETURNING id

-- name: rename_passkey
UPDATE auth.passkeys SET name = $3
WHERE id = $1 AND user_id = $2 -- guard: rename-passkey-owner
RETURNING id, name, created_at, last_used_at, is_synced

-- name: delete_passkey
DELETE FROM auth.passkeys
WHERE id = $1 AND user_id = $2 -- guard: delete-passkey-owner
RETURNING id

-- name: delete_passkeys_of_user
WITH gone AS (
    DELETE FROM auth.passkeys WHERE user_id = $1 RETURNING id
)
SELECT count(*) AS passkeys FROM gone

-- name: prune_challenges
DELETE FROM auth.passkey_challenges WHERE expires_at < now()
