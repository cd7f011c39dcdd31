-- Statements on files.idempotency. A key is valid for 24 hours. `made` is the id that the request created, `answers`
-- its encoded result if that is not one id.

-- name: try_lock_key
-- Lock an owner's key until the transaction ends. False: another transaction holds it.
SELECT pg_try_advisory_xact_lock(hashtextextended($1::text || ' ' || $2, 0));

-- name: select_request
SELECT fingerprint, made, created_at, answers FROM files.idempotency
WHERE owner_id = $1 AND key = $2 AND created_at > now() - interval '24 hours';  -- guard: owner-idempotency-key

-- name: insert_request
-- Record the first request with a key, or overwrite one that is older than 24 hours.
INSERT INTO files.idempotency (owner_id, key, fingerprint, made, answers) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (owner_id, key) DO UPDATE
    SET fingerprint = excluded.fingerprint, made = excluded.made, answers = excluded.answers,
        created_at = excluded.created_at
    WHERE excluded.created_at - idempotency.created_at >= interval '24 hours';

-- name: update_results
-- Replace the results of a batch whose items were begun again.
UPDATE files.idempotency SET answers = $3 WHERE owner_id = $1 AND key = $2;  -- guard: owner-update-results

-- name: delete_expired_keys
-- Delete up to $1 keys that are not valid any more. A locked key is skipped: a request overwrites it now, or another
-- janitor deletes it.
DELETE FROM files.idempotency WHERE (owner_id, key) IN (
    SELECT owner_id, key FROM files.idempotency WHERE created_at <= now() - interval '24 hours'
    ORDER BY created_at LIMIT $1 FOR UPDATE SKIP LOCKED);
