-- name: insert_user
-- Make an account; no row when somebody has the address.
INSERT INTO auth.users (id, email, email_key, password_hash)
VALUES ($1, $2, $3, $4)
ON CONFLICT (email_key) DO NOTHING
RETURNING id, email, created_at

-- name: find_user
SELECT id, email, created_at FROM auth.users WHERE id = $1

-- name: find_password
-- Whose account an address is, and what checks its password.
SELECT id, password_hash FROM auth.users WHERE email_key = $1

-- name: replace_password
-- Store the same password under today's cost, unless it was changed meanwhile.
UPDATE auth.users SET password_hash = $3 WHERE id = $1 AND password_hash = $2 RETURNING id

-- name: try_idempotency_lock
-- One sign-up per key at a time; held until the transaction ends.
SELECT pg_try_advisory_xact_lock(hashtextextended($1::text || ' ' || $2::text, 0))

-- name: find_first_answer
-- What a sign-up with this key gave, while it is remembered.
SELECT i.fingerprint, u.id, u.email, u.created_at
FROM auth.idempotency i JOIN auth.users u ON u.id = i.user_id
WHERE i.address = $1 AND i.key = $2 AND i.created_at > now() - interval '24 hours'

-- name: insert_first_answer
-- Remember what a sign-up with this key gave; only a forgotten one can be in the way.
INSERT INTO auth.idempotency (address, key, fingerprint, user_id)
VALUES ($1, $2, $3, $4)
ON CONFLICT (address, key) DO UPDATE
SET fingerprint = excluded.fingerprint, user_id = excluded.user_id, created_at = now()
RETURNING key

-- name: begin_session
-- A new family with its first token.
WITH session AS (
    INSERT INTO auth.sessions (id, user_id, newest, expires_at)
    VALUES ($1, $2, $3, now() + $4::interval)
    RETURNING id, newest, expires_at
)
INSERT INTO auth.refresh_tokens (digest, session_id, expires_at)
SELECT newest, id, expires_at FROM session
RETURNING session_id

-- name: lock_refresh_token
-- A token with its family, both locked: refreshes of one family happen one after another.
SELECT t.session_id, s.user_id, s.end_reason, t.child, t.salt,
       t.expires_at <= now() AS expired,
       t.spent_at IS NOT NULL AS spent,
       -- Only the last trade may be repeated, and only just after it.
       coalesce(t.child = s.newest AND t.spent_at + $2::interval > now(), false) AS repeatable
FROM auth.refresh_tokens t JOIN auth.sessions s ON s.id = t.session_id
WHERE t.digest = $1
FOR UPDATE OF t, s

-- name: rotate_refresh_token
-- Trade a locked token for its child.
WITH parent AS (
    UPDATE auth.refresh_tokens SET spent_at = now(), child = $2, salt = $3
    WHERE digest = $1 AND spent_at IS NULL
    RETURNING session_id
), session AS (
    UPDATE auth.sessions s SET newest = $2, expires_at = now() + $4::interval
    FROM parent WHERE s.id = parent.session_id
    RETURNING s.id, s.newest, s.expires_at
)
INSERT INTO auth.refresh_tokens (digest, session_id, expires_at)
SELECT newest, id, expires_at FROM session
RETURNING session_id

-- name: end_session
-- End a family for good; the first reason stays.
UPDATE auth.sessions SET ended_at = now(), end_reason = $2
WHERE id = $1 AND ended_at IS NULL
RETURNING id

-- name: end_session_of_token
UPDATE auth.sessions s SET ended_at = now(), end_reason = 'logout'
FROM auth.refresh_tokens t
WHERE t.digest = $1 AND s.id = t.session_id AND s.ended_at IS NULL
RETURNING s.id

-- name: lock_signing_keys
-- One process at a time makes a key; held until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('drivebay.auth.signing_keys', 0))

-- name: insert_signing_key
INSERT INTO auth.signing_keys (kid, x, sealed) VALUES ($1, $2, $3) RETURNING created_at

-- name: find_signing_keys
-- Every key that may have signed a token still alive ($1 after its successor came), newest first.
SELECT kid, x, sealed, created_at
FROM (
    SELECT *, lead(created_at) OVER (ORDER BY created_at, kid) AS succeeded_at FROM auth.signing_keys
) k
WHERE succeeded_at IS NULL OR succeeded_at + $1::interval > now()
ORDER BY created_at DESC, kid DESC

-- name: charge
-- Take one from a bucket that holds $2 / $3 and fills up within $2; whether it was there, else how long until.
WITH charged AS (
    INSERT INTO auth.throttle AS t (bucket, full_at) VALUES ($1, now() + $3::interval)
    ON CONFLICT (bucket) DO UPDATE SET full_at = greatest(t.full_at, now()) + $3::interval
    WHERE greatest(t.full_at, now()) + $3::interval <= now() + $2::interval
    RETURNING full_at
)
SELECT true AS granted, interval '0' AS wait FROM charged
UNION ALL
SELECT false, full_at + $3::interval - $2::interval - now()
FROM auth.throttle
WHERE bucket = $1 AND NOT EXISTS (SELECT FROM charged)

-- name: fill_bucket
DELETE FROM auth.throttle WHERE bucket = $1 RETURNING bucket

-- name: prune_throttle
-- A full bucket is as good as none.
DELETE FROM auth.throttle WHERE full_at < now()

-- name: prune_idempotency
DELETE FROM auth.idempotency WHERE created_at < now() - interval '24 hours'

-- name: prune_sessions
-- With their tokens. Ended ones stay until then: a spent token that comes back is still told so.
DELETE FROM auth.sessions WHERE expires_at < now()

-- name: prune_refresh_tokens
DELETE FROM auth.refresh_tokens WHERE expires_at < now()

-- name: prune_signing_keys
-- Those that have not been published for a day.
DELETE FROM auth.signing_keys k
USING (SELECT kid, lead(created_at) OVER (ORDER BY created_at, kid) AS succeeded_at FROM auth.signing_keys) s
WHERE k.kid = s.kid AND s.succeeded_at + $1::interval + interval '1 day' < now()
