-- O1 and O2: with these switches on, what FreshBooks shows archived or deleted counts as archived here. Nothing is written for
-- it: switched off, all is as it was, and what was archived by hand stays archived (P6).

CREATE FUNCTION sync.is_on(options jsonb, name text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce((options ->> name)::boolean, false)
$$;

-- An invoice with a payment that is still processing waits until that is settled.
CREATE FUNCTION sync.archived_at(i sync.invoice, options jsonb) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN i.archived_at IS NOT NULL OR i.vis_state = 0 OR NOT sync.is_on(options, 'mirror_invoices') THEN i.archived_at
        WHEN NOT EXISTS (SELECT FROM platform.payment p
                         WHERE p.partner_id = i.partner_id AND p.account_id = i.account_id AND p.invoice_id = i.invoice_id
                           AND p.status = 'processing') THEN i.fb_updated_at
    END
$$;

CREATE OR REPLACE VIEW platform.customer AS
SELECT c.partner_id, c.account_id, c.customer_id,
       coalesce(nullif(c.organization, ''), trim(c.first_name || ' ' || c.last_name)) AS name,
       c.organization, c.first_name, c.last_name, c.email, c.phone,
       c.street, c.city, c.province, c.postal_code, c.country, c.currency,
       c.vis_state = 1 AS deleted_in_freshbooks,
       c.vis_state = 2 AS archived_in_freshbooks,
       coalesce(c.archived_at,
                CASE WHEN c.vis_state <> 0 AND sync.is_on(n.options, 'mirror_customers') THEN c.fb_updated_at END) AS archived_at,
       c.fb_updated_at AS updated_at
FROM sync.customer c
LEFT JOIN sync.connection n ON n.partner_id = c.partner_id AND n.account_id = c.account_id;

CREATE OR REPLACE VIEW platform.invoice AS
SELECT i.partner_id, i.account_id, i.invoice_id, i.customer_id, i.number, i.issued_on, i.due_on,
       i.currency, i.total, i.amount_due,
       greatest(-i.amount_due, 0) AS overpaid_by,
       CASE WHEN a.archived_at IS NULL THEN i.status ELSE 'archived' END AS status,
       i.not_payable IS NULL AND a.archived_at IS NULL AS payable,
       CASE WHEN a.archived_at IS NULL THEN i.not_payable ELSE 'archived' END AS not_payable_reason,
       greatest(i.read_began_at, n.invoices_as_of) AS amount_due_as_of,
       i.description,
       i.frozen_at,
       i.disputed,
       i.vis_state = 1 AS deleted_in_freshbooks,
       i.vis_state = 2 AS archived_in_freshbooks,
       a.archived_at,
       (SELECT min(o.ap_invoice_id) FROM platform.ap_invoice o
        WHERE o.partner_id = i.partner_id AND o.number = i.number) AS same_number_as_ap_invoice,
       i.fb_updated_at AS updated_at
FROM sync.invoice i
LEFT JOIN sync.connection n ON n.partner_id = i.partner_id AND n.account_id = i.account_id
CROSS JOIN LATERAL (SELECT sync.archived_at(i, n.options) AS archived_at) a;

COMMENT ON COLUMN platform.customer.archived_at IS 'When someone archived it on the platform; with the option to mirror customers, when FreshBooks archived or deleted it.';
COMMENT ON COLUMN platform.invoice.archived_at IS 'When someone archived it on the platform; with the option to mirror invoices, when FreshBooks archived or deleted it.';

CREATE OR REPLACE VIEW sync.desk_invoice AS
SELECT i.partner_id, i.account_id, i.invoice_id, i.customer_id, i.number, i.issued_on, i.due_on, i.currency, i.total,
       i.description, i.terms_hash, i.fb_amount, i.fb_outstanding, i.fb_currency, i.fb_status, i.disputed, i.vis_state,
       i.fb_updated_at, i.updated_is_ambiguous, i.version, i.fingerprint, i.status, i.amount_due, i.not_payable,
       i.frozen_at, i.frozen_other, i.fb_terms_hash, i.read_began_at, i.read_finished_at,
       sync.archived_at(i, n.options) AS archived_at,
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

COMMENT ON COLUMN platform.event.kind IS 'consented, connected, disconnected, reconnect_needed, reconnected, issue_opened or issue_closed.';
