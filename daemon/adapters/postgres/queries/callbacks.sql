-- name: known
-- All verifiers of a partner's account, the trusted and the candidates.
SELECT callback_id, verifier, digest, trusted_at IS NOT NULL AS trusted FROM sync.callback
WHERE partner_id = $1 AND account_id = $2
ORDER BY callback_id, arrived_at

-- name: arrived
-- A candidate; strangers can send these, so no more than $6 untrusted ones are kept per account.
INSERT INTO sync.callback (partner_id, account_id, callback_id, verifier, digest)
SELECT $1, $2, $3, $4, $5
WHERE EXISTS (SELECT FROM sync.connection WHERE partner_id = $1 AND account_id = $2 AND status <> 'not_connected')
  AND (SELECT count(*) FROM sync.callback WHERE partner_id = $1 AND account_id = $2 AND trusted_at IS NULL) < $6
ON CONFLICT (partner_id, account_id, callback_id, digest) DO UPDATE SET arrived_at = excluded.arrived_at
RETURNING callback_id

-- name: trust
-- FreshBooks took this verifier: the other candidates of the callback were not FreshBooks'.
WITH others AS (
    DELETE FROM sync.callback WHERE partner_id = $1 AND account_id = $2 AND callback_id = $3 AND digest <> $4
)
UPDATE sync.callback SET trusted_at = now() WHERE partner_id = $1 AND account_id = $2 AND callback_id = $3 AND digest = $4

-- name: reject
DELETE FROM sync.callback
WHERE partner_id = $1 AND account_id = $2 AND callback_id = $3 AND digest = $4 AND trusted_at IS NULL

-- name: keep
-- What FreshBooks no longer lists is forgotten.
DELETE FROM sync.callback WHERE partner_id = $1 AND account_id = $2 AND trusted_at IS NOT NULL AND callback_id <> ALL ($3::bigint[])

-- name: forget
DELETE FROM sync.callback WHERE partner_id = $1 AND account_id = $2

-- name: account_of
SELECT account_id FROM sync.connection WHERE partner_id = $1 AND status <> 'not_connected' AND account_id = $2
