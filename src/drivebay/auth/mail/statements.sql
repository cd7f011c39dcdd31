-- Statements of the mail queue and of the tokens that confirm addresses.

-- name: insert_mail
-- Queue a mail to an account, for $4 at most.
INSERT INTO auth.mails (id, kind, user_id, give_up_at) VALUES ($1, $2, $3, now() + $4::interval)

-- name: insert_reset_request
-- Queue a reset for an address. Whether an account has it is found out when the mail is claimed.
INSERT INTO auth.mails (id, kind, requested_email, requested_from, give_up_at)
VALUES ($1, 'reset', $2, $3, now() + $4::interval)

-- name: claim_mails
-- Lease up to $2 mails that are due to $1, for $3. One that is not finished until then is due again. A repeat of a claim
-- whose answer was lost gets the same mails.
WITH due AS (
    SELECT id FROM auth.mails
    WHERE (due_at <= now() OR lease = $1) -- guard: mail-claim-repeat
      AND failed_at IS NULL AND give_up_at > now()
    ORDER BY due_at LIMIT $2
    FOR UPDATE SKIP LOCKED -- guard: mail-claim-lock
)
UPDATE auth.mails m
SET lease = $1, attempts = attempts + 1, due_at = now() + $3::interval
FROM due WHERE m.id = due.id
RETURNING m.id, m.kind, m.user_id, m.requested_email, m.requested_from, m.attempts

-- name: set_recipient
-- The account of a reset is known: forget the address that was asked for.
UPDATE auth.mails SET user_id = $2, requested_email = NULL, requested_from = '' WHERE id = $1

-- name: find_recipient
SELECT email, email_key, email_verified_at IS NOT NULL AS is_verified, disabled_at IS NOT NULL AS is_disabled
FROM auth.users WHERE id = $1 AND deleted_at IS NULL

-- name: delete_mail
DELETE FROM auth.mails WHERE id = $1

-- name: delete_sent_mail
DELETE FROM auth.mails
WHERE id = $1 AND lease = $2 -- guard: mail-lease
RETURNING id

-- name: postpone_mail
-- Try again after 30 seconds, 1 minute, 2 minutes and so on up to about an hour. A mail that would be too old then has failed.
WITH next AS (
    SELECT id, now() + interval '30 seconds' * 2 ^ least(attempts - 1, 7) AS at -- guard: mail-backoff
    FROM auth.mails WHERE id = $1 AND lease = $2 FOR UPDATE
)
UPDATE auth.mails m
SET lease = NULL, error = $3, due_at = next.at, failed_at = CASE WHEN next.at >= m.give_up_at THEN now() END
FROM next WHERE m.id = next.id
RETURNING m.kind, m.failed_at IS NOT NULL AS has_failed

-- name: fail_mail
UPDATE auth.mails SET lease = NULL, error = $3, failed_at = now() WHERE id = $1 AND lease = $2
RETURNING kind

-- name: fail_expired_mails
-- Give up the mails whose time has ended. One that a worker has is finished by it, or its lease ends.
UPDATE auth.mails SET failed_at = now(), lease = NULL, error = 'it was not sent in time'
WHERE failed_at IS NULL AND give_up_at <= now() -- guard: mail-expired
  AND (lease IS NULL OR due_at <= now()) -- guard: mail-expired-lease
RETURNING id, kind

-- name: prune_mails
-- Failed mails stay for a week, for operators.
DELETE FROM auth.mails WHERE give_up_at < now() - interval '7 days'

-- name: insert_email_token
INSERT INTO auth.email_tokens (digest, user_id, email_key, expires_at) VALUES ($1, $2, $3, now() + $4::interval)
ON CONFLICT (digest) DO NOTHING

-- name: take_email_token
-- Delete a token and return its account. Of two calls at once, one gets it. The account is locked first, as for a token
-- that sets a password.
WITH account AS (
    SELECT u.id FROM auth.email_tokens t JOIN auth.users u ON u.id = t.user_id
    WHERE t.digest = $1 AND u.deleted_at IS NULL
      AND u.email_key = t.email_key -- guard: email-token-address
    FOR NO KEY UPDATE OF u
)
DELETE FROM auth.email_tokens t USING account
WHERE t.digest = $1 AND t.user_id = account.id
  AND t.expires_at > now() -- guard: email-token-expiry
RETURNING t.user_id

-- name: verify_email
-- Confirm the address of an account. The first time stays.
UPDATE auth.users SET email_verified_at = coalesce(email_verified_at, now()) WHERE id = $1

-- name: delete_email_tokens
DELETE FROM auth.email_tokens WHERE user_id = $1

-- name: prune_email_tokens
DELETE FROM auth.email_tokens WHERE expires_at < now()
