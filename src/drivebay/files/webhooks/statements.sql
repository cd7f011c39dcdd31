-- Statements on webhooks. Users name their webhooks by id: `$1` is the user and `$2` the webhook, unless stated otherwise.
-- All times come from the database clock.

-- name: select_role_for_webhook
-- The role of the user $1 as a member of the shared drive $2. Returns no row if there is no such member or drive. The
-- role cannot change until the transaction ends. So a transaction that removes it waits, and then sees the webhook.
SELECT m.role FROM files.members m JOIN files.drives d ON d.owner_id = m.owner_id
WHERE m.user_id = $1 AND m.owner_id = $2 AND d.deleted_at IS NULL
FOR SHARE;  -- guard: webhook-role-lock

-- name: count_webhooks
SELECT count(*) FROM files.webhooks WHERE created_by = $1;

-- name: insert_webhook
-- Insert the webhook $2 of the drive $3 to the URL $4 for the kinds $5. It begins after the last change of the drive.
INSERT INTO files.webhooks (created_by, id, owner_id, url, what, last_number)
SELECT $1, $2, $3, $4, $5, coalesce((SELECT last_change FROM files.usage WHERE owner_id = $3), 0)
RETURNING *;

-- name: select_webhook
SELECT * FROM files.webhooks WHERE created_by = $1 AND id = $2;  -- guard: webhook-creator

-- name: lock_webhook
SELECT * FROM files.webhooks WHERE created_by = $1 AND id = $2 FOR UPDATE;  -- guard: webhook-update-creator

-- name: list_webhooks
-- Up to $4 webhooks before the webhook $2, newest first. If $3 is not null, only webhooks of the drive $3.
SELECT * FROM files.webhooks
WHERE created_by = $1 AND id < $2 AND ($3::uuid IS NULL OR owner_id = $3)  -- guard: webhooks-of-others
ORDER BY id DESC LIMIT $4;

-- name: update_webhook
-- Set URL and kinds of the webhook $2. $5: whether it is disabled. $6: clear the failures, and make the webhook due
-- now.
-- A worker that has claimed the old URL or kinds loses the lease: it records no result and sends no further event. The
-- next worker may claim a new URL at once. With other kinds it waits until the current attempt has ended.
UPDATE files.webhooks w
SET url = $3, what = $4,
    lease = CASE WHEN url = $3 AND what = $4 THEN lease END,  -- guard: webhook-update-lease
    leased_until = CASE WHEN url = $3 THEN leased_until END,
    disabled_at = CASE WHEN $5::bool THEN coalesce(disabled_at, clock.now) END,
    disabled_reason = CASE WHEN $5 THEN disabled_reason END,
    failing_since = CASE WHEN NOT $6::bool THEN failing_since END,
    attempts = CASE WHEN $6 THEN 0 ELSE attempts END,
    due_at = CASE WHEN $6 THEN clock.now ELSE due_at END
FROM (SELECT now() AS now OFFSET 0) clock
WHERE created_by = $1 AND id = $2 RETURNING w.*;

-- name: delete_webhook
DELETE FROM files.webhooks WHERE created_by = $1 AND id = $2 RETURNING id;  -- guard: webhook-delete-creator

-- name: delete_webhooks_of_member
-- The webhooks of the user $1 in the drive $2.
DELETE FROM files.webhooks WHERE created_by = $1 AND owner_id = $2;

-- name: disable_webhooks_of_member
-- Disable the webhooks of the user $1 in the drive $2, because the user is not a manager any more.
UPDATE files.webhooks SET disabled_at = now(), disabled_reason = 'you are not a manager of the drive any more'
WHERE created_by = $1 AND owner_id = $2 AND disabled_at IS NULL;

-- name: delete_webhooks_of_drive
-- The webhooks of every member of the drive $1.
DELETE FROM files.webhooks WHERE owner_id = $1;

-- name: delete_webhooks_of_user
-- Delete the webhooks that the user $1 created, and the webhooks of the personal drive of this user.
DELETE FROM files.webhooks WHERE created_by = $1 OR owner_id = $1;

-- name: delete_webhooks_of_user_before
-- As `delete_webhooks_of_user`, but only webhooks that were created up to the time $2.
DELETE FROM files.webhooks
WHERE (created_by = $1 OR owner_id = $1) AND created_at <= $2;  -- guard: end-sharing-webhooks

-- name: list_deliveries
-- Up to $4 attempts of the webhook $2 of the drive $1 before the attempt $3, newest first.
SELECT * FROM files.webhook_deliveries
WHERE owner_id = $1 AND webhook_id = $2 AND id < $3
ORDER BY id DESC LIMIT $4;

-- name: select_delivery
-- The number of the change of the attempt $3 of the webhook $2 of the drive $1, if the change is still in the feed.
SELECT d.number FROM files.webhook_deliveries d
JOIN files.changes c ON c.owner_id = d.owner_id AND c.number = d.number
WHERE d.owner_id = $1 AND d.webhook_id = $2 AND d.id = $3;

-- name: count_redeliveries
SELECT count(*) FROM files.webhook_redeliveries WHERE owner_id = $1 AND webhook_id = $2;

-- name: insert_redelivery
-- Request the change $3 again, for the webhook $2 of the drive $1. A change that was not delivered yet is the next
-- regular event, or follows it.
INSERT INTO files.webhook_redeliveries (owner_id, webhook_id, number)
SELECT owner_id, id, $3 FROM files.webhooks WHERE owner_id = $1 AND id = $2 AND last_number >= $3
ON CONFLICT DO NOTHING;

-- name: make_webhook_due
-- Let the webhook $2 of the drive $1 be claimed at once, if the change $3 is still to be delivered.
UPDATE files.webhooks SET due_at = now() WHERE owner_id = $1 AND id = $2 AND last_number < $3;

-- name: lease_webhooks
-- Lease up to $2 webhooks that are due, or have redeliveries, to $1, for $3, the longest waiting first. A user has at
-- most $4 leases. A repeat of a claim whose response was lost gets the same webhooks.
WITH waiting AS (
    SELECT w.owner_id, w.id, w.lease IS NOT DISTINCT FROM $1 AS is_repeat,
           (SELECT count(*) FROM files.webhooks o WHERE o.created_by = w.created_by AND o.leased_until > now())
           + row_number() OVER (PARTITION BY w.created_by ORDER BY w.due_at, w.id) AS place
    FROM files.webhooks w LEFT JOIN files.usage g ON g.owner_id = w.owner_id
    WHERE w.disabled_at IS NULL
      AND (w.lease = $1 OR w.leased_until IS NULL OR w.leased_until <= now())
      AND (w.lease = $1
           OR w.due_at <= now()
           OR EXISTS (SELECT FROM files.webhook_redeliveries r WHERE r.owner_id = w.owner_id AND r.webhook_id = w.id))
      AND (g.last_change > w.last_number OR EXISTS (
               SELECT FROM files.webhook_redeliveries r WHERE r.owner_id = w.owner_id AND r.webhook_id = w.id))
      -- The rows of members end with the membership. This also covers what no statement has cleaned up.
      AND (w.owner_id = w.created_by OR EXISTS (
               SELECT FROM files.members m JOIN files.drives d ON d.owner_id = m.owner_id AND d.deleted_at IS NULL
               WHERE m.owner_id = w.owner_id AND m.user_id = w.created_by AND m.role = 'manager'))  -- guard: webhook-manager
), due AS (
    SELECT w.owner_id, w.id FROM files.webhooks w JOIN waiting ON waiting.owner_id = w.owner_id AND waiting.id = w.id
    WHERE w.disabled_at IS NULL
      AND (w.leased_until IS NULL OR w.leased_until <= now() OR w.lease = $1)
      AND (waiting.is_repeat OR waiting.place <= $4)  -- guard: webhook-user-share
    ORDER BY w.due_at LIMIT $2
    FOR UPDATE OF w SKIP LOCKED
)
UPDATE files.webhooks w SET lease = $1, leased_until = now() + $3::interval
FROM due WHERE w.owner_id = due.owner_id AND w.id = due.id
RETURNING w.*, w.due_at <= now() AS is_due;

-- name: list_redeliveries
-- Up to $3 numbers of changes to send again, oldest request first.
SELECT number FROM files.webhook_redeliveries
WHERE owner_id = $1 AND webhook_id = $2 ORDER BY requested_at, number LIMIT $3;

-- name: release_webhook
-- The lease $3 on the webhook $2 of the drive $1 ends without an event.
UPDATE files.webhooks SET lease = NULL, leased_until = NULL WHERE owner_id = $1 AND id = $2 AND lease = $3;

-- name: skip_changes
-- The changes of the webhook $2 of the drive $1 up to the number $4 need no event. The lease $3 ends.
UPDATE files.webhooks SET last_number = greatest(last_number, $4), lease = NULL, leased_until = NULL, due_at = now()
WHERE owner_id = $1 AND id = $2 AND lease = $3;

-- name: lock_leased_webhook
-- The webhook $2 of the drive $1, if the lease $3 still holds and its user still manages the drive. `is_ending`: it failed
-- for the time $4.
SELECT w.*, coalesce(w.failing_since <= now() - $4::interval, false) AS is_ending FROM files.webhooks w
WHERE w.owner_id = $1 AND w.id = $2
  AND w.lease = $3 AND w.leased_until > now()  -- guard: webhook-fencing
  AND (w.owner_id = w.created_by OR EXISTS (
           SELECT FROM files.members m JOIN files.drives d ON d.owner_id = m.owner_id AND d.deleted_at IS NULL
           WHERE m.owner_id = $1 AND m.user_id = w.created_by AND m.role = 'manager'))
FOR UPDATE OF w;

-- name: delete_redelivery
-- The change $3 needs no further redelivery.
DELETE FROM files.webhook_redeliveries WHERE owner_id = $1 AND webhook_id = $2 AND number = $3;

-- name: advance_webhook
-- The changes up to the number $3 are done. The lease continues for $4, or ends if $4 is null.
UPDATE files.webhooks
SET last_number = greatest(last_number, $3), failing_since = NULL, attempts = 0, due_at = now(),
    lease = CASE WHEN $4::interval IS NOT NULL THEN lease END, leased_until = now() + $4::interval
WHERE owner_id = $1 AND id = $2;

-- name: keep_webhook_lease
-- After a redelivery: the lease continues for $3, or ends if $3 is null.
UPDATE files.webhooks
SET lease = CASE WHEN $3::interval IS NOT NULL THEN lease END, leased_until = now() + $3::interval
WHERE owner_id = $1 AND id = $2;

-- name: postpone_webhook
-- Record a failed attempt. The next attempt follows after 5 seconds, 20 seconds, 80 seconds and so on up to 6 hours. The last
-- attempt is made when the webhook has failed for $3. The lease ends.
UPDATE files.webhooks
SET attempts = attempts + 1, failing_since = coalesce(failing_since, now()), lease = NULL, leased_until = NULL,
    due_at = least(now() + least(interval '6 hours', interval '5 seconds' * 4 ^ least(attempts, 12)),  -- guard: webhook-backoff
                   greatest(coalesce(failing_since, now()) + $3::interval, now() + interval '5 seconds'))
WHERE owner_id = $1 AND id = $2 RETURNING due_at;

-- name: disable_webhook
-- Disable the webhook $2 of the drive $1 for the reason $3. The lease ends.
UPDATE files.webhooks
SET disabled_at = coalesce(disabled_at, (SELECT now())), disabled_reason = $3, lease = NULL, leased_until = NULL
WHERE owner_id = $1 AND id = $2;

-- name: insert_delivery
-- Record the attempt $3 of the webhook $2 of the drive $1: number of the change $4, kind $5, item $6, number of the attempt
-- $7, success $8, status of the response $9, error $10, next attempt $11.
INSERT INTO files.webhook_deliveries (owner_id, webhook_id, id, number, what, file_id, attempt, is_delivered,
                                      response_status, error, next_try_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: prune_deliveries
-- Delete attempts of the webhook $2 of the drive $1 beyond the newest $3.
DELETE FROM files.webhook_deliveries
WHERE owner_id = $1 AND webhook_id = $2 AND id <= (
    SELECT id FROM files.webhook_deliveries WHERE owner_id = $1 AND webhook_id = $2
    ORDER BY id DESC OFFSET $3 LIMIT 1);  -- guard: webhook-deliveries-bound

-- name: prune_old_deliveries
-- Delete up to 1,000 attempts that are older than $1.
DELETE FROM files.webhook_deliveries d USING (
    SELECT owner_id, webhook_id, id FROM files.webhook_deliveries
    WHERE at < now() - $1::interval ORDER BY at LIMIT 1000 FOR UPDATE SKIP LOCKED) old
WHERE d.owner_id = old.owner_id AND d.webhook_id = old.webhook_id AND d.id = old.id;
