-- Statements on the audit log. A trigger refuses changes of rows, except `forget_user`, and the deletion of a row of the
-- last day.

-- name: insert_event
-- Runs in the transaction that makes the change.
INSERT INTO auth.audit (id, actor_id, action, target, address, user_agent, request_id, detail)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb)

-- name: list_events
-- A page, newest first, after the event with the time $1 and the id $2. Filters, which may be null: the action $3, and
-- the times from $4 until $5.
SELECT id, at, actor_id, action, target, address, user_agent, request_id, detail FROM auth.audit
WHERE (at, id) < ($1::timestamptz, $2::uuid)
  AND ($3::text IS NULL OR action = $3)
  AND ($4::timestamptz IS NULL OR at >= $4)
  AND ($5::timestamptz IS NULL OR at < $5)
ORDER BY at DESC, id DESC LIMIT $6

-- name: list_events_of_user
-- The same as `list_events`, for the events whose actor or target is the user $7. Each half of the union reads one index.
WITH events AS (
    (SELECT * FROM auth.audit
     WHERE actor_id = $7::uuid AND (at, id) < ($1::timestamptz, $2::uuid)
       AND ($3::text IS NULL OR action = $3)
       AND ($4::timestamptz IS NULL OR at >= $4)
       AND ($5::timestamptz IS NULL OR at < $5)
     ORDER BY at DESC, id DESC LIMIT $6)
    UNION
    (SELECT * FROM auth.audit
     WHERE target = $7::uuid::text AND (at, id) < ($1::timestamptz, $2::uuid)
       AND ($3::text IS NULL OR action = $3)
       AND ($4::timestamptz IS NULL OR at >= $4)
       AND ($5::timestamptz IS NULL OR at < $5)
     ORDER BY at DESC, id DESC LIMIT $6)
)
SELECT id, at, actor_id, action, target, address, user_agent, request_id, detail FROM events
ORDER BY at DESC, id DESC LIMIT $6

-- name: forget_user
-- Remove the IP address, the program and the names from up to $2 records about what the deleted account $1 did, and about
-- failed logins with it. Returns their number.
WITH personal AS (
    SELECT id FROM auth.audit
    WHERE (actor_id = $1::uuid OR (target = $1::uuid::text AND actor_id IS NULL)) -- guard: forget-only-own
      AND (address <> '' OR user_agent <> '' OR detail ? 'name')
      AND NOT EXISTS (SELECT FROM auth.users WHERE id = $1 AND deleted_at IS NULL) -- guard: forget-deleted
    LIMIT $2
), forgotten AS (
    UPDATE auth.audit a SET address = '', user_agent = '', detail = detail - 'name'
    FROM personal WHERE a.id = personal.id RETURNING a.id
)
SELECT count(*) AS forgotten FROM forgotten

-- name: prune_events
-- Delete up to $2 of the oldest events that are older than $1. Returns their number.
WITH old AS (
    SELECT id FROM auth.audit WHERE at < now() - $1::interval -- guard: audit-age
    ORDER BY at LIMIT $2
), deleted AS (
    DELETE FROM auth.audit a USING old WHERE a.id = old.id RETURNING a.id
)
SELECT count(*) AS deleted FROM deleted
