-- Statements of the administration of accounts.

-- name: lock_admins
-- One transaction at a time may change who is an admin. The lock ends with the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('drivebay.auth.admins', 0)) -- guard: admins-lock

-- name: is_admin
SELECT true AS found FROM auth.users
WHERE id = $1
  AND role = 'admin' -- guard: admin-role
  AND disabled_at IS NULL -- guard: admin-enabled
  AND deleted_at IS NULL

-- name: has_other_admin
-- An invited admin who never logged in counts only if the account $1 has never logged in either.
SELECT true AS found FROM auth.users
WHERE role = 'admin' AND disabled_at IS NULL AND deleted_at IS NULL AND id <> $1
  AND (last_login_at IS NOT NULL OR (SELECT last_login_at IS NULL FROM auth.users WHERE id = $1)) -- guard: last-admin-login
LIMIT 1

-- name: list_by_created
-- A page of the accounts that match $1, after the account created at $2 with the id $3.
SELECT id, email, role, disabled_at IS NOT NULL AS disabled, created_at, last_login_at, display_name, email_key,
       EXISTS (SELECT FROM auth.totp t WHERE t.user_id = users.id AND t.confirmed_at IS NOT NULL) AS second_factor
FROM auth.users
WHERE (created_at, id) > ($2::timestamptz, $3::uuid)
  AND deleted_at IS NULL
  AND ($1::text = '' OR position($1 IN email_key) > 0 OR position($1 IN lower(display_name)) > 0)
ORDER BY created_at, id LIMIT $4

-- name: list_by_created_descending
SELECT id, email, role, disabled_at IS NOT NULL AS disabled, created_at, last_login_at, display_name, email_key,
       EXISTS (SELECT FROM auth.totp t WHERE t.user_id = users.id AND t.confirmed_at IS NOT NULL) AS second_factor
FROM auth.users
WHERE (created_at, id) < ($2::timestamptz, $3::uuid)
  AND deleted_at IS NULL
  AND ($1::text = '' OR position($1 IN email_key) > 0 OR position($1 IN lower(display_name)) > 0)
ORDER BY created_at DESC, id DESC LIMIT $4

-- name: list_by_email
-- The same as `list_by_created`, but in the order of the emails, after the email key $2. On the first page $2 is null.
SELECT id, email, role, disabled_at IS NOT NULL AS disabled, created_at, last_login_at, display_name, email_key,
       EXISTS (SELECT FROM auth.totp t WHERE t.user_id = users.id AND t.confirmed_at IS NOT NULL) AS second_factor
FROM auth.users
WHERE ($2::text IS NULL OR (email_key COLLATE "C", id) > ($2 COLLATE "C", $3::uuid))
  AND deleted_at IS NULL
  AND ($1::text = '' OR position($1 IN email_key) > 0 OR position($1 IN lower(display_name)) > 0)
ORDER BY email_key COLLATE "C", id LIMIT $4

-- name: list_by_email_descending
SELECT id, email, role, disabled_at IS NOT NULL AS disabled, created_at, last_login_at, display_name, email_key,
       EXISTS (SELECT FROM auth.totp t WHERE t.user_id = users.id AND t.confirmed_at IS NOT NULL) AS second_factor
FROM auth.users
WHERE ($2::text IS NULL OR (email_key COLLATE "C", id) < ($2 COLLATE "C", $3::uuid))
  AND deleted_at IS NULL
  AND ($1::text = '' OR position($1 IN email_key) > 0 OR position($1 IN lower(display_name)) > 0)
ORDER BY email_key COLLATE "C" DESC, id DESC LIMIT $4

-- name: get_accounts
SELECT id, email, role, disabled_at IS NOT NULL AS disabled, created_at, last_login_at, display_name, email_key,
       EXISTS (SELECT FROM auth.totp t WHERE t.user_id = users.id AND t.confirmed_at IS NOT NULL) AS second_factor
FROM auth.users
WHERE id = ANY($2::uuid[])
  AND deleted_at IS NULL
  AND ($1::text = '' OR position($1 IN email_key) > 0 OR position($1 IN lower(display_name)) > 0)
ORDER BY array_position($2::uuid[], id)

-- name: count_accounts
SELECT count(*) AS accounts FROM auth.users WHERE deleted_at IS NULL

-- name: find_account
-- The account that has one of the keys $1. If several accounts have one, the account with the earliest key in $1.
SELECT id FROM auth.users WHERE email_key = ANY($1::text[]) AND deleted_at IS NULL
ORDER BY array_position($1::text[], email_key) LIMIT 1

-- name: lock_account
-- Lock an account until the transaction ends. A login that is in progress ends first.
SELECT id, email, role, disabled_at IS NOT NULL AS disabled, created_at, last_login_at, display_name, email_key,
       EXISTS (SELECT FROM auth.totp t WHERE t.user_id = users.id AND t.confirmed_at IS NOT NULL) AS second_factor
FROM auth.users WHERE id = $1 AND deleted_at IS NULL FOR UPDATE OF users

-- name: set_role
UPDATE auth.users SET role = $2 WHERE id = $1

-- name: set_disabled
UPDATE auth.users SET disabled_at = CASE WHEN $2::bool THEN now() END WHERE id = $1

-- name: delete_account
-- No password matches the hash $2. The row stays: the address is free again when the files are purged.
UPDATE auth.users
SET deleted_at = now(), password_hash = $2, password_version = password_version + 1, display_name = ''
WHERE id = $1

-- name: delete_api_tokens
DELETE FROM auth.api_tokens WHERE user_id = $1

-- name: end_sessions
UPDATE auth.sessions SET ended_at = now(), end_reason = $2 WHERE user_id = $1 AND ended_at IS NULL

-- name: delete_challenges
-- Delete the logins that wait for their second factor. They have no session yet.
DELETE FROM auth.login_challenges WHERE user_id = $1

-- name: insert_password_token
INSERT INTO auth.password_tokens (digest, user_id, purpose, expires_at) VALUES ($1, $2, $3, now() + $4::interval)
ON CONFLICT (digest) DO NOTHING

-- name: take_password_token
-- Delete a token and return its account. Only one of two concurrent calls gets it. The account is locked first, as in
-- every other change of a password. In another order, two transactions could wait for each other.
WITH account AS (
    SELECT u.id FROM auth.password_tokens t JOIN auth.users u ON u.id = t.user_id
    WHERE t.digest = $1 AND u.disabled_at IS NULL AND u.deleted_at IS NULL
    FOR NO KEY UPDATE OF u
)
DELETE FROM auth.password_tokens t USING account
WHERE t.digest = $1 AND t.user_id = account.id
  AND t.expires_at > now() -- guard: password-token-expiry
RETURNING t.user_id, t.purpose

-- name: delete_password_tokens
DELETE FROM auth.password_tokens WHERE user_id = $1 -- guard: password-token-once

-- name: has_password_token
SELECT true AS found FROM auth.password_tokens WHERE digest = $1 AND expires_at > now()

-- name: set_password
UPDATE auth.users SET password_hash = $2, password_version = password_version + 1 WHERE id = $1

-- name: prune_password_tokens
DELETE FROM auth.password_tokens WHERE expires_at < now()
