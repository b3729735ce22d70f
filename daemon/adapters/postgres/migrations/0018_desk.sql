-- What the pages need to stay quick with 100,000 invoices: counts kept beside the rows, and indexes for search and charts.

CREATE TABLE sync.tally (
    partner_id  text   NOT NULL,
    account_id  text   NOT NULL,
    customers   bigint NOT NULL DEFAULT 0,
    invoices    bigint NOT NULL DEFAULT 0,
    outstanding bigint NOT NULL DEFAULT 0,
    paid        bigint NOT NULL DEFAULT 0,
    drafts      bigint NOT NULL DEFAULT 0,
    deleted     bigint NOT NULL DEFAULT 0,
    fb_payments bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (partner_id, account_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE sync.tally IS 'How many rows of each kind an account has, changed in the transaction that changes the rows.';

CREATE FUNCTION sync.add_to_tally(
    partner text, account text, customers bigint, invoices bigint, outstanding bigint, paid bigint, drafts bigint,
    deleted bigint, fb_payments bigint
) RETURNS void LANGUAGE sql AS $$
    INSERT INTO sync.tally AS t VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (partner_id, account_id) DO UPDATE
    SET customers = t.customers + $3, invoices = t.invoices + $4, outstanding = t.outstanding + $5, paid = t.paid + $6,
        drafts = t.drafts + $7, deleted = t.deleted + $8, fb_payments = t.fb_payments + $9
$$;

-- Once a statement, whatever it merges; what leaves every count as it was writes nothing.
CREATE FUNCTION sync.tally_invoices() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM sync.add_to_tally(partner_id, account_id, 0, count(*), count(*) FILTER (WHERE status = 'outstanding'),
            count(*) FILTER (WHERE status = 'paid'), count(*) FILTER (WHERE status = 'draft'),
            count(*) FILTER (WHERE vis_state = 1), 0)
        FROM new_rows GROUP BY partner_id, account_id;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM sync.add_to_tally(partner_id, account_id, 0, -count(*), -count(*) FILTER (WHERE status = 'outstanding'),
            -count(*) FILTER (WHERE status = 'paid'), -count(*) FILTER (WHERE status = 'draft'),
            -count(*) FILTER (WHERE vis_state = 1), 0)
        FROM old_rows GROUP BY partner_id, account_id;
    ELSE
        PERFORM sync.add_to_tally(partner_id, account_id, 0, 0, outstanding, paid, drafts, deleted, 0)
        FROM (
            SELECT partner_id, account_id, coalesce(sum(n) FILTER (WHERE status = 'outstanding'), 0)::bigint AS outstanding,
                   coalesce(sum(n) FILTER (WHERE status = 'paid'), 0)::bigint AS paid,
                   coalesce(sum(n) FILTER (WHERE status = 'draft'), 0)::bigint AS drafts,
                   coalesce(sum(n) FILTER (WHERE vis_state = 1), 0)::bigint AS deleted
            FROM (
                SELECT partner_id, account_id, status, vis_state, 1 AS n FROM new_rows
                UNION ALL
                SELECT partner_id, account_id, status, vis_state, -1 FROM old_rows
            ) rows
            GROUP BY partner_id, account_id
        ) change
        WHERE (outstanding, paid, drafts, deleted) <> (0, 0, 0, 0);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION sync.tally_records() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    of_customers constant bigint := (TG_TABLE_NAME = 'customer')::int;
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM sync.add_to_tally(partner_id, account_id, count(*) * of_customers, 0, 0, 0, 0, 0, count(*) * (1 - of_customers))
        FROM new_rows GROUP BY partner_id, account_id;
    ELSE
        PERFORM sync.add_to_tally(partner_id, account_id, -count(*) * of_customers, 0, 0, 0, 0, 0, -count(*) * (1 - of_customers))
        FROM old_rows GROUP BY partner_id, account_id;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER tally_insert AFTER INSERT ON sync.invoice REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION sync.tally_invoices();
CREATE TRIGGER tally_update AFTER UPDATE ON sync.invoice REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION sync.tally_invoices();
CREATE TRIGGER tally_delete AFTER DELETE ON sync.invoice REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION sync.tally_invoices();
CREATE TRIGGER tally_insert AFTER INSERT ON sync.customer REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION sync.tally_records();
CREATE TRIGGER tally_delete AFTER DELETE ON sync.customer REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION sync.tally_records();
CREATE TRIGGER tally_insert AFTER INSERT ON sync.fb_payment REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION sync.tally_records();
CREATE TRIGGER tally_delete AFTER DELETE ON sync.fb_payment REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION sync.tally_records();

INSERT INTO sync.tally (partner_id, account_id, invoices, outstanding, paid, drafts, deleted)
SELECT partner_id, account_id, count(*), count(*) FILTER (WHERE status = 'outstanding'),
       count(*) FILTER (WHERE status = 'paid'), count(*) FILTER (WHERE status = 'draft'), count(*) FILTER (WHERE vis_state = 1)
FROM sync.invoice GROUP BY 1, 2;
INSERT INTO sync.tally AS t (partner_id, account_id, customers)
SELECT partner_id, account_id, count(*) FROM sync.customer GROUP BY 1, 2
ON CONFLICT (partner_id, account_id) DO UPDATE SET customers = excluded.customers;
INSERT INTO sync.tally AS t (partner_id, account_id, fb_payments)
SELECT partner_id, account_id, count(*) FROM sync.fb_payment GROUP BY 1, 2
ON CONFLICT (partner_id, account_id) DO UPDATE SET fb_payments = excluded.fb_payments;

-- A search for a number finds what begins or ends so, in either case of its letters.
DROP INDEX sync.invoice_number;
CREATE INDEX invoice_number ON sync.invoice (partner_id, lower(number) text_pattern_ops);
CREATE INDEX invoice_number_end ON sync.invoice (partner_id, reverse(lower(number)) text_pattern_ops);

CREATE INDEX audit_recorded ON sync.audit (partner_id, at) WHERE what = 'payment recorded in FreshBooks';
