-- Every secret that is kept sealed, in whatever table. It names its key: the length of the id in one byte, then the id.

-- name: counts
WITH secret AS (
    SELECT 'token' AS kind, access_token AS sealed FROM sync.token
    UNION ALL SELECT 'token', refresh_token FROM sync.token
    UNION ALL SELECT 'consent', access_token FROM sync.consent
    UNION ALL SELECT 'consent', refresh_token FROM sync.consent
    UNION ALL SELECT 'callback', verifier FROM sync.callback
)
SELECT kind, encode(substring(sealed FROM 2 FOR get_byte(sealed, 0)), 'escape') AS key_id, count(*) AS count
FROM secret WHERE length(sealed) > 1
GROUP BY 1, 2 ORDER BY 2, 1

-- name: samples
-- One secret of each key.
WITH secret AS (
    SELECT partner_id, 'access_token' AS field, access_token AS sealed FROM sync.token
    UNION ALL SELECT partner_id, 'callback_verifier', verifier FROM sync.callback
)
SELECT DISTINCT ON (substring(sealed FROM 2 FOR get_byte(sealed, 0))) partner_id, field, sealed
FROM secret WHERE length(sealed) > 1
ORDER BY substring(sealed FROM 2 FOR get_byte(sealed, 0)), partner_id

-- name: others
-- Secrets that the key $1 did not seal, after the place $2; each partner's stand together.
WITH secret AS (
    SELECT 'token' AS kind, partner_id, 'access_token' AS field, access_token AS sealed, NULL AS id FROM sync.token
    UNION ALL SELECT 'token', partner_id, 'refresh_token', refresh_token, NULL FROM sync.token
    UNION ALL SELECT 'consent', partner_id, 'access_token', access_token, NULL FROM sync.consent
    UNION ALL SELECT 'consent', partner_id, 'refresh_token', refresh_token, NULL FROM sync.consent
    UNION ALL SELECT 'callback', partner_id, 'callback_verifier', verifier,
                     concat_ws('/', account_id, callback_id, encode(digest, 'hex')) FROM sync.callback
), placed AS (
    SELECT kind, partner_id, field, sealed, concat_ws('/', partner_id, kind, field, id) COLLATE "C" AS place FROM secret
    WHERE length(sealed) > 1 AND substring(sealed FROM 2 FOR get_byte(sealed, 0)) <> convert_to($1, 'UTF8')
)
SELECT * FROM placed WHERE place > $2 ORDER BY place LIMIT $3

-- name: reseal_token_access
UPDATE sync.token SET access_token = $3 WHERE partner_id = $1 AND access_token = $2

-- name: reseal_token_refresh
UPDATE sync.token SET refresh_token = $3 WHERE partner_id = $1 AND refresh_token = $2

-- name: reseal_consent_access
UPDATE sync.consent SET access_token = $3 WHERE partner_id = $1 AND access_token = $2

-- name: reseal_consent_refresh
UPDATE sync.consent SET refresh_token = $3 WHERE partner_id = $1 AND refresh_token = $2

-- name: reseal_callback
UPDATE sync.callback SET verifier = $3 WHERE partner_id = $1 AND verifier = $2
