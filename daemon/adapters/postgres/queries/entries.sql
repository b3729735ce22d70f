-- name: payout
SELECT p.payout_id, p.status, p.currency, p.net,
       coalesce(p.arrival_date, (p.created_at AT TIME ZONE coalesce(c.timezone, 'America/New_York'))::date) AS paid_on
FROM platform.payout p
LEFT JOIN sync.connection c USING (partner_id)
WHERE p.partner_id = $1 AND p.payout_id = $2

-- name: members
-- With each, what its payment says, and the first side of the entry that moved the payment, if one stands.
SELECT m.member, m.kind, m.amount, m.payment_id, y.currency, y.ap_invoice_id IS NOT NULL AS on_platform_invoice,
       (SELECT v.entry -> 'lines' -> 0
        FROM sync.push s
        JOIN sync.push v ON v.partner_id = s.partner_id AND v.kind = 'move' AND v.subject = s.fb_payment_id::text
        WHERE s.partner_id = m.partner_id AND s.kind = 'payment' AND s.subject = m.payment_id
          AND v.state = 'done' AND v.generation % 2 = 1
        ORDER BY s.generation DESC, v.generation DESC
        LIMIT 1) AS held_in
FROM platform.payout_member m
LEFT JOIN platform.payment y ON y.partner_id = m.partner_id AND y.payment_id = m.payment_id
WHERE m.partner_id = $1 AND m.payout_id = $2
ORDER BY m.member

-- name: move
-- The payment that a record in FreshBooks stands for; what a person named by hand counts as far as it was recorded.
SELECT s.fb_payment_id, y.payment_id, y.currency,
       CASE WHEN s.reason = 'settled_by_hand' THEN coalesce(s.recorded_amount, y.amount) ELSE y.amount END AS amount,
       (y.initiated_at AT TIME ZONE coalesce(c.timezone, 'America/New_York'))::date AS paid_on,
       NOT EXISTS (SELECT FROM sync.fb_payment f
                   WHERE f.partner_id = s.partner_id AND f.account_id = s.account_id
                     AND f.fb_payment_id = s.fb_payment_id AND f.vis_state = 1) AS is_live,
       (SELECT v.entry FROM sync.push v
        WHERE v.partner_id = s.partner_id AND v.kind = 'move' AND v.subject = s.fb_payment_id::text
          AND v.state = 'done' AND v.generation % 2 = 1
        ORDER BY v.generation DESC LIMIT 1) AS moved
FROM sync.push s
JOIN platform.payment y ON y.partner_id = s.partner_id AND y.payment_id = s.subject
LEFT JOIN sync.connection c ON c.partner_id = s.partner_id
WHERE s.partner_id = $1 AND s.account_id = $2 AND s.kind = 'payment' AND s.fb_payment_id = $3
ORDER BY (s.state = 'done') DESC, s.updated_at DESC
LIMIT 1

-- name: chosen
SELECT payments_account_id, deposits_account_id, fees_account_id, record_deposits, platform_invoices_account_id,
       EXISTS (SELECT FROM sync.issue i
               WHERE i.partner_id = c.partner_id AND i.kind = 'account_gone' AND i.closed_at IS NULL) AS gone_is_known
FROM sync.connection c
WHERE partner_id = $1 AND account_id = $2

-- name: ledger
SELECT ledger_account_id, name, number, type, sub_type, legacy_id, parent_id, is_active
FROM sync.ledger_account WHERE partner_id = $1 AND account_id = $2
