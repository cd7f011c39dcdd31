-- Statements of rate limits, and of the networks from which accounts logged in.

-- name: remember_network
-- Record that the account $1 logged in from the network $2. Keep the $3 other networks that were used last.
WITH excess AS (
    DELETE FROM auth.known_networks WHERE user_id = $1 AND network IN (
        SELECT o.network FROM auth.known_networks o WHERE o.user_id = $1 AND o.network <> $2
        ORDER BY o.last_login_at DESC, o.network OFFSET $3 -- guard: known-network-count
    )
)
INSERT INTO auth.known_networks (user_id, network) VALUES ($1, $2)
ON CONFLICT (user_id, network) DO UPDATE SET last_login_at = now()
RETURNING user_id

-- name: take_token
-- Take one token from a bucket that holds $2 / $3 tokens and refills within $2. `wait` is the time until the bucket has a
-- token. `tokens` is the number of tokens that are left.
WITH charged AS (
    INSERT INTO auth.throttle AS t (bucket, full_at) VALUES ($1, now() + $3::interval)
    ON CONFLICT (bucket) DO UPDATE SET full_at = greatest(t.full_at, now()) + $3::interval
    WHERE greatest(t.full_at, now()) + $3::interval <= now() + $2::interval -- guard: rate-limit-capacity
    RETURNING full_at
)
SELECT true AS granted, interval '0' AS wait,
       floor(extract(epoch FROM now() + $2::interval - full_at) / extract(epoch FROM $3::interval) + 0.001)::int AS tokens
FROM charged
UNION ALL
SELECT false, full_at + $3::interval - $2::interval - now(), 0
FROM auth.throttle
WHERE bucket = $1 AND NOT EXISTS (SELECT FROM charged)

-- name: refill_bucket
-- A bucket without a row is full.
DELETE FROM auth.throttle WHERE bucket = $1 RETURNING bucket

-- name: return_token
-- Return one token to a bucket that gets one token per $2.
UPDATE auth.throttle SET full_at = full_at - $2::interval WHERE bucket = $1 RETURNING bucket

-- name: prune_known_networks
DELETE FROM auth.known_networks WHERE last_login_at < now() - $1::interval

-- name: prune_buckets
-- A full bucket needs no row.
DELETE FROM auth.throttle WHERE full_at < now()
