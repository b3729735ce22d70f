-- name: module
SELECT p.partner_id, p.name, coalesce(c.status, 'not_connected') AS status, c.parked_reason, c.parked_at, c.account_id,
       c.business_id, coalesce(c.business_name, '') AS business_name, coalesce(c.role, '') AS role,
       coalesce(c.timezone, p.timezone) AS timezone, c.payments_account_id, c.deposits_account_id, c.fees_account_id,
       coalesce(c.record_deposits, false) AS record_deposits, coalesce(c.options, '{}') AS options,
       coalesce(c.disconnecting, false) AS disconnecting, coalesce(c.paused, false) AS paused, c.consented_at,
       c.connected_at, c.disconnected_at, c.sync_asked_at, c.last_attempt_at, c.last_success_at,
       coalesce(c.findings, '[]') AS findings
FROM platform.partner p
LEFT JOIN sync.connection c USING (partner_id)
WHERE p.partner_id = $1

-- name: counts
-- Of the rows from a tally that is kept beside them: counting 100,000 invoices takes a tenth of a second.
SELECT coalesce(t.customers, 0) AS customers, coalesce(t.invoices, 0) AS invoices, coalesce(t.outstanding, 0) AS outstanding,
       coalesce(t.paid, 0) AS paid, coalesce(t.drafts, 0) AS drafts, coalesce(t.deleted, 0) AS deleted,
       coalesce(t.fb_payments, 0) AS fb_payments,
       (SELECT count(*) FROM platform.payment WHERE partner_id = $1) AS payments,
       (SELECT count(*) FROM sync.issue WHERE partner_id = $1 AND closed_at IS NULL) AS issues,
       (SELECT count(*) FROM sync.quarantine WHERE partner_id = $1 AND account_id = $2) AS quarantined
FROM (SELECT) one
LEFT JOIN sync.tally t ON t.partner_id = $1 AND t.account_id = $2

-- name: issue_count
SELECT count(*) FROM sync.issue WHERE partner_id = $1 AND closed_at IS NULL

-- name: push_counts
-- By the state of the latest push of each payment; what is ready while no account is chosen waits for the accounts.
SELECT CASE WHEN l.state = 'ready' AND NOT $2 THEN 'waiting' ELSE l.state END AS push_state, count(*)
FROM (
    SELECT DISTINCT ON (subject) state FROM sync.push
    WHERE partner_id = $1 AND kind = 'payment'
    ORDER BY subject, generation DESC
) l
GROUP BY 1 ORDER BY 1

-- name: found_invoices
-- What a search finds, by index: numbers that begin or end so, and the invoices of customers whose name holds it. Not in order
-- and no more than $3 of each: where there are more, looking from the newest on finds a page of them at once.
WITH found_customers AS MATERIALIZED (
    SELECT c.customer_id FROM sync.customer c
    WHERE c.partner_id = $1
      AND strpos(lower(coalesce(nullif(c.organization, ''), trim(c.first_name || ' ' || c.last_name))), lower($2)) > 0
)
(SELECT invoice_id FROM sync.invoice
 WHERE partner_id = $1 AND lower(number) ~>=~ lower($2) AND lower(number) ~<~ (lower($2) || chr(1114111))
 LIMIT $3)
UNION
(SELECT invoice_id FROM sync.invoice
 WHERE partner_id = $1 AND reverse(lower(number)) ~>=~ reverse(lower($2)) AND reverse(lower(number)) ~<~ (reverse(lower($2)) || chr(1114111))
 LIMIT $3)
UNION
(SELECT invoice_id FROM sync.invoice
 WHERE partner_id = $1 AND customer_id = ANY (ARRAY(SELECT customer_id FROM found_customers))
 LIMIT $3)

-- name: invoices
-- One invoice, too: $10 names it. First the page by the table's own columns, then all that is shown of these few. It is fast whatever
-- Postgres believes of a partner's size, whose first books come before any statistics of them: the page is found in the order of
-- `invoice_newest` (by `texteq`, not `=`, lest an index over the account have all rows sorted), and its table is not joined again.
WITH connection AS MATERIALIZED (
    SELECT account_id, options, invoices_as_of FROM sync.connection WHERE partner_id = $1
), open_issues AS MATERIALIZED (
    SELECT subject_id::bigint AS invoice_id FROM sync.issue
    WHERE $3 = 'issue' AND partner_id = $1 AND closed_at IS NULL AND subject_type = 'invoice'
    UNION
    SELECT p.invoice_id FROM sync.issue u
    JOIN platform.payment p ON p.partner_id = u.partner_id AND p.payment_id = u.subject_id
    WHERE $3 = 'issue' AND u.partner_id = $1 AND u.closed_at IS NULL AND u.subject_type = 'payment'
), found_customers AS MATERIALIZED (
    SELECT c.customer_id FROM sync.customer c
    WHERE $6 <> '' AND $10::bigint[] IS NULL AND c.partner_id = $1
      AND strpos(lower(coalesce(nullif(c.organization, ''), trim(c.first_name || ' ' || c.last_name))), lower($6)) > 0
), page AS MATERIALIZED (
    SELECT i AS invoice FROM sync.invoice i
    WHERE i.partner_id = $1 AND texteq(i.account_id, (SELECT n.account_id FROM connection n))
      AND ($2 = '' OR CASE $2 WHEN 'archived' THEN sync.archived_at(i, (SELECT n.options FROM connection n)) IS NOT NULL
                            ELSE sync.archived_at(i, (SELECT n.options FROM connection n)) IS NULL AND i.status = $2 END)
      AND CASE $3 WHEN '' THEN true
                  WHEN 'deleted' THEN i.vis_state = 1
                  WHEN 'archived_in_freshbooks' THEN i.vis_state = 2
                  WHEN 'payable' THEN i.not_payable IS NULL AND sync.archived_at(i, (SELECT n.options FROM connection n)) IS NULL
                  WHEN 'not_payable' THEN i.not_payable IS NOT NULL
                  WHEN 'overpaid' THEN i.amount_due < 0
                  WHEN 'overdue' THEN i.status = 'outstanding' AND i.amount_due > 0 AND i.vis_state <> 1 AND i.due_on < $4
                  WHEN 'issue' THEN i.invoice_id IN (SELECT o.invoice_id FROM open_issues o)
          END
      AND ($5::bigint IS NULL OR i.customer_id = $5)
      AND ($10::bigint[] IS NULL OR i.invoice_id = ANY ($10))
      AND ($6 = '' OR $10::bigint[] IS NOT NULL
           OR (lower(i.number) ~>=~ lower($6) AND lower(i.number) ~<~ (lower($6) || chr(1114111)))
           OR (reverse(lower(i.number)) ~>=~ reverse(lower($6)) AND reverse(lower(i.number)) ~<~ (reverse(lower($6)) || chr(1114111)))
           OR i.customer_id IN (SELECT f.customer_id FROM found_customers f))
      AND ($7::date IS NULL OR (i.issued_on, i.invoice_id) < ($7, $8::bigint))  -- back: AND (i.issued_on, i.invoice_id) > ($7, $8::bigint)
    ORDER BY i.issued_on DESC, i.invoice_id DESC                              -- back: ORDER BY i.issued_on, i.invoice_id
    LIMIT $9
)
SELECT i.invoice_id, i.account_id, i.number, i.customer_id, i.issued_on, i.due_on, i.currency, i.total, i.description, i.status,
       i.amount_due, i.not_payable, i.frozen_at, i.vis_state, i.disputed, i.fb_amount, i.fb_outstanding, i.fb_currency,
       sync.archived_at(page.invoice, n.options) AS archived_at,
       greatest(i.read_began_at, n.invoices_as_of) AS amount_due_as_of,
       coalesce((SELECT coalesce(nullif(c.organization, ''), trim(c.first_name || ' ' || c.last_name)) FROM sync.customer c
                 WHERE c.partner_id = $1 AND c.account_id = i.account_id AND c.customer_id = i.customer_id), '') AS customer_name,
       (SELECT min(a.ap_invoice_id) FROM platform.ap_invoice a
        WHERE a.partner_id = $1 AND a.number = i.number) AS same_number_as_ap_invoice,
       (SELECT count(*) FROM sync.issue u
        WHERE u.partner_id = $1 AND u.closed_at IS NULL
          AND (u.subject_type = 'invoice' AND u.subject_id = i.invoice_id::text
               OR u.subject_type = 'payment' AND u.subject_id IN (
                   SELECT p.payment_id FROM platform.payment p
                   WHERE p.partner_id = $1 AND p.invoice_id = i.invoice_id))) AS issues
FROM page CROSS JOIN LATERAL (SELECT (page.invoice).*) i CROSS JOIN connection n
ORDER BY i.issued_on DESC, i.invoice_id DESC  -- back: ORDER BY i.issued_on, i.invoice_id

-- name: lines
SELECT name, description, quantity, unit_cost, amount, tax_name1, tax_percent1, tax_name2, tax_percent2
FROM sync.line_item
WHERE partner_id = $1 AND account_id = $2 AND invoice_id = $3
ORDER BY position

-- name: fb_payments
-- With those that stood on this invoice when it was last read, and the platform payment each one records.
SELECT f.fb_payment_id, f.invoice_id, f.amount, f.currency, f.paid_on, f.type, f.note, f.vis_state, f.from_credit,
       coalesce(a.payment_id, s.subject) AS payment_id
FROM sync.fb_payment f
LEFT JOIN sync.applied a
       ON a.partner_id = f.partner_id AND a.account_id = f.account_id AND a.invoice_id = $3 AND a.fb_payment_id = f.fb_payment_id
LEFT JOIN LATERAL (
    SELECT subject FROM sync.push s
    WHERE s.partner_id = f.partner_id AND s.account_id = f.account_id AND s.fb_payment_id = f.fb_payment_id
      AND s.kind = 'payment' AND s.reason IS DISTINCT FROM 'replaced'
    ORDER BY s.generation DESC
    LIMIT 1
) s ON true
WHERE f.partner_id = $1 AND f.account_id = $2 AND (f.invoice_id = $3 OR a.payment_id IS NOT NULL)
ORDER BY f.paid_on, f.fb_payment_id

-- name: history
SELECT entry_id, at, what, detail, ignored, data FROM sync.invoice_history
WHERE partner_id = $1 AND account_id = $2 AND invoice_id = $3
ORDER BY entry_id DESC
LIMIT 200

-- name: issues_of_invoice
SELECT * FROM sync.issue
WHERE partner_id = $1 AND closed_at IS NULL
  AND (subject_type = 'invoice' AND subject_id = $2::bigint::text
       OR subject_type = 'payment' AND subject_id = ANY ($3::text[]))
ORDER BY issue_id DESC

-- name: payments
-- Named ones, too: $8. What a payment shows of other tables is looked up for it by key, never joined: see `invoices`. A push that is
-- ready while no account is chosen waits for the accounts.
SELECT p.payment_id, p.account_id, p.invoice_id, p.ap_invoice_id, p.amount, p.currency, p.surcharge, p.method, p.status,
       p.initiated_at, p.updated_at,
       coalesce(i.number, (SELECT a.number FROM platform.ap_invoice a
                           WHERE a.partner_id = $1 AND a.ap_invoice_id = p.ap_invoice_id), '') AS invoice_number,
       coalesce(i.customer_name, '') AS customer_name,
       s.generation, s.push_state, s.push_reason, s.detail, s.attempts, s.not_before, s.claimed_at, s.fb_payment_id,
       s.recorded_amount, s.choice, s.updated_at AS push_updated_at,
       (SELECT count(*) FROM sync.push g WHERE g.partner_id = $1 AND g.kind = 'payment' AND g.subject = p.payment_id) AS generations
FROM platform.payment p
LEFT JOIN LATERAL (
    SELECT g.*, CASE WHEN w.waits THEN 'waiting' ELSE g.state END AS push_state,
           CASE WHEN w.waits THEN 'no_accounts' ELSE g.reason END AS push_reason
    FROM sync.push g
    CROSS JOIN LATERAL (
        SELECT g.state = 'ready' AND NOT EXISTS (SELECT FROM sync.connection n
                                                 WHERE n.partner_id = $1 AND n.payments_account_id IS NOT NULL) AS waits
    ) w
    WHERE g.partner_id = $1 AND g.kind = 'payment' AND g.subject = p.payment_id
    ORDER BY g.generation DESC
    LIMIT 1
) s ON true
LEFT JOIN LATERAL (
    SELECT o.number, (SELECT coalesce(nullif(c.organization, ''), trim(c.first_name || ' ' || c.last_name)) FROM sync.customer c
                      WHERE c.partner_id = $1 AND c.account_id = o.account_id AND c.customer_id = o.customer_id) AS customer_name
    FROM sync.invoice o
    WHERE o.partner_id = $1 AND o.account_id = p.account_id AND o.invoice_id = p.invoice_id
    LIMIT 1
) i ON true
WHERE p.partner_id = $1
  AND ($2 = '' OR s.push_state = $2)
  AND ($3 = '' OR p.status = $3)
  AND ($4 = '' OR strpos(lower(p.payment_id), lower($4)) > 0 OR strpos(lower(i.number), lower($4)) > 0
       OR strpos(lower(i.customer_name), lower($4)) > 0
       OR EXISTS (SELECT FROM platform.ap_invoice a WHERE a.partner_id = $1 AND a.ap_invoice_id = p.ap_invoice_id
                    AND strpos(lower(a.number), lower($4)) > 0))
  AND ($5::timestamptz IS NULL OR (p.initiated_at, p.payment_id) < ($5, $6::text))  -- back: AND (p.initiated_at, p.payment_id) > ($5, $6::text)
  AND ($8::text[] IS NULL OR p.payment_id = ANY ($8))
ORDER BY p.initiated_at DESC, p.payment_id DESC  -- back: ORDER BY p.initiated_at, p.payment_id
LIMIT $7

-- name: payments_of_invoice
SELECT payment_id FROM platform.payment WHERE partner_id = $1 AND account_id = $2 AND invoice_id = $3
UNION
SELECT payment_id FROM sync.applied WHERE partner_id = $1 AND account_id = $2 AND invoice_id = $3

-- name: payouts
SELECT p.payout_id, p.status, p.currency, p.net, p.arrival_date, p.created_at,
       s.generation,
       CASE WHEN s.state = 'ready' AND n.payments_account_id IS NULL THEN 'waiting' ELSE s.state END AS push_state,
       CASE WHEN s.state = 'ready' AND n.payments_account_id IS NULL THEN 'no_accounts' ELSE s.reason END AS push_reason,
       s.detail, s.attempts, s.not_before, s.claimed_at, s.fb_payment_id, s.entry_id, s.recorded_amount, s.choice,
       s.updated_at AS push_updated_at,
       coalesce((SELECT jsonb_agg(jsonb_build_object('member', m.member, 'kind', m.kind, 'payment_id', m.payment_id,
                                                     'amount', m.amount::text) ORDER BY m.member)
                 FROM platform.payout_member m
                 WHERE m.partner_id = p.partner_id AND m.payout_id = p.payout_id), '[]') AS members
FROM platform.payout p
LEFT JOIN sync.connection n ON n.partner_id = p.partner_id
LEFT JOIN LATERAL (
    SELECT * FROM sync.push s
    WHERE s.partner_id = p.partner_id AND s.kind = 'payout' AND s.subject = p.payout_id
    -- One that failed and succeeded after all stands where its deposit stands.
    ORDER BY s.reason = 'payout_recovered' IS TRUE, s.generation DESC
    LIMIT 1
) s ON true
WHERE p.partner_id = $1
  AND ($2::timestamptz IS NULL OR (p.created_at, p.payout_id) < ($2, $3::text))  -- back: AND (p.created_at, p.payout_id) > ($2, $3::text)
  AND ($5::text IS NULL OR p.payout_id = $5)
ORDER BY p.created_at DESC, p.payout_id DESC  -- back: ORDER BY p.created_at, p.payout_id
LIMIT $4

-- name: waiting_moves
SELECT reason, count(*) AS payments FROM sync.push
WHERE partner_id = $1 AND kind = 'move' AND state = 'waiting' AND reason IS NOT NULL
GROUP BY reason
ORDER BY payments DESC, reason

-- name: customers
SELECT c.customer_id, c.email, c.phone, c.city, c.country, c.currency, c.vis_state, c.fb_updated_at, d.name,
       (SELECT count(*) FROM sync.invoice i
        WHERE i.partner_id = c.partner_id AND i.account_id = c.account_id AND i.customer_id = c.customer_id) AS invoices,
       coalesce((SELECT jsonb_object_agg(o.currency, o.due::text)
                 FROM (SELECT i.currency, sum(i.amount_due) AS due FROM sync.invoice i
                       WHERE i.partner_id = c.partner_id AND i.account_id = c.account_id
                         AND i.customer_id = c.customer_id AND i.status = 'outstanding' AND i.amount_due > 0
                         AND i.vis_state <> 1
                       GROUP BY i.currency) o), '{}') AS owes
FROM sync.customer c
JOIN sync.connection n USING (partner_id, account_id)
CROSS JOIN LATERAL (
    SELECT coalesce(nullif(c.organization, ''), trim(c.first_name || ' ' || c.last_name)) AS name
) d
WHERE c.partner_id = $1 AND ($2 = '' OR strpos(lower(d.name || ' ' || c.email), lower($2)) > 0)
  AND ($3::text IS NULL OR (d.name, c.customer_id) > ($3, $4::bigint))  -- back: AND (d.name, c.customer_id) < ($3, $4::bigint)
ORDER BY d.name, c.customer_id  -- back: ORDER BY d.name DESC, c.customer_id DESC
LIMIT $5

-- name: issues
SELECT u.*, p.invoice_id FROM sync.issue u
LEFT JOIN platform.payment p ON u.subject_type = 'payment' AND p.partner_id = u.partner_id AND p.payment_id = u.subject_id
WHERE u.partner_id = $1 AND ($2 OR closed_at IS NULL) AND ($3 = '' OR kind = $3)
  AND ($4::text IS NULL OR (subject_type = $4 AND subject_id = $5::text))
  AND ($6::bigint IS NULL OR issue_id < $6)  -- back: AND issue_id > $6
ORDER BY issue_id DESC  -- back: ORDER BY issue_id
LIMIT $7

-- name: issue
SELECT u.*, p.invoice_id FROM sync.issue u
LEFT JOIN platform.payment p ON u.subject_type = 'payment' AND p.partner_id = u.partner_id AND p.payment_id = u.subject_id
WHERE u.partner_id = $1 AND issue_id = $2

-- name: runs
SELECT * FROM sync.run
WHERE partner_id = $1
  AND ($2::bigint IS NULL OR run_id < $2)  -- back: AND run_id > $2
  AND CASE $4 WHEN 'changed' THEN changed > 0 WHEN 'failed' THEN outcome <> 'complete' ELSE true END
ORDER BY run_id DESC  -- back: ORDER BY run_id
LIMIT $3

-- name: audit
SELECT * FROM sync.audit
WHERE partner_id = $1
  AND ($2::bigint IS NULL OR audit_id < $2)  -- back: AND audit_id > $2
  AND CASE $4 WHEN 'people' THEN who <> 'freshbooks-syncd' WHEN 'daemon' THEN who = 'freshbooks-syncd' ELSE true END
ORDER BY audit_id DESC  -- back: ORDER BY audit_id
LIMIT $3

-- name: run_days
SELECT (finished_at AT TIME ZONE $3)::date AS day, count(*) AS runs,
       count(*) FILTER (WHERE outcome <> 'complete') AS failed_runs, sum(pages)::bigint AS pages, sum(changed)::bigint AS changed
FROM sync.run
WHERE partner_id = $1 AND finished_at >= $2::date::timestamp AT TIME ZONE $3
GROUP BY 1

-- name: recorded_days
SELECT (at AT TIME ZONE $3)::date AS day, after->>'currency' AS currency, count(*) AS payments,
       sum((after->>'amount')::numeric) AS amount
FROM sync.audit
WHERE partner_id = $1 AND what = 'payment recorded in FreshBooks' AND at >= $2::date::timestamp AT TIME ZONE $3
GROUP BY 1, 2
ORDER BY 1, 2

-- name: latency_days
-- From a payment's initiation to its record; one that waited for a person or for accounts waited.
SELECT (a.at AT TIME ZONE $3)::date AS day,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY w.seconds) AS median_s, max(w.seconds) AS slowest_s
FROM sync.audit a
JOIN platform.payment p ON p.partner_id = a.partner_id AND p.payment_id = substr(a.subject, length('payment/') + 1)
CROSS JOIN LATERAL (SELECT greatest(extract(epoch FROM a.at - p.initiated_at), 0)::float8 AS seconds) w
WHERE a.partner_id = $1 AND a.what = 'payment recorded in FreshBooks' AND a.at >= $2::date::timestamp AT TIME ZONE $3
GROUP BY 1

-- name: events
SELECT event_id, at, kind, subject, data FROM platform.event
WHERE partner_id = $1 AND event_id > $2 ORDER BY event_id LIMIT $3

-- name: archive_state
-- P6: first in FreshBooks, then here; and never under a payment that is processing.
SELECT i.account_id, i.number, i.archived_at, i.vis_state,
       EXISTS (SELECT FROM platform.payment p
               WHERE p.partner_id = i.partner_id AND p.account_id = i.account_id AND p.invoice_id = i.invoice_id
                 AND p.status = 'processing') AS processing
FROM sync.invoice i
JOIN sync.connection n USING (partner_id, account_id)
WHERE i.partner_id = $1 AND i.invoice_id = $2

-- name: archive
UPDATE sync.invoice SET archived_at = $4 WHERE partner_id = $1 AND account_id = $2 AND invoice_id = $3
