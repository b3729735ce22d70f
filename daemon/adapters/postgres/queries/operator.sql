-- What operators read and ask for from the command line.

-- name: partner
SELECT p.partner_id, p.name, c.status, c.account_id, c.business_name, c.role, c.timezone, c.paused, c.disconnecting,
       c.parked_reason, c.parked_at, c.consented_at, c.connected_at, c.disconnected_at, c.record_deposits, c.findings,
       c.payments_account_id, c.deposits_account_id, c.fees_account_id, t.generation AS token_generation,
       t.expires_at AS token_expires_at, t.unanswered_since AS token_unanswered_since
FROM platform.partner p
LEFT JOIN sync.connection c USING (partner_id)
LEFT JOIN sync.token t USING (partner_id)
WHERE p.partner_id = $1

-- name: ledger_names
SELECT ledger_account_id, name, number FROM sync.ledger_account WHERE partner_id = $1 AND account_id = $2

-- name: invoice
SELECT i.account_id FROM sync.invoice i
JOIN sync.connection c ON c.partner_id = i.partner_id AND c.account_id = i.account_id AND c.status <> 'not_connected'
WHERE i.partner_id = $1 AND i.invoice_id = $2

-- name: issues
SELECT * FROM sync.issue
WHERE ($1::text IS NULL OR partner_id = $1) AND ($2 OR closed_at IS NULL) AND ($3 = '' OR kind = $3)
ORDER BY opened_at DESC, issue_id DESC
LIMIT $4
