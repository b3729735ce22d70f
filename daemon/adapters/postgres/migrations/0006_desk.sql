-- What the pages read: one row per invoice and per payment, of the books that are connected now or were last.

CREATE VIEW sync.desk_invoice AS
SELECT i.*,
       coalesce(nullif(c.organization, ''), trim(c.first_name || ' ' || c.last_name), '') AS customer_name,
       greatest(i.read_began_at, n.invoices_as_of) AS amount_due_as_of,
       (SELECT min(a.ap_invoice_id) FROM platform.ap_invoice a
        WHERE a.partner_id = i.partner_id AND a.number = i.number) AS same_number_as_ap_invoice,
       (SELECT count(*) FROM sync.issue u
        WHERE u.partner_id = i.partner_id AND u.closed_at IS NULL
          AND (u.subject_type = 'invoice' AND u.subject_id = i.invoice_id::text
               OR u.subject_type = 'payment' AND u.subject_id IN (
                   SELECT p.payment_id FROM platform.payment p
                   WHERE p.partner_id = i.partner_id AND p.invoice_id = i.invoice_id))) AS issues
FROM sync.invoice i
JOIN sync.connection n ON n.partner_id = i.partner_id AND n.account_id = i.account_id
LEFT JOIN sync.customer c
       ON c.partner_id = i.partner_id AND c.account_id = i.account_id AND c.customer_id = i.customer_id;

-- A push that is ready while no account is chosen waits for the accounts.
CREATE VIEW sync.desk_payment AS
SELECT p.partner_id, p.payment_id, p.account_id, p.invoice_id, p.ap_invoice_id, p.amount, p.currency, p.surcharge,
       p.method, p.status, p.initiated_at, p.updated_at,
       coalesce(i.number, a.number, '') AS invoice_number,
       coalesce(nullif(c.organization, ''), trim(c.first_name || ' ' || c.last_name), '') AS customer_name,
       s.generation,
       CASE WHEN s.state = 'ready' AND n.payments_account_id IS NULL THEN 'waiting' ELSE s.state END AS push_state,
       CASE WHEN s.state = 'ready' AND n.payments_account_id IS NULL THEN 'no_accounts' ELSE s.reason END AS push_reason,
       s.detail, s.attempts, s.not_before, s.claimed_at, s.fb_payment_id, s.recorded_amount, s.choice,
       s.updated_at AS push_updated_at
FROM platform.payment p
LEFT JOIN sync.connection n ON n.partner_id = p.partner_id
LEFT JOIN LATERAL (
    SELECT * FROM sync.push s
    WHERE s.partner_id = p.partner_id AND s.kind = 'payment' AND s.subject = p.payment_id
    ORDER BY s.generation DESC
    LIMIT 1
) s ON true
LEFT JOIN sync.invoice i
       ON i.partner_id = p.partner_id AND i.account_id = p.account_id AND i.invoice_id = p.invoice_id
LEFT JOIN sync.customer c
       ON c.partner_id = i.partner_id AND c.account_id = i.account_id AND c.customer_id = i.customer_id
LEFT JOIN platform.ap_invoice a ON a.partner_id = p.partner_id AND a.ap_invoice_id = p.ap_invoice_id;
