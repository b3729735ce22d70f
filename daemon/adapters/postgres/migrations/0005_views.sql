-- What the platform reads.

CREATE VIEW platform.customer AS
SELECT c.partner_id, c.account_id, c.customer_id,
       coalesce(nullif(c.organization, ''), trim(c.first_name || ' ' || c.last_name)) AS name,
       c.organization, c.first_name, c.last_name, c.email, c.phone,
       c.street, c.city, c.province, c.postal_code, c.country, c.currency,
       c.vis_state = 1 AS deleted_in_freshbooks,
       c.vis_state = 2 AS archived_in_freshbooks,
       c.archived_at,
       c.fb_updated_at AS updated_at
FROM sync.customer c;

CREATE VIEW platform.invoice AS
SELECT i.partner_id, i.account_id, i.invoice_id, i.customer_id, i.number, i.issued_on, i.due_on,
       i.currency, i.total, i.amount_due,
       greatest(-i.amount_due, 0) AS overpaid_by,
       CASE WHEN i.archived_at IS NULL THEN i.status ELSE 'archived' END AS status,
       i.not_payable IS NULL AND i.archived_at IS NULL AS payable,
       CASE WHEN i.archived_at IS NULL THEN i.not_payable ELSE 'archived' END AS not_payable_reason,
       greatest(i.read_began_at, n.invoices_as_of) AS amount_due_as_of,
       i.description,
       i.frozen_at,
       i.disputed,
       i.vis_state = 1 AS deleted_in_freshbooks,
       i.vis_state = 2 AS archived_in_freshbooks,
       i.archived_at,
       (SELECT min(a.ap_invoice_id) FROM platform.ap_invoice a
        WHERE a.partner_id = i.partner_id AND a.number = i.number) AS same_number_as_ap_invoice,
       i.fb_updated_at AS updated_at
FROM sync.invoice i
LEFT JOIN sync.connection n ON n.partner_id = i.partner_id AND n.account_id = i.account_id;

CREATE VIEW platform.line_item AS
SELECT l.partner_id, l.account_id, l.invoice_id, l.position, l.name, l.description, l.quantity, l.unit_cost, l.amount,
       l.tax_name1, l.tax_percent1, l.tax_name2, l.tax_percent2
FROM sync.line_item l;

COMMENT ON VIEW platform.customer IS 'The partner''s customers, as FreshBooks shows them.';
COMMENT ON COLUMN platform.customer.partner_id IS 'Whose customer it is.';
COMMENT ON COLUMN platform.customer.account_id IS 'The FreshBooks account of the books.';
COMMENT ON COLUMN platform.customer.customer_id IS 'FreshBooks'' client id; unique per account.';
COMMENT ON COLUMN platform.customer.name IS 'What to call the customer: the organisation, else the person.';
COMMENT ON COLUMN platform.customer.organization IS 'The company, or empty.';
COMMENT ON COLUMN platform.customer.first_name IS 'The contact''s first name, or empty.';
COMMENT ON COLUMN platform.customer.last_name IS 'The contact''s last name, or empty.';
COMMENT ON COLUMN platform.customer.email IS 'The contact''s address, or empty.';
COMMENT ON COLUMN platform.customer.phone IS 'A telephone number, or empty.';
COMMENT ON COLUMN platform.customer.street IS 'Street of the postal address, or empty.';
COMMENT ON COLUMN platform.customer.city IS 'City of the postal address, or empty.';
COMMENT ON COLUMN platform.customer.province IS 'State or province of the postal address, or empty.';
COMMENT ON COLUMN platform.customer.postal_code IS 'Postal code, or empty.';
COMMENT ON COLUMN platform.customer.country IS 'Country of the postal address, or empty.';
COMMENT ON COLUMN platform.customer.currency IS 'ISO 4217 code in which the customer is invoiced by default.';
COMMENT ON COLUMN platform.customer.deleted_in_freshbooks IS 'FreshBooks shows it deleted; here it stays until archived by hand.';
COMMENT ON COLUMN platform.customer.archived_in_freshbooks IS 'FreshBooks shows it archived; here it stays until archived by hand.';
COMMENT ON COLUMN platform.customer.archived_at IS 'When someone archived it on the platform.';
COMMENT ON COLUMN platform.customer.updated_at IS 'When FreshBooks last changed it.';

COMMENT ON VIEW platform.invoice IS 'The partner''s invoices. Amounts are in currency; charge one only while it is payable.';
COMMENT ON COLUMN platform.invoice.partner_id IS 'Whose invoice it is.';
COMMENT ON COLUMN platform.invoice.account_id IS 'The FreshBooks account of the books; give it back with a payment.';
COMMENT ON COLUMN platform.invoice.invoice_id IS 'FreshBooks'' invoice id; unique per account. Give it back with a payment.';
COMMENT ON COLUMN platform.invoice.customer_id IS 'Who owes it: platform.customer.customer_id.';
COMMENT ON COLUMN platform.invoice.number IS 'The number printed on it.';
COMMENT ON COLUMN platform.invoice.issued_on IS 'Its date.';
COMMENT ON COLUMN platform.invoice.due_on IS 'When it is to be paid; null when FreshBooks gives none.';
COMMENT ON COLUMN platform.invoice.currency IS 'ISO 4217 code of every amount of this row.';
COMMENT ON COLUMN platform.invoice.total IS 'What was invoiced; it does not change once the invoice is paid.';
COMMENT ON COLUMN platform.invoice.amount_due IS 'What may still be charged; null when unknown, negative when overpaid.';
COMMENT ON COLUMN platform.invoice.overpaid_by IS 'How much more was paid than owed; zero otherwise, null when unknown.';
COMMENT ON COLUMN platform.invoice.status IS 'draft, outstanding, paid, or archived (by hand, on the platform).';
COMMENT ON COLUMN platform.invoice.payable IS 'Whether it may be charged now.';
COMMENT ON COLUMN platform.invoice.not_payable_reason IS 'Why not: draft, disputed, deleted, archived, unknown_due or nothing_due; null when payable.';
COMMENT ON COLUMN platform.invoice.amount_due_as_of IS 'The time at which FreshBooks was last known to agree with this row.';
COMMENT ON COLUMN platform.invoice.description IS 'The invoice''s own description, or empty.';
COMMENT ON COLUMN platform.invoice.frozen_at IS 'Since when it is paid and later edits in FreshBooks are ignored; null while unpaid.';
COMMENT ON COLUMN platform.invoice.disputed IS 'The customer disputes it in FreshBooks.';
COMMENT ON COLUMN platform.invoice.deleted_in_freshbooks IS 'FreshBooks shows it deleted; not payable until restored there.';
COMMENT ON COLUMN platform.invoice.archived_in_freshbooks IS 'FreshBooks shows it archived; still payable.';
COMMENT ON COLUMN platform.invoice.archived_at IS 'When someone archived it on the platform.';
COMMENT ON COLUMN platform.invoice.same_number_as_ap_invoice IS 'An invoice made on the platform with the same number; never linked by itself.';
COMMENT ON COLUMN platform.invoice.updated_at IS 'When FreshBooks last changed it.';

COMMENT ON VIEW platform.line_item IS 'The lines of the invoices; amounts are in the invoice''s currency.';
COMMENT ON COLUMN platform.line_item.partner_id IS 'Whose invoice it is.';
COMMENT ON COLUMN platform.line_item.account_id IS 'The FreshBooks account of the books.';
COMMENT ON COLUMN platform.line_item.invoice_id IS 'The invoice.';
COMMENT ON COLUMN platform.line_item.position IS 'Its place in the invoice, from 0; the only stable key of a line.';
COMMENT ON COLUMN platform.line_item.name IS 'What is sold.';
COMMENT ON COLUMN platform.line_item.description IS 'More about it, or empty.';
COMMENT ON COLUMN platform.line_item.quantity IS 'How many.';
COMMENT ON COLUMN platform.line_item.unit_cost IS 'Price of one, before taxes.';
COMMENT ON COLUMN platform.line_item.amount IS 'Quantity times unit cost, as FreshBooks rounds it.';
COMMENT ON COLUMN platform.line_item.tax_name1 IS 'First tax, or empty.';
COMMENT ON COLUMN platform.line_item.tax_percent1 IS 'Its rate in percent.';
COMMENT ON COLUMN platform.line_item.tax_name2 IS 'Second tax, or empty.';
COMMENT ON COLUMN platform.line_item.tax_percent2 IS 'Its rate in percent.';
