-- name: insert_user
-- Create an account. Returns no row if the address has an account already.
INSERT INTO auth.users (id, email, email_key, password_hash)
VALUES ($1, $2, $3, $4)
ON CONFLICT (email_key) DO NOTHING
RETURNING id, email, created_at, display_name, role, false AS second_factor, false AS email_verified, false AS disabled

-- name: find_user
SELECT id, email, created_at, display_name, role,
       EXISTS (SELECT FROM auth.totp t WHERE t.user_id = users.id AND t.confirmed_at IS NOT NULL) AS second_factor,
       email_verified_at IS NOT NULL AS email_verified, disabled_at IS NOT NULL AS disabled
FROM auth.users
WHERE id = $1 AND deleted_at IS NULL -- guard: deleted-account-hidden

-- name: update_display_name
UPDATE auth.users SET display_name = $2 WHERE id = $1 AND deleted_at IS NULL
RETURNING id, email, created_at, display_name, role,
          EXISTS (SELECT FROM auth.totp t WHERE t.user_id = users.id AND t.confirmed_at IS NOT NULL) AS second_factor,
          email_verified_at IS NOT NULL AS email_verified, disabled_at IS NOT NULL AS disabled

-- name: find_user_by_email
-- The account that has one of the keys $1, as in `find_credentials`.
SELECT id, email, created_at, display_name, role,
       EXISTS (SELECT FROM auth.totp t WHERE t.user_id = users.id AND t.confirmed_at IS NOT NULL) AS second_factor,
       email_verified_at IS NOT NULL AS email_verified, disabled_at IS NOT NULL AS disabled
FROM auth.users WHERE email_key = ANY($1::text[]) AND deleted_at IS NULL
ORDER BY lower(email) = lower($2::text) DESC, array_position($1::text[], email_key)
LIMIT 1

-- name: list_users
SELECT id, email, created_at, display_name, role,
       EXISTS (SELECT FROM auth.totp t WHERE t.user_id = users.id AND t.confirmed_at IS NOT NULL) AS second_factor,
       email_verified_at IS NOT NULL AS email_verified, disabled_at IS NOT NULL AS disabled
FROM auth.users WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL

-- name: find_credentials
-- The account that has one of the keys $1. Earlier releases could create two accounts for one address, with the domain in
-- Unicode and in ASCII. Prefer the account whose address was entered as $2. `is_known`: the account has logged in from the
-- network $3 before.
SELECT id, email_key, password_hash, password_version, deleted_at IS NOT NULL AS is_deleted,
       disabled_at IS NOT NULL AS is_disabled,
       EXISTS (SELECT FROM auth.totp t WHERE t.user_id = users.id AND t.confirmed_at IS NOT NULL) AS has_second_factor,
       EXISTS (
           SELECT FROM auth.known_networks k
           WHERE k.user_id = users.id AND k.network = $3 -- guard: known-network-account
       ) AS is_known
FROM auth.users WHERE email_key = ANY($1::text[])
ORDER BY lower(email) = lower($2::text) DESC, array_position($1::text[], email_key)
LIMIT 1

-- name: find_credentials_of_user
SELECT id, email_key, password_hash, password_version, false AS is_deleted,
       disabled_at IS NOT NULL AS is_disabled,
       EXISTS (SELECT FROM auth.totp t WHERE t.user_id = users.id AND t.confirmed_at IS NOT NULL) AS has_second_factor,
       EXISTS (SELECT FROM auth.known_networks k WHERE k.user_id = users.id AND k.network = $2) AS is_known
FROM auth.users WHERE id = $1 AND deleted_at IS NULL

-- name: change_password
-- Replace the password, unless it was changed since the version $2 was read. The row stays locked until the transaction
-- ends, so that no login with the old password can start a session meanwhile.
UPDATE auth.users SET password_hash = $3, password_version = password_version + 1
WHERE id = $1 AND password_version = $2 AND deleted_at IS NULL -- guard: change-password-version
RETURNING id

-- name: delete_user
-- Delete an account whose password still has the version $2. No password matches the hash $3. The row stays: the address
-- is free again when the files are purged.
UPDATE auth.users
SET deleted_at = now(), password_hash = $3, password_version = password_version + 1, display_name = ''
WHERE id = $1 AND password_version = $2 AND deleted_at IS NULL
RETURNING id

-- name: list_deleted_users
-- Deleted accounts, the oldest first, after the position ($1, $2).
SELECT id, deleted_at FROM auth.users
WHERE deleted_at IS NOT NULL AND (deleted_at, id) > ($1::timestamptz, $2::uuid)
ORDER BY deleted_at, id LIMIT $3

-- name: list_user_ids
-- All accounts, also deleted ones that are not purged.
SELECT id FROM auth.users

-- name: is_user_known
SELECT id FROM auth.users WHERE id = $1

-- name: purge_user
-- Delete all rows of a deleted account. Do nothing while an access token of an ended session may still be valid, which is
-- for $2 after its end, because gateways must still be able to read the ended session. Do nothing either while the notice
-- of the deletion waits for the mail server, because the mail needs the email address. The wait ends when the mail is
-- given up. A notice to an address that is not confirmed is never sent.
WITH gone AS (
    SELECT u.id FROM auth.users u
    WHERE u.id = $1 AND u.deleted_at IS NOT NULL -- guard: purge-user-deleted
      AND NOT EXISTS (
          SELECT FROM auth.sessions s
          WHERE s.user_id = u.id AND (s.ended_at IS NULL OR s.ended_at + $2::interval > now()) -- guard: purge-user-sessions
      )
      AND NOT EXISTS (
          SELECT FROM auth.mails m
          WHERE m.user_id = u.id AND m.kind = 'account_deleted' AND u.email_verified_at IS NOT NULL
            AND m.failed_at IS NULL AND m.give_up_at > now() -- guard: purge-user-notice
      )
    FOR UPDATE
), results AS (
    DELETE FROM auth.idempotency i USING gone WHERE i.user_id = gone.id
), ended AS (
    DELETE FROM auth.sessions s USING gone WHERE s.user_id = gone.id
)
DELETE FROM auth.users u USING gone WHERE u.id = gone.id
RETURNING u.id

-- name: record_login
UPDATE auth.users SET last_login_at = now() WHERE id = $1

-- name: update_password_hash
-- Replace the hash of the same password, unless the password was changed meanwhile.
UPDATE auth.users SET password_hash = $3 WHERE id = $1 AND password_hash = $2 RETURNING id

-- name: try_idempotency_lock
-- Only one transaction at a time creates an account with the key $2 of $1. The lock ends with the transaction.
SELECT pg_try_advisory_xact_lock(hashtextextended($1::text || ' ' || $2::text, 0))

-- name: find_sign_up_result
-- The result of the first sign-up with this key, for 24 hours.
SELECT i.fingerprint, u.id, u.email, u.created_at, u.display_name, 'user' AS role, false AS second_factor,
       false AS email_verified, false AS disabled
FROM auth.idempotency i JOIN auth.users u ON u.id = i.user_id
WHERE i.address = $1 AND i.key = $2 AND i.created_at > now() - interval '24 hours'
  AND u.deleted_at IS NULL

-- name: insert_sign_up_result
-- Store the result of a sign-up with this key. A conflicting row is older than 24 hours and is replaced.
INSERT INTO auth.idempotency (address, key, fingerprint, user_id)
VALUES ($1, $2, $3, $4)
ON CONFLICT (address, key) DO UPDATE
SET fingerprint = excluded.fingerprint, user_id = excluded.user_id, created_at = now()
RETURNING key

-- name: insert_session
-- Create a session with its first refresh token. Returns no row if the password has changed since version $5, or if the
-- account is disabled or deleted. The lock waits for uncommitted changes of the account. `record_login` needs the same
-- lock, so two concurrent logins cannot wait for each other.
WITH account AS (
    SELECT id FROM auth.users
    WHERE id = $2 AND deleted_at IS NULL
      AND password_version = $5 -- guard: login-password-version
      AND disabled_at IS NULL -- guard: session-disabled-account
    FOR NO KEY UPDATE -- guard: login-password-lock
), session AS (
    INSERT INTO auth.sessions (id, user_id, newest, expires_at, user_agent, address)
    SELECT $1, id, $3, now() + $4::interval, $6, $7 FROM account
    RETURNING id, newest, expires_at
)
INSERT INTO auth.refresh_tokens (digest, session_id, expires_at)
SELECT newest, id, expires_at FROM session
RETURNING session_id

-- name: lock_refresh_token
-- Lock a refresh token and its session, so that refreshes of one session run one after another. `account_end`: the account
-- is deleted or disabled, but a process of an earlier release may have started the session afterwards.
SELECT t.session_id, s.user_id, s.end_reason, t.salt,
       CASE WHEN u.deleted_at IS NOT NULL THEN 'deleted'
            WHEN u.disabled_at IS NOT NULL THEN 'disabled' END AS account_end,
       t.expires_at <= now() AS is_expired,
       t.spent_at IS NOT NULL AS is_replaced,
       -- Only the last refresh may be repeated, and only within the repeat window $2.
       coalesce(
           t.spent_at IS NOT NULL
           AND t.child = s.newest -- guard: refresh-newest-only
           AND t.spent_at + $2::interval > now(), -- guard: refresh-repeat-window
           false
       ) AS is_repeatable
FROM auth.refresh_tokens t JOIN auth.sessions s ON s.id = t.session_id JOIN auth.users u ON u.id = s.user_id
WHERE t.digest = $1
FOR UPDATE OF t, s -- guard: refresh-lock

-- name: replace_refresh_token
-- Replace a locked token with its successor, which becomes the newest token of the session.
WITH parent AS (
    UPDATE auth.refresh_tokens SET spent_at = now(), child = $2, salt = $3
    WHERE digest = $1 AND spent_at IS NULL
    RETURNING session_id
), session AS (
    UPDATE auth.sessions s SET newest = $2, expires_at = now() + $4::interval, last_used_at = now()
    FROM parent WHERE s.id = parent.session_id
    RETURNING s.id, s.newest, s.expires_at
)
INSERT INTO auth.refresh_tokens (digest, session_id, expires_at)
SELECT newest, id, expires_at FROM session
RETURNING session_id

-- name: is_fresh_session
-- A session of the user $2 that has not ended and began at most $3 ago. A refresh does not change the begin.
SELECT id FROM auth.sessions
WHERE id = $1 AND user_id = $2 AND ended_at IS NULL
  AND started_at > now() - $3::interval -- guard: fresh-session-age

-- name: end_session
-- End a session. If it has ended already, its reason does not change.
UPDATE auth.sessions SET ended_at = now(), end_reason = $2
WHERE id = $1 AND ended_at IS NULL
RETURNING id

-- name: end_session_of_user
UPDATE auth.sessions SET ended_at = now(), end_reason = 'ended'
WHERE id = $1 AND user_id = $2 -- guard: end-session-owner
  AND ended_at IS NULL AND expires_at > now()
RETURNING id

-- name: end_sessions_of_user
-- End every session of the user $1 except $2, which may be null, for the reason $3.
UPDATE auth.sessions SET ended_at = now(), end_reason = $3
WHERE user_id = $1 AND id IS DISTINCT FROM $2::uuid -- guard: end-sessions-keep
  AND ended_at IS NULL
RETURNING id

-- name: end_excess_sessions
-- End all sessions of the user $1 except $2 and the $3 that were used last. Sessions that another transaction has locked
-- are skipped, because waiting for them could cause a deadlock.
WITH excess AS (
    SELECT s.id FROM auth.sessions s
    WHERE s.id IN (
        SELECT o.id FROM auth.sessions o
        WHERE o.user_id = $1 AND o.id <> $2 AND o.ended_at IS NULL AND o.expires_at > now()
        ORDER BY coalesce(o.last_used_at, o.started_at) DESC, o.id DESC OFFSET $3
    )
    FOR UPDATE SKIP LOCKED
)
UPDATE auth.sessions s SET ended_at = now(), end_reason = 'ended' FROM excess
WHERE s.id = excess.id AND s.ended_at IS NULL
RETURNING s.id

-- name: list_sessions
-- The sessions of a user that have not ended, up to $2, the newest first.
SELECT id, started_at, coalesce(last_used_at, started_at) AS last_used_at, user_agent, address
FROM auth.sessions
WHERE user_id = $1 AND ended_at IS NULL AND expires_at > now() -- guard: list-sessions-owner
ORDER BY id DESC LIMIT $2

-- name: list_revoked_sessions
-- A page of up to $5 sessions that ended after $1, and at most $2 ago. The access tokens of the other sessions have expired.
-- `ended_at` is the time at which a transaction began. The transaction may commit up to a minute later. The page begins
-- after the session $4, which ended at $3. If $5 is null, the page has all sessions.
SELECT id, ended_at, ended_at + $2::interval AS expires_at FROM auth.sessions
WHERE ended_at > greatest($1::timestamptz - interval '1 minute', now() - $2::interval) -- guard: revoked-since
  AND ($3::timestamptz IS NULL OR (ended_at, id) > ($3::timestamptz, $4::uuid))
ORDER BY ended_at, id LIMIT $5

-- name: get_time
SELECT now() AS now

-- name: end_session_of_token
UPDATE auth.sessions s SET ended_at = now(), end_reason = 'logout'
FROM auth.refresh_tokens t
WHERE t.digest = $1 AND s.id = t.session_id AND s.ended_at IS NULL
RETURNING s.id

-- name: lock_api_tokens
-- Lock the account, so that changes of the API tokens of one user run one after another.
SELECT id FROM auth.users WHERE id = $1 AND deleted_at IS NULL FOR UPDATE -- guard: api-token-lock

-- name: count_api_tokens
SELECT count(*) AS tokens FROM auth.api_tokens WHERE user_id = $1

-- name: insert_api_token
INSERT INTO auth.api_tokens (id, user_id, digest, name, scopes, expires_at) VALUES ($1, $2, $3, $4, $5::text[], $6)
RETURNING id, name, scopes, created_at, expires_at, last_used_at

-- name: list_api_tokens
-- A page of up to $3 tokens, the newest first, after the token $2. If $3 is null, the page has all tokens.
SELECT id, name, scopes, created_at, expires_at, last_used_at FROM auth.api_tokens
WHERE user_id = $1 -- guard: list-api-tokens-owner
  AND ($2::uuid IS NULL OR id < $2)
ORDER BY id DESC LIMIT $3

-- name: find_api_token_result
-- The token that a request of the user with the key $2 created within 24 hours. `id` is null if it was revoked.
SELECT i.fingerprint, i.token_id, t.id, t.name, t.scopes, t.created_at, t.expires_at, NULL::timestamptz AS last_used_at
FROM auth.idempotency i LEFT JOIN auth.api_tokens t ON t.id = i.token_id
WHERE i.address = $1 AND i.key = $2 AND i.created_at > now() - interval '24 hours'

-- name: insert_api_token_result
-- A conflicting row is older than 24 hours and is replaced.
INSERT INTO auth.idempotency (address, key, fingerprint, user_id, token_id)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (address, key) DO UPDATE
SET fingerprint = excluded.fingerprint, user_id = excluded.user_id, token_id = excluded.token_id, created_at = now()
RETURNING key

-- name: find_api_token
-- A valid token, and whether its last use should be recorded now.
SELECT t.id, t.user_id, t.scopes, t.expires_at,
       coalesce(t.last_used_at < now() - interval '1 minute', true) AS must_record_use -- guard: api-token-use-interval
FROM auth.api_tokens t JOIN auth.users u ON u.id = t.user_id
WHERE t.digest = $1 AND u.deleted_at IS NULL
  AND u.disabled_at IS NULL -- guard: api-token-disabled-account
  AND coalesce(t.expires_at > now(), true) -- guard: api-token-expiry

-- name: record_api_token_use
UPDATE auth.api_tokens SET last_used_at = now() WHERE id = $1 RETURNING id

-- name: delete_api_token
DELETE FROM auth.api_tokens
WHERE id = $1 AND user_id = $2 -- guard: delete-api-token-owner
RETURNING id

-- name: delete_api_tokens_of_user
DELETE FROM auth.api_tokens WHERE user_id = $1 RETURNING id

-- name: lock_signing_keys
-- Only one process at a time creates a key. The lock ends with the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('drivebay.auth.signing_keys', 0))

-- name: insert_signing_key
INSERT INTO auth.signing_keys (kid, x, sealed) VALUES ($1, $2, $3) RETURNING created_at

-- name: list_signing_keys
-- Every key that may have signed a valid token, newest first. A replaced key stays for $1.
SELECT kid, x, sealed, created_at
FROM (
    SELECT *, lead(created_at) OVER (ORDER BY created_at, kid) AS replaced_at FROM auth.signing_keys
) k
WHERE replaced_at IS NULL OR replaced_at + $1::interval > now()
ORDER BY created_at DESC, kid DESC

-- name: prune_idempotency_results
DELETE FROM auth.idempotency WHERE created_at < now() - interval '24 hours'

-- name: prune_sessions
-- Also deletes the tokens of the sessions. An ended session stays until it expires, so that reuse of its tokens is still
-- detected, and for $1 after its end, until its access tokens have expired.
DELETE FROM auth.sessions
WHERE expires_at < now() AND (ended_at IS NULL OR ended_at + $1::interval < now())

-- name: prune_refresh_tokens
DELETE FROM auth.refresh_tokens WHERE expires_at < now()

-- name: prune_signing_keys
-- Delete the keys whose publication ended more than a day ago. A replaced key stays published for $1.
DELETE FROM auth.signing_keys k
USING (SELECT kid, lead(created_at) OVER (ORDER BY created_at, kid) AS replaced_at FROM auth.signing_keys) s
WHERE k.kid = s.kid AND s.replaced_at + $1::interval + interval '1 day' < now()
