-- What the platform itself writes at its boundary; the demo plays its part with these.

-- name: partners
SELECT partner_id, name FROM platform.partner ORDER BY name, partner_id;

-- name: pay
-- The platform charges only what is payable, and no more than is due (P12).
INSERT INTO platform.payment (partner_id, payment_id, account_id, invoice_id, amount, currency, method, status, initiated_at, updated_at)
SELECT partner_id, $3, account_id, invoice_id, $4, currency, $5, 'processing', $6, $6
FROM platform.invoice
WHERE partner_id = $1 AND invoice_id = $2 AND payable AND $4 <= amount_due
  AND account_id = (SELECT account_id FROM sync.connection WHERE partner_id = $1)
RETURNING payment_id;

-- name: set_status
UPDATE platform.payment SET status = $3, updated_at = $4
WHERE partner_id = $1 AND payment_id = $2 AND (status, $3) IN (
    ('processing', 'succeeded'), ('processing', 'failed'),
    ('succeeded', 'failed'), ('succeeded', 'refunded'), ('succeeded', 'chargeback'),
    ('chargeback', 'succeeded')
)
RETURNING payment_id;
