-- Statements on reclaimed accounts.

-- name: insert_reclaimed
-- Record that an account was reclaimed now.
INSERT INTO auth.reclaimed_accounts (user_id) VALUES ($1)
ON CONFLICT (user_id) DO UPDATE SET reclaimed_at = now()

-- name: delete_known_networks
-- The networks of the earlier user have no limits of their own any more.
DELETE FROM auth.known_networks WHERE user_id = $1

-- name: list_reclaimed
-- Up to $1 reclaimed accounts, those that were reclaimed first.
SELECT r.user_id, r.reclaimed_at FROM auth.reclaimed_accounts r JOIN auth.users u ON u.id = r.user_id
WHERE u.deleted_at IS NULL ORDER BY r.reclaimed_at, r.user_id LIMIT $1

-- name: delete_late_api_tokens
-- Delete the API tokens that the earlier user created with an access token of an ended session, within $2.
DELETE FROM auth.api_tokens t USING auth.reclaimed_accounts r
WHERE r.user_id = $1 AND t.user_id = r.user_id
  AND t.created_at < r.reclaimed_at + $2::interval -- guard: reclaim-late-api-tokens

-- name: delete_late_second_factor
-- The same for a second factor that was activated then.
DELETE FROM auth.totp t USING auth.reclaimed_accounts r
WHERE r.user_id = $1 AND t.user_id = r.user_id AND t.confirmed_at < r.reclaimed_at + $2::interval

-- name: finish_reclaimed
-- Forget a reclaimed account whose ended sessions have been known everywhere for $2.
DELETE FROM auth.reclaimed_accounts
WHERE user_id = $1 AND reclaimed_at + $2::interval < now() -- guard: reclaim-finish
