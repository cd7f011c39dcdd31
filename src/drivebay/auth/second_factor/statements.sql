-- Statements of the second factor.

-- name: upsert_secret
-- Store a secret that is not confirmed. Returns no row if the account has an active second factor.
INSERT INTO auth.totp AS t (user_id, sealed) VALUES ($1, $2)
ON CONFLICT (user_id) DO UPDATE SET sealed = excluded.sealed, last_step = 0
WHERE t.confirmed_at IS NULL -- guard: totp-replace-active
RETURNING user_id

-- name: find_secret
SELECT sealed, confirmed_at IS NOT NULL AS is_active FROM auth.totp WHERE user_id = $1

-- name: lock_secret
-- The lock prevents `upsert_secret` from replacing the secret between the check of its code and its activation.
SELECT sealed, confirmed_at IS NOT NULL AS is_active FROM auth.totp WHERE user_id = $1 FOR UPDATE

-- name: lock_account_row
-- Changes by an admin lock the account first too, so the two transactions cannot wait for each other. `insert_session`
-- uses the same lock.
SELECT id FROM auth.users WHERE id = $1 FOR NO KEY UPDATE

-- name: use_step
-- Use up the code of a time step. Returns no row if this code, or a later one, was used before. Only one of two concurrent
-- calls succeeds.
UPDATE auth.totp SET last_step = $2
WHERE user_id = $1 AND last_step < $2 -- guard: totp-once
RETURNING user_id

-- name: activate
UPDATE auth.totp SET confirmed_at = now() WHERE user_id = $1 AND confirmed_at IS NULL RETURNING user_id

-- name: insert_recovery_codes
INSERT INTO auth.recovery_codes (user_id, digest) SELECT $1, unnest($2::bytea[])

-- name: use_recovery_code
UPDATE auth.recovery_codes SET used_at = now()
WHERE user_id = $1 AND digest = $2
  AND used_at IS NULL -- guard: recovery-code-once
RETURNING user_id

-- name: delete_secret
-- Also deletes the recovery codes.
DELETE FROM auth.totp WHERE user_id = $1 RETURNING confirmed_at IS NOT NULL AS is_active

-- name: insert_challenge
INSERT INTO auth.login_challenges (digest, user_id, password_version, expires_at, tries_left)
VALUES ($1, $2, $3, now() + $4::interval, $5)

-- name: take_try
-- Use up one try of a challenge and return its account. Returns no row if the challenge has expired or has no tries left.
-- The row stays locked, so tries of one challenge run one after another.
UPDATE auth.login_challenges SET tries_left = tries_left - 1
WHERE digest = $1
  AND expires_at > now() -- guard: challenge-expiry
  AND tries_left > 0 -- guard: challenge-tries
RETURNING user_id, password_version

-- name: delete_challenge
DELETE FROM auth.login_challenges WHERE digest = $1 RETURNING user_id

-- name: prune_challenges
DELETE FROM auth.login_challenges WHERE expires_at < now()
