-- name: load
SELECT invoice_id, customer_id, number, issued_on, due_on, currency, total, description, terms_hash,
       fb_amount, fb_outstanding, fb_currency, fb_status, disputed, vis_state, fb_updated_at, updated_is_ambiguous,
       version, fingerprint, status, amount_due, not_payable, frozen_at, frozen_other, fb_terms_hash,
       read_began_at, read_finished_at
FROM sync.invoice
WHERE partner_id = $1 AND account_id = $2 AND invoice_id = ANY ($3::bigint[])

-- name: links
-- The platform's payments on these invoices, those whose record a snapshot showed there, and those whose record the
-- snapshot at hand shows on its one invoice: by the id that a push stored ($4), or by a marker ($5). With every push,
-- and whether anything stands applied of a payment.
WITH linked (invoice_id, payment_id) AS (
    SELECT invoice_id, payment_id FROM platform.payment
    WHERE partner_id = $1 AND account_id = $2 AND invoice_id = ANY ($3::bigint[])
    UNION
    SELECT invoice_id, payment_id FROM sync.applied
    WHERE partner_id = $1 AND account_id = $2 AND invoice_id = ANY ($3::bigint[])
    UNION
    SELECT ($3::bigint[])[1], subject FROM sync.push
    WHERE partner_id = $1 AND kind = 'payment' AND account_id = $2 AND fb_payment_id = ANY ($4::bigint[])
    UNION
    SELECT ($3::bigint[])[1], subject FROM sync.push
    WHERE partner_id = $1 AND kind = 'payment' AND marker = ANY ($5::text[])
)
SELECT l.invoice_id AS on_invoice, p.payment_id, p.invoice_id, p.ap_invoice_id, p.amount, p.currency, p.method, p.status,
       p.initiated_at, s.subject, s.generation, s.state, s.marker, s.fence, s.attempts, s.not_before, s.deadline_at,
       s.claimed_at, s.checked_absent, s.fb_payment_id, s.recorded_amount, s.reason, s.detail, s.choice, s.candidates,
       EXISTS (SELECT FROM sync.applied a
               WHERE a.partner_id = $1 AND a.account_id = $2 AND a.payment_id = l.payment_id) AS is_applied
FROM linked l
JOIN platform.payment p ON p.partner_id = $1 AND p.payment_id = l.payment_id
LEFT JOIN sync.push s ON s.partner_id = $1 AND s.kind = 'payment' AND s.subject = l.payment_id
ORDER BY p.initiated_at, p.payment_id, s.generation

-- name: applied
SELECT invoice_id, fb_payment_id, payment_id, amount, currency, is_all_credit FROM sync.applied
WHERE partner_id = $1 AND account_id = $2 AND invoice_id = ANY ($3::bigint[])
UNION
SELECT invoice_id, fb_payment_id, payment_id, amount, currency, is_all_credit FROM sync.applied
WHERE partner_id = $1 AND account_id = $2 AND payment_id = ANY ($4::text[])
ORDER BY invoice_id, fb_payment_id

-- name: live_credits
-- Payments whose overpayment credit FreshBooks still shows. FreshBooks links a payment with the credit it made by no
-- certain id, so the credit's type, customer, amount and the text FreshBooks gives it decide.
SELECT p.payment_id
FROM platform.payment p
JOIN sync.push s ON s.partner_id = p.partner_id AND s.kind = 'payment' AND s.subject = p.payment_id
JOIN sync.fb_payment f ON f.partner_id = s.partner_id AND f.account_id = s.account_id AND f.fb_payment_id = s.fb_payment_id
JOIN sync.credit c ON c.partner_id = f.partner_id AND c.account_id = f.account_id AND c.customer_id = f.customer_id
WHERE p.partner_id = $1 AND p.payment_id = ANY ($2::text[])
  AND s.recorded_amount < p.amount
  AND c.vis_state <> 1 AND c.credit_type = 'overpayment' AND c.currency = p.currency
  AND c.amount = p.amount - s.recorded_amount
  AND (c.credit_id = f.overpayment_id OR EXISTS (
      SELECT FROM sync.invoice i
      WHERE i.partner_id = s.partner_id AND i.account_id = s.account_id AND i.invoice_id = s.invoice_id
        AND c.description = 'Overpayment: invoice #' || i.number))

-- name: update
UPDATE sync.invoice AS i
SET customer_id = n.customer_id, number = n.number, issued_on = n.issued_on, due_on = n.due_on, currency = n.currency,
    total = n.total, description = n.description, terms_hash = n.terms_hash, fb_amount = n.fb_amount,
    fb_outstanding = n.fb_outstanding, fb_currency = n.fb_currency, fb_status = n.fb_status, disputed = n.disputed,
    vis_state = n.vis_state, fb_updated_at = n.fb_updated_at, updated_is_ambiguous = n.updated_is_ambiguous,
    version = n.version, fingerprint = n.fingerprint, status = n.status, amount_due = n.amount_due,
    not_payable = n.not_payable, frozen_at = n.frozen_at, frozen_other = n.frozen_other,
    fb_terms_hash = n.fb_terms_hash, read_began_at = n.read_began_at, read_finished_at = n.read_finished_at
FROM stage_invoice n
WHERE i.partner_id = n.partner_id AND i.account_id = n.account_id AND i.invoice_id = n.invoice_id

-- name: drop_lines
DELETE FROM sync.line_item WHERE partner_id = $1 AND account_id = $2 AND invoice_id = ANY ($3::bigint[])

-- name: drop_applied
DELETE FROM sync.applied WHERE partner_id = $1 AND account_id = $2 AND invoice_id = ANY ($3::bigint[])

-- name: add_applied
INSERT INTO sync.applied (partner_id, account_id, invoice_id, fb_payment_id, payment_id, amount, currency, is_all_credit)
SELECT $1, $2, * FROM unnest($3::bigint[], $4::bigint[], $5::text[], $6::numeric[], $7::text[], $8::boolean[])

-- name: add_history
INSERT INTO sync.invoice_history (partner_id, account_id, invoice_id, what, detail, ignored, data)
SELECT $1, $2, n.invoice_id, n.what, n.detail, n.ignored, n.data::jsonb
FROM unnest($3::bigint[], $4::text[], $5::text[], $6::boolean[], $7::text[]) WITH ORDINALITY
     AS n (invoice_id, what, detail, ignored, data, place)
ORDER BY n.place

-- name: clear_quarantine
DELETE FROM sync.quarantine
WHERE partner_id = $1 AND account_id = $2 AND resource = $3 AND id = ANY ($4::bigint[])
RETURNING id
