-- Statements on files.scans, the positions of scans of the whole bucket. `$1` is the kind, `$2` the lease.

-- name: claim_scan
-- Claim a due scan for the time $3, and return its position. Returns no row if another lease is valid, or if it is
-- not due.
UPDATE files.scans SET lease_id = $2, leased_until = now() + $3::interval
WHERE kind = $1
  AND (lease_id = $2
       OR leased_until <= now())  -- guard: scan-lease
  AND due_at <= now()  -- guard: scan-due
RETURNING position;

-- name: save_scan
-- Record the position $3, and extend the lease to the time $4 from now. Returns no row if another lease has replaced it.
UPDATE files.scans SET position = $3, leased_until = now() + $4::interval
WHERE kind = $1 AND lease_id = $2  -- guard: scan-fencing
RETURNING kind;

-- name: finish_scan
-- Start at the beginning after the time $3. Returns no row if another lease has replaced it.
UPDATE files.scans SET position = NULL, leased_until = now(), due_at = now() + $3::interval
WHERE kind = $1 AND lease_id = $2
RETURNING kind;
