-- name: partners
SELECT partner_id FROM sync.connection WHERE status <> 'not_connected' ORDER BY partner_id

-- name: load
SELECT c.partner_id, c.status, c.account_id, c.parked_reason, c.disconnecting, c.paused, c.timezone, c.epoch, c.business_uuid,
       c.payments_account_id IS NOT NULL AS accounts_chosen, c.sync_asked_at, t.expires_at,
       EXISTS (SELECT FROM sync.push p
               WHERE p.partner_id = c.partner_id AND p.account_id = c.account_id
                 AND p.state IN ('ready', 'sending', 'uncertain', 'waiting')) AS push_open
FROM sync.connection c
LEFT JOIN sync.token t USING (partner_id)
WHERE c.partner_id = ANY ($1::text[])

-- name: cursors
SELECT u.partner_id, u.value FROM sync.cursor u
JOIN sync.connection c USING (partner_id, account_id)
WHERE u.partner_id = ANY ($1::text[])
ORDER BY u.feed

-- name: mark_connected
UPDATE sync.connection SET status = 'connected', connected_at = $3, updated_at = now()
WHERE partner_id = $1 AND account_id = $2 AND status = 'pending'
RETURNING partner_id

-- name: park
UPDATE sync.connection SET parked_reason = $3, parked_at = coalesce(parked_at, $4), updated_at = now()
WHERE partner_id = $1 AND account_id = $2 AND status <> 'not_connected' AND parked_reason IS DISTINCT FROM $3
RETURNING partner_id

-- name: unpark
UPDATE sync.connection SET parked_reason = NULL, parked_at = NULL, updated_at = now()
WHERE partner_id = $1 AND account_id = $2 AND parked_reason IS NOT NULL
RETURNING partner_id

-- name: disconnected
-- Whoever connected again meanwhile is no longer disconnecting, and keeps the new tokens.
UPDATE sync.connection
SET status = 'not_connected', disconnecting = false, disconnected_at = $2, parked_reason = NULL, parked_at = NULL,
    sync_asked_at = NULL, updated_at = now()
WHERE partner_id = $1 AND status <> 'not_connected' AND disconnecting
RETURNING partner_id

-- name: forget_tokens
DELETE FROM sync.token WHERE partner_id = $1

-- name: add_event
INSERT INTO platform.event (partner_id, kind, subject, data) VALUES ($1, $2, 'connection', $3)

-- name: add_run
INSERT INTO sync.run (partner_id, account_id, feed, stage, began_at, finished_at, outcome, pages, read, changed, error)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)

-- name: drop_old_runs
-- A batch with every new one, so that no statement ever deletes much.
DELETE FROM sync.run
WHERE partner_id = $1 AND run_id IN (
    SELECT run_id FROM sync.run WHERE partner_id = $1 AND finished_at < $2 ORDER BY finished_at LIMIT 100)

-- name: mark_run
UPDATE sync.connection
SET last_attempt_at = greatest(last_attempt_at, $3), last_success_at = greatest(last_success_at, $4),
    invoices_as_of = greatest(invoices_as_of, $5)
WHERE partner_id = $1 AND account_id = $2

-- name: former
SELECT account_id, business_name, disconnecting FROM sync.connection
WHERE partner_id = $1 AND account_id IS NOT NULL

-- name: connect
-- The unique index refuses an account that another partner has connected; the last line, other books than before.
INSERT INTO sync.connection AS c
    (partner_id, status, account_id, business_id, business_uuid, business_name, timezone, role, findings, epoch, consented_at)
VALUES ($1, 'pending', $2, $3, $4, $5, coalesce(nullif($6, ''), 'America/New_York'), $7, $8, 1, $9)
ON CONFLICT (partner_id) DO UPDATE
    SET status = CASE c.status WHEN 'connected' THEN c.status ELSE 'pending' END,
        account_id = excluded.account_id, business_id = excluded.business_id, business_uuid = excluded.business_uuid,
        business_name = excluded.business_name, timezone = excluded.timezone, role = excluded.role,
        findings = excluded.findings, epoch = c.epoch + 1, consented_at = excluded.consented_at,
        parked_reason = NULL, parked_at = NULL, disconnecting = false, disconnected_at = NULL, updated_at = now()
    WHERE c.account_id IS NULL OR c.account_id = excluded.account_id
RETURNING epoch

-- name: store_tokens
INSERT INTO sync.token AS t (partner_id, generation, access_token, refresh_token, expires_at, scope)
VALUES ($1, 1, $2, $3, $4, $5)
ON CONFLICT (partner_id) DO UPDATE
    SET generation = t.generation + 1, access_token = excluded.access_token, refresh_token = excluded.refresh_token,
        expires_at = excluded.expires_at, scope = excluded.scope, unanswered_since = NULL, refreshing_until = NULL,
        updated_at = now()

-- name: load_tokens
SELECT generation, access_token, refresh_token, expires_at, scope FROM sync.token WHERE partner_id = $1

-- name: replace_tokens
UPDATE sync.token
SET generation = generation + 1, access_token = $3, refresh_token = $4, expires_at = $5, scope = $6,
    unanswered_since = NULL, refreshing_until = NULL, updated_at = now()
WHERE partner_id = $1 AND generation = $2
RETURNING generation

-- name: begin_refresh
-- From here on FreshBooks may spend the token: whoever finds this row after a crash knows that an answer is missing.
UPDATE sync.token t
SET unanswered_since = coalesce(t.unanswered_since, now()), refreshing_until = now() + make_interval(secs => $3)
FROM (SELECT unanswered_since FROM sync.token WHERE partner_id = $1 FOR UPDATE) before
WHERE t.partner_id = $1 AND t.generation = $2 AND (t.refreshing_until IS NULL OR t.refreshing_until <= now())
RETURNING now() AS began_at, before.unanswered_since

-- name: end_refresh
UPDATE sync.token SET unanswered_since = $3, refreshing_until = NULL WHERE partner_id = $1 AND generation = $2

-- name: drop_old_states
DELETE FROM sync.oauth_state WHERE created_at < $1

-- name: begin_consent
INSERT INTO sync.oauth_state (state_hash, partner_id, session_hash, verifier, created_at) VALUES ($1, $2, $3, $4, $5)

-- name: use_consent
UPDATE sync.oauth_state SET used_at = $2 WHERE state_hash = $1 AND used_at IS NULL
RETURNING partner_id, session_hash, verifier, created_at

-- name: save_choice
INSERT INTO sync.consent
    (partner_id, session_hash, offer, access_token, refresh_token, token_expires_at, scope, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (partner_id) DO UPDATE
    SET session_hash = excluded.session_hash, offer = excluded.offer, access_token = excluded.access_token,
        refresh_token = excluded.refresh_token, token_expires_at = excluded.token_expires_at, scope = excluded.scope,
        expires_at = excluded.expires_at, created_at = now()

-- name: pending_choice
SELECT session_hash, offer, access_token, refresh_token, token_expires_at, scope, expires_at
FROM sync.consent WHERE partner_id = $1

-- name: drop_choice
DELETE FROM sync.consent WHERE partner_id = $1

-- name: ask_disconnect
UPDATE sync.connection SET disconnecting = true, updated_at = now()
WHERE partner_id = $1 AND status <> 'not_connected' AND NOT disconnecting
RETURNING account_id, business_name

-- name: ask_sync
UPDATE sync.connection SET sync_asked_at = $2, updated_at = now()
WHERE partner_id = $1 AND status <> 'not_connected' AND NOT disconnecting
RETURNING account_id

-- name: pause
UPDATE sync.connection SET paused = $2, updated_at = now()
WHERE partner_id = $1 AND paused <> $2
RETURNING account_id

-- name: options
SELECT options FROM sync.connection WHERE partner_id = $1 AND status <> 'not_connected' FOR UPDATE

-- name: set_options
UPDATE sync.connection SET options = options || $2, updated_at = now()
WHERE partner_id = $1
RETURNING options

-- name: account_choice
SELECT payments_account_id, deposits_account_id, fees_account_id, record_deposits, platform_invoices_account_id
FROM sync.connection
WHERE partner_id = $1 AND payments_account_id IS NOT NULL AND deposits_account_id IS NOT NULL

-- name: save_account_choice
UPDATE sync.connection
SET payments_account_id = $2, deposits_account_id = $3, fees_account_id = $4, record_deposits = $5,
    platform_invoices_account_id = $6, updated_at = now()
WHERE partner_id = $1
RETURNING account_id

-- name: wake_for_accounts
UPDATE sync.push SET not_before = sync.at_once(), updated_at = now()
WHERE partner_id = $1 AND account_id = $2 AND state = 'waiting' AND reason = 'no_accounts'

-- name: reset
UPDATE sync.connection
SET status = 'not_connected', account_id = NULL, disconnecting = false, disconnected_at = $2, parked_reason = NULL,
    parked_at = NULL, payments_account_id = NULL, deposits_account_id = NULL, fees_account_id = NULL,
    platform_invoices_account_id = NULL,
    record_deposits = false, sync_asked_at = NULL, invoices_as_of = NULL, epoch = epoch + 1, updated_at = now()
WHERE partner_id = $1
RETURNING (SELECT b.account_id FROM sync.connection b WHERE b.partner_id = $1) AS account_id

-- name: open_session
INSERT INTO sync.session (session_hash, partner_id, csrf, created_at, expires_at)
SELECT $1, partner_id, $3, $4, $5 FROM platform.partner WHERE partner_id = $2
RETURNING partner_id

-- name: drop_old_sessions
DELETE FROM sync.session WHERE expires_at < $1

-- name: drop_old_links
DELETE FROM sync.used_link WHERE expires_at < $1

-- name: use_link
INSERT INTO sync.used_link (link_hash, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING link_hash

-- name: find_session
SELECT session_hash, partner_id, csrf, expires_at FROM sync.session WHERE session_hash = $1 AND expires_at > $2

-- name: close_session
DELETE FROM sync.session WHERE session_hash = $1
