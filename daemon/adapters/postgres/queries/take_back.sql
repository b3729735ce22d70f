-- name: candidate
-- O3: a recorded payment whose money never came or went back, while the switch is on.
SELECT s.generation, s.fb_payment_id, s.recorded_amount, s.invoice_id
FROM sync.push s
JOIN platform.payment p ON p.partner_id = s.partner_id AND p.payment_id = s.subject
JOIN sync.connection c ON c.partner_id = s.partner_id AND c.account_id = s.account_id
WHERE s.partner_id = $1 AND s.account_id = $2 AND s.kind = 'payment' AND s.subject = $3 AND s.state = 'done'
  AND s.fb_payment_id IS NOT NULL AND s.recorded_amount IS NOT NULL AND s.choice IS NULL
  AND s.reason IS DISTINCT FROM 'replaced'
  AND p.status IN ('failed', 'chargeback') AND sync.is_on(c.options, 'delete_payments')
ORDER BY s.generation DESC LIMIT 1

-- name: takes_deletions
SELECT sync.is_on(options, 'delete_payments') FROM sync.connection WHERE partner_id = $1 AND account_id = $2
