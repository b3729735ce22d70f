-- name: payouts
-- The payouts that arrive in some days, each with the deposit that stands for it, or its latest push.
SELECT p.payout_id, p.status, p.currency, p.net, d.paid_on, s.state, s.entry_id, s.entry
FROM platform.payout p
LEFT JOIN sync.connection n USING (partner_id)
CROSS JOIN LATERAL (
    SELECT coalesce(p.arrival_date, (p.created_at AT TIME ZONE coalesce(n.timezone, 'America/New_York'))::date) AS paid_on
) d
LEFT JOIN LATERAL (
    SELECT * FROM sync.push s
    WHERE s.partner_id = p.partner_id AND s.kind = 'payout' AND s.subject = p.payout_id
    ORDER BY s.state = 'done' DESC, s.generation DESC LIMIT 1
) s ON true
WHERE p.partner_id = $1 AND d.paid_on >= $2 AND d.paid_on < $3
ORDER BY d.paid_on, p.payout_id

-- name: members
SELECT payout_id, member, kind, payment_id, amount FROM platform.payout_member
WHERE partner_id = $1 AND payout_id = ANY ($2::text[])
ORDER BY payout_id, array_position(ARRAY['payment', 'refund', 'chargeback', 'fee'], kind), member

-- name: loose
SELECT y.payment_id, (y.initiated_at AT TIME ZONE coalesce(n.timezone, 'America/New_York'))::date AS made_on, y.status,
       y.amount, y.currency,
       EXISTS (SELECT FROM sync.push s
               WHERE s.partner_id = y.partner_id AND s.kind = 'payment' AND s.subject = y.payment_id AND s.state = 'done')
           AS in_freshbooks
FROM platform.payment y
LEFT JOIN sync.connection n USING (partner_id)
WHERE y.partner_id = $1
  AND (y.initiated_at AT TIME ZONE coalesce(n.timezone, 'America/New_York'))::date >= $2
  AND (y.initiated_at AT TIME ZONE coalesce(n.timezone, 'America/New_York'))::date < $3
  AND NOT EXISTS (SELECT FROM platform.payout_member m WHERE m.partner_id = y.partner_id AND m.payment_id = y.payment_id)
ORDER BY y.initiated_at, y.payment_id
LIMIT 1000
