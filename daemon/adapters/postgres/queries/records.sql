-- Of what is stored and of what is quarantined; a quarantined reading is the later one and stands last.

-- name: fingerprints_customers
SELECT customer_id, fingerprint FROM sync.customer
WHERE partner_id = $1 AND account_id = $2 AND customer_id = ANY ($3::bigint[])
UNION ALL
SELECT id, fingerprint FROM sync.quarantine
WHERE partner_id = $1 AND account_id = $2 AND resource = 'customers' AND id = ANY ($3::bigint[])

-- name: fingerprints_invoices
SELECT invoice_id, fingerprint FROM sync.invoice
WHERE partner_id = $1 AND account_id = $2 AND invoice_id = ANY ($3::bigint[])
UNION ALL
SELECT id, fingerprint FROM sync.quarantine
WHERE partner_id = $1 AND account_id = $2 AND resource = 'invoices' AND id = ANY ($3::bigint[])

-- name: fingerprints_payments
SELECT fb_payment_id, fingerprint FROM sync.fb_payment
WHERE partner_id = $1 AND account_id = $2 AND fb_payment_id = ANY ($3::bigint[])
UNION ALL
SELECT id, fingerprint FROM sync.quarantine
WHERE partner_id = $1 AND account_id = $2 AND resource = 'payments' AND id = ANY ($3::bigint[])

-- name: fingerprints_credits
SELECT credit_id, fingerprint FROM sync.credit
WHERE partner_id = $1 AND account_id = $2 AND credit_id = ANY ($3::bigint[])
UNION ALL
SELECT id, fingerprint FROM sync.quarantine
WHERE partner_id = $1 AND account_id = $2 AND resource = 'credits' AND id = ANY ($3::bigint[])

-- name: marks_customers
SELECT customer_id AS id, fingerprint, fb_updated_at, updated_is_ambiguous, read_began_at, read_finished_at
FROM sync.customer
WHERE partner_id = $1 AND account_id = $2 AND customer_id = ANY ($3::bigint[])

-- name: marks_payments
SELECT fb_payment_id AS id, fingerprint, fb_updated_at, updated_is_ambiguous, read_began_at, read_finished_at, invoice_id
FROM sync.fb_payment
WHERE partner_id = $1 AND account_id = $2 AND fb_payment_id = ANY ($3::bigint[])

-- name: marks_credits
SELECT credit_id AS id, fingerprint, read_began_at, read_finished_at FROM sync.credit
WHERE partner_id = $1 AND account_id = $2 AND credit_id = ANY ($3::bigint[])

-- name: update_customers
UPDATE sync.customer AS c
SET organization = n.organization, first_name = n.first_name, last_name = n.last_name, email = n.email, phone = n.phone,
    street = n.street, city = n.city, province = n.province, postal_code = n.postal_code, country = n.country,
    currency = n.currency, vis_state = n.vis_state, fb_updated_at = n.fb_updated_at,
    updated_is_ambiguous = n.updated_is_ambiguous, fingerprint = n.fingerprint, read_began_at = n.read_began_at,
    read_finished_at = n.read_finished_at
FROM stage_customer n
WHERE c.partner_id = n.partner_id AND c.account_id = n.account_id AND c.customer_id = n.customer_id

-- name: update_payments
UPDATE sync.fb_payment AS p
SET invoice_id = n.invoice_id, customer_id = n.customer_id, amount = n.amount, currency = n.currency,
    paid_on = n.paid_on, type = n.type, note = n.note, vis_state = n.vis_state, fb_updated_at = n.fb_updated_at,
    updated_is_ambiguous = n.updated_is_ambiguous, from_credit = n.from_credit, credit_id = n.credit_id,
    overpayment_id = n.overpayment_id, fingerprint = n.fingerprint, read_began_at = n.read_began_at,
    read_finished_at = n.read_finished_at
FROM stage_fb_payment n
WHERE p.partner_id = n.partner_id AND p.account_id = n.account_id AND p.fb_payment_id = n.fb_payment_id

-- name: update_credits
UPDATE sync.credit AS c
SET customer_id = n.customer_id, number = n.number, credit_type = n.credit_type, amount = n.amount,
    currency = n.currency, issued_on = n.issued_on, description = n.description, vis_state = n.vis_state,
    fingerprint = n.fingerprint, read_began_at = n.read_began_at, read_finished_at = n.read_finished_at
FROM stage_credit n
WHERE c.partner_id = n.partner_id AND c.account_id = n.account_id AND c.credit_id = n.credit_id

-- name: invoices_held
SELECT invoice_id FROM sync.invoice
WHERE partner_id = $1 AND account_id = $2 AND invoice_id = ANY ($3::bigint[])

-- name: invoices_of_credits
-- Invoices of platform payments that left a credit with these customers: what such a credit does, decides their issues.
SELECT DISTINCT s.invoice_id
FROM sync.push s
JOIN sync.fb_payment f ON f.partner_id = s.partner_id AND f.account_id = s.account_id AND f.fb_payment_id = s.fb_payment_id
WHERE s.partner_id = $1 AND s.account_id = $2 AND s.kind = 'payment' AND s.fb_payment_id IS NOT NULL
  AND f.customer_id = ANY ($3::bigint[]) AND f.overpayment_id IS NOT NULL AND s.invoice_id IS NOT NULL

-- name: invoices_paid_from
-- Invoices that we hold and that these credit notes have paid something of: if one goes or comes back, they are read again.
SELECT DISTINCT f.invoice_id
FROM sync.fb_payment f
JOIN sync.invoice i ON i.partner_id = f.partner_id AND i.account_id = f.account_id AND i.invoice_id = f.invoice_id
WHERE f.partner_id = $1 AND f.account_id = $2 AND f.credit_id = ANY ($3::bigint[])
