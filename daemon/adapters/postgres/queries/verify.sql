-- name: ask
-- One at a time per partner: what is asked for while one is open is that one.
INSERT INTO sync.verification (partner_id, account_id, mode, repair, asked_by, asked_at, seed)
SELECT c.partner_id, c.account_id, $2, $3, $4, $5, $6 FROM sync.connection c
WHERE c.partner_id = $1 AND c.account_id IS NOT NULL
ON CONFLICT (partner_id) WHERE finished_at IS NULL DO NOTHING
RETURNING verification_id

-- name: open
SELECT verification_id, mode, repair, asked_by, asked_at, seed FROM sync.verification
WHERE partner_id = $1 AND account_id = $2 AND finished_at IS NULL

-- name: counted_from
-- When the last full verification began, or the initial sync ended.
SELECT coalesce(
    (SELECT max(coalesce(v.began_at, v.asked_at)) FROM sync.verification v
     WHERE v.partner_id = $1 AND v.account_id = $2 AND v.mode = 'full' AND v.finished_at IS NOT NULL),
    (SELECT c.connected_at FROM sync.connection c WHERE c.partner_id = $1 AND c.account_id = $2))

-- name: progress
UPDATE sync.verification
SET began_at = coalesce(began_at, $3), progress = $4, percent = $5
WHERE partner_id = $1 AND verification_id = $2 AND finished_at IS NULL

-- name: finish
UPDATE sync.verification
SET began_at = coalesce(began_at, $3), finished_at = $3, percent = 100, progress = '', outcome = $4, report = $5
WHERE partner_id = $1 AND verification_id = $2 AND finished_at IS NULL
RETURNING verification_id

-- name: drop_old
DELETE FROM sync.verification
WHERE partner_id = $1 AND finished_at < $2 AND verification_id IN (
    SELECT verification_id FROM sync.verification WHERE partner_id = $1 ORDER BY verification_id LIMIT 100)

-- name: one
SELECT * FROM sync.verification WHERE partner_id = $1 AND verification_id = $2

-- name: latest
SELECT * FROM sync.verification WHERE partner_id = $1 ORDER BY verification_id DESC LIMIT $2

-- name: partners
SELECT p.partner_id, coalesce(c.status, 'not_connected') AS status, c.parked_reason, coalesce(c.paused, false) AS paused
FROM platform.partner p LEFT JOIN sync.connection c USING (partner_id)
WHERE $1::text IS NULL OR p.partner_id = $1
ORDER BY p.partner_id

-- name: customers
SELECT * FROM sync.customer WHERE partner_id = $1 AND account_id = $2 AND customer_id = ANY ($3::bigint[])

-- name: payments
SELECT * FROM sync.fb_payment WHERE partner_id = $1 AND account_id = $2 AND fb_payment_id = ANY ($3::bigint[])

-- name: credits
SELECT * FROM sync.credit WHERE partner_id = $1 AND account_id = $2 AND credit_id = ANY ($3::bigint[])

-- name: payments_of_invoices
SELECT * FROM sync.fb_payment WHERE partner_id = $1 AND account_id = $2 AND invoice_id = ANY ($3::bigint[])

-- name: lines_of_invoices
SELECT * FROM sync.line_item WHERE partner_id = $1 AND account_id = $2 AND invoice_id = ANY ($3::bigint[])
ORDER BY invoice_id, position

-- name: queued
SELECT id FROM sync.reread WHERE partner_id = $1 AND account_id = $2 AND resource = 'invoices' AND id = ANY ($3::bigint[])

-- name: open_issues
SELECT kind, subject_type, subject_id FROM sync.issue
WHERE partner_id = $1 AND closed_at IS NULL AND kind = ANY ($2::text[])
  AND (subject_type, subject_id) IN (SELECT * FROM unnest($3::text[], $4::text[]))

-- name: ids_customers
SELECT customer_id FROM sync.customer
WHERE partner_id = $1 AND account_id = $2 AND customer_id > $3 ORDER BY customer_id LIMIT $4

-- name: ids_payments
SELECT fb_payment_id FROM sync.fb_payment
WHERE partner_id = $1 AND account_id = $2 AND fb_payment_id > $3 ORDER BY fb_payment_id LIMIT $4

-- name: ids_credits
SELECT credit_id FROM sync.credit
WHERE partner_id = $1 AND account_id = $2 AND credit_id > $3 ORDER BY credit_id LIMIT $4

-- name: ids_invoices
SELECT invoice_id FROM sync.invoice
WHERE partner_id = $1 AND account_id = $2 AND invoice_id > $3 ORDER BY invoice_id LIMIT $4

-- name: quarantined
SELECT id FROM sync.quarantine WHERE partner_id = $1 AND account_id = $2 AND resource = $3 AND id = ANY ($4::bigint[])

-- name: sample_invoices
SELECT invoice_id FROM sync.invoice WHERE partner_id = $1 AND account_id = $2
ORDER BY hashint8extended(invoice_id, $3) LIMIT $4

-- name: sample_payments
SELECT fb_payment_id FROM sync.fb_payment WHERE partner_id = $1 AND account_id = $2
ORDER BY hashint8extended(fb_payment_id, $3) LIMIT $4

-- name: counts
SELECT (SELECT count(*) FROM sync.customer WHERE partner_id = $1 AND account_id = $2)
     + (SELECT count(*) FROM sync.fb_payment WHERE partner_id = $1 AND account_id = $2)
     + (SELECT count(*) FROM sync.credit WHERE partner_id = $1 AND account_id = $2)
     + (SELECT count(*) FROM sync.invoice WHERE partner_id = $1 AND account_id = $2)

-- name: entry_days
SELECT DISTINCT (entry ->> 'entered_on')::date AS day FROM sync.push
WHERE partner_id = $1 AND account_id = $2 AND kind <> 'payment' AND entry IS NOT NULL
  AND state IN ('done', 'sending', 'uncertain') AND (entry ->> 'entered_on')::date >= $3
ORDER BY day

-- name: entries
SELECT * FROM sync.push
WHERE partner_id = $1 AND account_id = $2 AND kind <> 'payment' AND entry IS NOT NULL
  AND state IN ('done', 'sending', 'uncertain') AND (entry ->> 'entered_on')::date BETWEEN $3 AND $4
ORDER BY kind, subject, generation

-- name: lost_intents
-- Payments that ought to go to FreshBooks, and stand nowhere (W8).
SELECT p.payment_id FROM platform.payment p
WHERE p.partner_id = $1 AND p.account_id = $2 AND p.invoice_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM sync.push s
                  WHERE s.partner_id = p.partner_id AND s.kind = 'payment' AND s.subject = p.payment_id)
ORDER BY p.payment_id LIMIT $3

-- name: strangers
-- Live records in FreshBooks that name a payment of ours which the platform does not know.
SELECT m.fb_payment_id, m.payment_id
FROM (SELECT f.partner_id, f.fb_payment_id, (regexp_match(f.note, '(?:^|[^A-Za-z0-9])AP:([^\s:]+):[0-9]{1,9}(?:[^0-9]|$)'))[1] AS payment_id
      FROM sync.fb_payment f
      WHERE f.partner_id = $1 AND f.account_id = $2 AND f.vis_state <> 1 AND strpos(f.note, 'AP:') > 0) m
WHERE m.payment_id IS NOT NULL AND NOT EXISTS (
    SELECT FROM platform.payment p WHERE p.partner_id = m.partner_id AND p.payment_id = m.payment_id)
ORDER BY m.fb_payment_id LIMIT $3

-- name: alike
-- A payment typed in by hand beside a recorded one of the same amount, on the same invoice, within $3 days: maybe the same.
SELECT s.subject AS payment_id, f.fb_payment_id
FROM sync.push s
JOIN sync.fb_payment o ON o.partner_id = s.partner_id AND o.account_id = s.account_id AND o.fb_payment_id = s.fb_payment_id
JOIN sync.fb_payment f ON f.partner_id = o.partner_id AND f.account_id = o.account_id AND f.invoice_id = o.invoice_id
WHERE s.partner_id = $1 AND s.account_id = $2 AND s.kind = 'payment' AND s.state = 'done'
  AND o.vis_state <> 1 AND f.vis_state <> 1 AND f.fb_payment_id <> o.fb_payment_id
  AND NOT f.from_credit AND strpos(f.note, 'AP:') = 0
  AND f.amount = o.amount AND f.currency = o.currency AND abs(f.paid_on - o.paid_on) <= $3
ORDER BY s.subject, f.fb_payment_id LIMIT $4

-- name: forget_customers
UPDATE sync.customer SET fingerprint = 0 WHERE partner_id = $1 AND account_id = $2 AND customer_id = ANY ($3::bigint[])

-- name: forget_payments
UPDATE sync.fb_payment SET fingerprint = 0 WHERE partner_id = $1 AND account_id = $2 AND fb_payment_id = ANY ($3::bigint[])

-- name: forget_credits
UPDATE sync.credit SET fingerprint = 0 WHERE partner_id = $1 AND account_id = $2 AND credit_id = ANY ($3::bigint[])

-- name: forget_invoices
-- Nothing is known of its terms: whatever is read next is taken, its lines too; one that is paid freezes again with that read.
UPDATE sync.invoice SET fingerprint = 0, terms_hash = -1, frozen_at = NULL, frozen_other = NULL
WHERE partner_id = $1 AND account_id = $2 AND invoice_id = ANY ($3::bigint[])

-- name: drop_stray_lines
-- Lines whose invoice is gone would stand in the way of its return.
DELETE FROM sync.line_item l
WHERE l.partner_id = $1 AND l.account_id = $2 AND l.invoice_id = ANY ($3::bigint[])
  AND NOT EXISTS (SELECT FROM sync.invoice i
                  WHERE i.partner_id = l.partner_id AND i.account_id = l.account_id AND i.invoice_id = l.invoice_id)

-- name: sync_soon
UPDATE sync.connection SET sync_asked_at = $2, updated_at = now()
WHERE partner_id = $1 AND status <> 'not_connected' AND NOT disconnecting

-- name: give_up
UPDATE sync.verification SET finished_at = $3, outcome = 'unchecked', report = $4
WHERE partner_id = $1 AND verification_id = $2 AND finished_at IS NULL AND began_at IS NULL
