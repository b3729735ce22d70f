-- name: find_token
-- When it was used last is noted by the minute, so that a busy machine does not write with every request.
WITH found AS (
    SELECT token_hash, partner_id, name, scopes, last_used_at FROM sync.api_token
    WHERE token_hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)
), noted AS (
    UPDATE sync.api_token t SET last_used_at = $2
    FROM found f
    WHERE t.token_hash = f.token_hash AND (f.last_used_at IS NULL OR f.last_used_at < $2 - interval '1 minute')
)
SELECT partner_id, name, scopes FROM found

-- name: add_token
INSERT INTO sync.api_token (token_hash, partner_id, name, scopes, created_at, expires_at)
SELECT $1, p.partner_id, $3, $4, $5, $6 FROM platform.partner p WHERE p.partner_id = $2
ON CONFLICT (partner_id, name) WHERE revoked_at IS NULL DO NOTHING
RETURNING name

-- name: partner_exists
SELECT EXISTS (SELECT FROM platform.partner WHERE partner_id = $1)

-- name: tokens
SELECT partner_id, name, scopes, created_at, expires_at, revoked_at, last_used_at FROM sync.api_token
WHERE $1::text IS NULL OR partner_id = $1
ORDER BY partner_id, created_at

-- name: revoke_token
UPDATE sync.api_token SET revoked_at = $3 WHERE partner_id = $1 AND name = $2 AND revoked_at IS NULL RETURNING name

-- name: drop_old_answers
DELETE FROM sync.api_answer WHERE partner_id = $1 AND at < $2

-- name: begin_answer
-- One that was begun and never answered died with its process: a minute later the key is free again.
INSERT INTO sync.api_answer AS a (partner_id, key, request, at) VALUES ($1, $2, $3, $4)
ON CONFLICT (partner_id, key) DO UPDATE SET request = excluded.request, at = excluded.at
    WHERE a.status IS NULL AND a.at < excluded.at - interval '1 minute'
RETURNING key

-- name: kept_answer
SELECT request, status, body FROM sync.api_answer WHERE partner_id = $1 AND key = $2

-- name: keep_answer
UPDATE sync.api_answer SET status = $3, body = $4 WHERE partner_id = $1 AND key = $2

-- name: drop_answer
DELETE FROM sync.api_answer WHERE partner_id = $1 AND key = $2 AND status IS NULL
