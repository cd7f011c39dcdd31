-- Statements on reclaimed accounts.

-- name: insert_reclaimed
-- Record that an account was reclaimed now.
INSERT INTO auth.reclaimed_accounts (user_id) VALUES ($1)
ON CONFLICT (user_id) DO UPDATE SET reclaimed_at = now()

-- name: delete_known_networks
-- After this, logins from the networks of the earlier user have no separate limits any more.
DELETE FROM auth.known_networks WHERE user_id = $1

-- name: list_reclaimed
-- Up to $1 reclaimed accounts, the oldest reclaim first.
SELECT r.user_id, r.reclaimed_at FROM auth.reclaimed_accounts r JOIN auth.users u ON u.id = r.user_id
WHERE u.deleted_at IS NULL ORDER BY r.reclaimed_at, r.user_id LIMIT $1

-- name: delete_api_tokens_of_earlier_user
-- Delete the API tokens that were created before the reclaim, or within $2 after it. In that time, the earlier user may
-- have created them with an access token of an ended session.
DELETE FROM auth.api_tokens t USING auth.reclaimed_accounts r
WHERE r.user_id = $1 AND t.user_id = r.user_id
  AND t.created_at < r.reclaimed_at + $2::interval -- guard: reclaim-late-api-tokens

-- name: delete_second_factor_of_earlier_user
-- Do the same for the second factor.
DELETE FROM auth.totp t USING auth.reclaimed_accounts r
WHERE r.user_id = $1 AND t.user_id = r.user_id AND t.confirmed_at < r.reclaimed_at + $2::interval

-- name: delete_reclaimed
-- Delete the record of a reclaimed account, $2 after the reclaim. By then all gateways refuse the ended sessions.
DELETE FROM auth.reclaimed_accounts
WHERE user_id = $1 AND reclaimed_at + $2::interval < now() -- guard: reclaim-finish
