-- Statements of the mail queue and of the tokens that confirm addresses.

-- name: insert_mail
-- Queue a mail to an account. It is given up after $4.
INSERT INTO auth.mails (id, kind, user_id, give_up_at) VALUES ($1, $2, $3, now() + $4::interval)

-- name: insert_reset_request
-- Queue a reset for an address. The account is looked up when the mail is claimed.
INSERT INTO auth.mails (id, kind, requested_email, requested_from, give_up_at)
VALUES ($1, 'reset', $2, $3, now() + $4::interval)

-- name: claim_mails
-- Claim up to $2 due mails for the lease $1, which lasts $3. A mail that is not finished by then is due again. If the
-- response of a claim was lost, a repeat of the claim returns the same mails. Only mails of the kinds $4 are claimed. The
-- queue may have mails of other kinds, which a later release has queued before the deployment returned to this release.
WITH due AS (
    SELECT id FROM auth.mails
    WHERE (due_at <= now() OR lease = $1) -- guard: mail-claim-repeat
      AND kind = ANY($4) -- guard: mail-known-kinds
      AND failed_at IS NULL AND give_up_at > now()
    ORDER BY due_at LIMIT $2
    FOR UPDATE SKIP LOCKED -- guard: mail-claim-lock
)
UPDATE auth.mails m
SET lease = $1, attempts = attempts + 1, due_at = now() + $3::interval
FROM due WHERE m.id = due.id
RETURNING m.id, m.kind, m.user_id, m.requested_email, m.requested_from, m.attempts

-- name: set_recipient
-- Record the account of a reset, and delete the address that was requested.
UPDATE auth.mails SET user_id = $2, requested_email = NULL, requested_from = '' WHERE id = $1

-- name: find_recipient
SELECT email, email_key, email_verified_at IS NOT NULL AS is_verified, disabled_at IS NOT NULL AS is_disabled
FROM auth.users WHERE id = $1 AND (deleted_at IS NOT NULL) = $2

-- name: delete_mail
DELETE FROM auth.mails WHERE id = $1

-- name: delete_sent_mail
DELETE FROM auth.mails
WHERE id = $1 AND lease = $2 -- guard: mail-lease
RETURNING id

-- name: postpone_mail
-- Try again after 30 seconds, 1 minute, 2 minutes and so on up to about an hour. A mail that would then be too old fails.
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
-- Fail the mails whose time has ended, except those under a lease that has not ended.
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
-- Delete a token and return its account. Only one of two concurrent calls gets it. The account is locked first, as in
-- `take_password_token`.
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

-- name: mark_email_verified
-- Confirm the address of an account. A later confirmation does not change the time.
UPDATE auth.users SET email_verified_at = coalesce(email_verified_at, now()) WHERE id = $1

-- name: delete_email_tokens
DELETE FROM auth.email_tokens WHERE user_id = $1

-- name: prune_email_tokens
DELETE FROM auth.email_tokens WHERE expires_at < now()
