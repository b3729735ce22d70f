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

-- name: pay_out
-- One currency a payout; its members are signed, and with the fee they add up to its net (W6).
WITH came AS (
    SELECT p.payment_id AS member, 'payment' AS kind, p.payment_id, p.amount, p.currency, p.method, p.initiated_at
    FROM platform.payment p
    WHERE p.partner_id = $1 AND p.status = 'succeeded'
      AND NOT EXISTS (SELECT FROM platform.payout_member m
                      WHERE m.partner_id = p.partner_id AND m.payment_id = p.payment_id AND m.kind = 'payment')
), went AS (
    SELECT p.payment_id || '.' || p.status AS member, CASE p.status WHEN 'refunded' THEN 'refund' ELSE 'chargeback' END AS kind,
           p.payment_id, -p.amount AS amount, p.currency, p.method, p.initiated_at
    FROM platform.payment p
    WHERE p.partner_id = $1 AND p.status IN ('refunded', 'chargeback')
      AND EXISTS (SELECT FROM platform.payout_member m
                  WHERE m.partner_id = p.partner_id AND m.payment_id = p.payment_id AND m.kind = 'payment')
      AND NOT EXISTS (SELECT FROM platform.payout_member m
                      WHERE m.partner_id = p.partner_id AND m.payment_id = p.payment_id AND m.kind <> 'payment')
), parts AS (
    SELECT * FROM (SELECT * FROM came UNION ALL SELECT * FROM went) all_parts
    WHERE currency = (SELECT currency FROM came ORDER BY initiated_at LIMIT 1)
), members AS (
    SELECT member, kind, payment_id, amount, currency FROM parts
    UNION ALL
    SELECT 'fees', 'fee', NULL, -fee, currency
    FROM (SELECT round(sum(amount * CASE method WHEN 'card' THEN 0.029 ELSE 0.005 END) FILTER (WHERE kind = 'payment'), 2) AS fee,
                 min(currency) AS currency FROM parts) f
    WHERE fee > 0
), made AS (
    INSERT INTO platform.payout (partner_id, payout_id, status, currency, net, arrival_date, created_at, updated_at)
    SELECT $1, $2, 'processing', min(currency), sum(amount), $3, $4, $4 FROM members HAVING count(*) > 0
    RETURNING payout_id
)
INSERT INTO platform.payout_member (partner_id, payout_id, member, kind, payment_id, amount)
SELECT $1, made.payout_id, m.member, m.kind, m.payment_id, m.amount FROM members m, made
RETURNING payout_id;

-- name: settle_payout
UPDATE platform.payout SET status = 'succeeded', updated_at = $3 WHERE partner_id = $1 AND payout_id = $2;
